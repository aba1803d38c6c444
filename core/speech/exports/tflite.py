"""TFLite: one file from normalised spectrograms to scores, with labels and contract inside."""

from __future__ import annotations

from core.exports import ExportFormat, Progress, Written
from core.inference.flatbuffer import to_litert
from core.inference.litert import LiteRtModel
from core.speech.exports.about import ABOUT_FILE, about_bytes
from core.speech.exports.source import WordModel
from core.vision.exports.tflite_metadata import (
    ENTRY,
    FeatureMetadata,
    feature_metadata,
    with_files,
)

__all__ = ["LABELS_FILE", "TFLITE", "tflite_bytes"]

LABELS_FILE = "labels.txt"


def tflite_bytes(model: WordModel) -> bytes:
    """Return a model as a TFLite file with metadata.

    Parameters
    ----------
    model : WordModel

    Returns
    -------
    bytes
        Takes float32 normalised spectrograms, [1, frames, bins, 1]. `zipfile` opens it and finds
        ``labels.txt``, one label a line, and ``teachdeck.json``.
    """
    front_end = model.speech.front_end
    metadata = feature_metadata(
        FeatureMetadata(
            name=model.name,
            description="Word recogniser taught in Teachdeck.",
            licence=model.speech.licence,
            input_name="spectrogram",
            input_description=(
                f"{front_end.frames} columns of {front_end.bins} values, made of sound of "
                f"{front_end.rate_hz} Hz as {ABOUT_FILE} says, normalised."
            ),
            output_description="Score of each label, in the order of the label file.",
            label_file=LABELS_FILE,
            about_file=ABOUT_FILE,
        )
    )
    content = to_litert(model.network, outputs=[model.scores], metadata={ENTRY: metadata})
    labels = "".join(f"{' '.join(label.split())}\n" for label in model.speech.labels)
    return with_files(content, {LABELS_FILE: labels.encode(), ABOUT_FILE: about_bytes(model)})


def _write(model: WordModel, progress: Progress) -> Written:
    content = tflite_bytes(model)
    progress("check", 0.6)
    answers = LiteRtModel(content).run(model.golden_features)
    return Written({f"{model.file_stem}.tflite": content}, answers[model.scores])


def _predicted(model: WordModel) -> int:
    return 4 * model.network.parameters + 400 * len(model.network.nodes) + 8_000


TFLITE = ExportFormat(
    id="tflite",
    title="TensorFlow Lite (LiteRT), with labels",
    suffix=".tflite",
    mime="application/octet-stream",
    write=_write,
    predict_bytes=_predicted,
)
