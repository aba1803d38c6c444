"""Full Keras models, from pixels to probabilities: ``.h5`` and ``.keras``."""

from __future__ import annotations

import io
import zipfile

import h5py
import numpy as np

from core.exports import ExportFormat, Progress, Written, run_layers_model
from core.tfjs.compat import adapt
from core.tfjs.keras_process import KerasProcess
from core.tfjs.model import LayersModel
from core.tfjs.read import read_model
from core.tfjs.write_h5 import h5_bytes
from core.vision.exports.about import ABOUT_FILE, about_bytes
from core.vision.exports.layers import layers_model_of
from core.vision.exports.source import PictureModel

__all__ = ["H5", "KERAS"]

_H5_DATASET = "teachdeck"


def _layers(model: PictureModel) -> LayersModel:
    return layers_model_of(model.pixel_network, name=model.file_stem)


def _pixels(model: PictureModel) -> np.ndarray:
    return model.golden_pictures.astype(np.float32)


def _write_h5(model: PictureModel, progress: Progress) -> Written:
    content = _with_dataset(h5_bytes(adapt(_layers(model), "keras")), about_bytes(model))
    progress("check", 0.6)
    read = read_model(content, name="model.h5")
    return Written({f"{model.file_stem}.h5": content}, run_layers_model(read, _pixels(model)))


def _with_dataset(content: bytes, about: bytes) -> bytes:
    """Return an .h5 file that also holds the contract, where no reader of models looks."""
    buffer = io.BytesIO(content)
    with h5py.File(buffer, "r+") as file:
        file.create_dataset(_H5_DATASET, data=np.frombuffer(about, np.uint8))
        file[_H5_DATASET].attrs["content"] = ABOUT_FILE
    return buffer.getvalue()


def _write_keras(model: PictureModel, progress: Progress) -> Written:
    # Keras itself writes the archive, and answers for what was read back from it.
    with KerasProcess() as keras:
        content = _with_member(keras.save_keras(_layers(model)), about_bytes(model))
        progress("check", 0.8)
        read = read_model(content, name="model.keras")
        (answers,) = keras.predict(read, [_pixels(model)])
    return Written({f"{model.file_stem}.keras": content}, answers)


def _with_member(content: bytes, about: bytes) -> bytes:
    """Return a .keras archive with one more member, which Keras does not look at."""
    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(zipfile.ZipInfo(ABOUT_FILE), about)
    return buffer.getvalue()


def _predicted(model: PictureModel) -> int:
    nodes = model.network.nodes
    # HDF5 keeps a page of its own for each group and each array.
    arrays = sum(len(node.weights) for node in nodes)
    return 4 * model.network.parameters + 1_500 * len(nodes) + 1_000 * arrays


H5 = ExportFormat(
    id="h5",
    title="Keras .h5 (Keras 2 and 3)",
    suffix=".h5",
    mime="application/x-hdf5",
    write=_write_h5,
    predict_bytes=_predicted,
)
KERAS = ExportFormat(
    id="keras",
    title="Keras .keras (Keras 3)",
    suffix=".keras",
    mime="application/zip",
    write=_write_keras,
    predict_bytes=_predicted,
    needs_keras=True,
)
