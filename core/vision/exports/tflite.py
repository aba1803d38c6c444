"""TFLite: one file from pixels to probabilities, with labels and preprocessing inside."""

from __future__ import annotations

import numpy as np

from core.exports import ExportFormat, Progress, Written
from core.inference.flatbuffer import to_litert
from core.inference.litert import LiteRtModel
from core.vision.exports.about import ABOUT_FILE, about_bytes
from core.vision.exports.source import POOLED, PROBABILITIES, PictureModel
from core.vision.exports.tflite_metadata import ENTRY, ImageMetadata, image_metadata, with_files

__all__ = ["LABELS_FILE", "TFLITE", "tflite_bytes"]

LABELS_FILE = "labels.txt"


def tflite_bytes(model: PictureModel, *, features: bool = False) -> bytes:
    """Return a model as a TFLite file with metadata.

    Parameters
    ----------
    model : PictureModel
    features : bool, optional
        Whether the features that rejection compares are a second output, where it does.

    Returns
    -------
    bytes
        Takes float32 pixels of 0 to 255, [1, s, s, 3]. `zipfile` opens it and finds
        ``labels.txt``, one class a line, and ``teachdeck.json``.
    """
    contract = model.preprocessing
    region = (
        f"the centred square of {contract.crop_fraction:g} times the shorter side"
        if contract.resize == "center_crop"
        else "the whole picture"
    )
    size = contract.input_size_px
    metadata = image_metadata(
        ImageMetadata(
            name=model.name,
            description=f"Image classifier taught in Teachdeck on {model.backbone}.",
            licence=model.licence,
            input_description=(
                f"RGB pixels of 0 to 255: {region}, resized to {size} x {size} with Pillow's "
                f"antialiased {contract.interpolation} filter. Scaling is inside the model."
            ),
            output_description="Probability of each class, in the order of the label file.",
            size_px=size,
            label_file=LABELS_FILE,
            about_file=ABOUT_FILE,
            outputs=2 if features and model.compares_features else 1,
        )
    )
    network, outputs = model.pixel_network, [PROBABILITIES]
    if features and model.compares_features:
        network, outputs = model.familiarity_network, [PROBABILITIES, POOLED]
    content = to_litert(network, outputs=outputs, metadata={ENTRY: metadata})
    labels = "".join(f"{' '.join(label.split())}\n" for label in model.labels)
    return with_files(content, {LABELS_FILE: labels.encode(), ABOUT_FILE: about_bytes(model)})


def _write(model: PictureModel, progress: Progress) -> Written:
    content = tflite_bytes(model)
    progress("check", 0.6)
    answers = LiteRtModel(content).run(model.golden_pictures.astype(np.float32))
    return Written({f"{model.file_stem}.tflite": content}, answers[PROBABILITIES])


def _predicted(model: PictureModel) -> int:
    return 4 * model.network.parameters + 400 * len(model.network.nodes)


TFLITE = ExportFormat(
    id="tflite",
    title="TensorFlow Lite (LiteRT), with labels",
    suffix=".tflite",
    mime="application/octet-stream",
    write=_write,
    predict_bytes=_predicted,
)
