"""Keras models of words, from normalised spectrograms to scores: ``.keras``."""

from __future__ import annotations

import io
import zipfile

from core.exports import ExportFormat, Progress, Written
from core.speech.exports.about import ABOUT_FILE, about_bytes
from core.speech.exports.source import WordModel
from core.tfjs.keras_process import KerasProcess
from core.tfjs.read import read_model

__all__ = ["KERAS"]


def _write(model: WordModel, progress: Progress) -> Written:
    # Keras itself writes the archive, and answers for what was read back from it.
    with KerasProcess() as keras:
        content = _with_about(keras.save_keras(model.layers), about_bytes(model))
        progress("check", 0.8)
        read = read_model(content, name="model.keras")
        (answers,) = keras.predict(read, [model.golden_features])
    return Written({f"{model.file_stem}.keras": content}, answers)


def _with_about(content: bytes, about: bytes) -> bytes:
    """Return a .keras archive with the contract as one more member; Keras does not look at it."""
    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(zipfile.ZipInfo(ABOUT_FILE), about)
    return buffer.getvalue()


def _predicted(model: WordModel) -> int:
    arrays = sum(len(node.weights) for node in model.network.nodes)
    return 4 * model.network.parameters + 1_500 * len(model.network.nodes) + 1_000 * arrays


KERAS = ExportFormat(
    id="keras",
    title="Keras .keras (Keras 3)",
    suffix=".keras",
    mime="application/zip",
    write=_write,
    predict_bytes=_predicted,
    needs_keras=True,
)
