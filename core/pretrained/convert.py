"""From weights to a LiteRT model, cached on disk with the proof that it still predicts the same.

A folder of the cache is named by what decides its content: the weights' SHA-256, the
architecture, the layer at which it is cut if it is, and the version of this conversion. It holds
``model.tflite``, the classifier of an exact class activation map, and ``contract.json``:
preprocessing, labels' digest and golden pairs. Loading runs one golden input again; what does not
agree within 1e-4 is built anew.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import TeachdeckError
from core.imaging.preprocess import Preprocessing
from core.inference.flatbuffer import to_litert
from core.inference.litert import LiteRtModel
from core.inference.network import Network
from core.pretrained.architectures import Architecture
from core.pretrained.architectures.blocks import ArraySource
from core.pretrained.backbone import OUTPUTS
from core.pretrained.labels import labels_digest
from core.pretrained.truncate import truncate, truncated_outputs

__all__ = [
    "CONVERSION_VERSION",
    "GOLDEN_TOLERANCE",
    "Conversion",
    "ConversionCache",
    "Converted",
    "build_network",
    "convert",
    "golden_input",
]

# Raise when the same weights would be converted to something else.
CONVERSION_VERSION = 1
GOLDEN_TOLERANCE = 1e-4
_GOLDEN_PAIRS = 2
# A flattened feature map has 60,000 values; as many as ImageNet has classes prove as much.
_GOLDEN_VALUES = 1000
_MODEL, _CLASSIFIER, _CONTRACT = "model.tflite", "classifier.npz", "contract.json"


@dataclass(frozen=True, eq=False)
class Conversion:
    """What is to be converted.

    Parameters
    ----------
    weights_sha256 : str
        Of the file or folder that the weights come from.
    architecture : Architecture
    alpha : float
    classes : int
    preprocessing : Preprocessing
    labels : tuple of str
    layer : str, optional
        Where the network is cut, such as ``"conv_pw_13_relu"``; the whole network if empty.
    pooled : bool, optional
        Whether the mean over height and width follows the cut.
    """

    weights_sha256: str
    architecture: Architecture
    alpha: float
    classes: int
    preprocessing: Preprocessing
    labels: tuple[str, ...]
    layer: str = ""
    pooled: bool = False

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the LiteRT model's outputs; golden pairs are of the first."""
        return truncated_outputs(self.layer, pooled=self.pooled) if self.layer else OUTPUTS

    @property
    def key(self) -> str:
        """Name of the cache's folder."""
        parts: tuple[object, ...] = (
            CONVERSION_VERSION,
            self.weights_sha256,
            self.architecture.name,
            self.alpha,
            self.classes,
            self.preprocessing.input_size_px,
        )
        if self.layer:
            parts = (*parts, self.layer, self.pooled)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:40]


@dataclass(frozen=True, eq=False)
class Converted:
    """A LiteRT model with its classifier, where that is linear.

    Parameters
    ----------
    model : LiteRtModel
    classifier_kernel : ndarray of float32, shape (c, classes), or None
    classifier_bias : ndarray of float32, shape (classes,), or None
    """

    model: LiteRtModel
    classifier_kernel: NDArray[np.float32] | None
    classifier_bias: NDArray[np.float32] | None


def golden_input(number: int, side_px: int) -> NDArray[np.float32]:
    """Return a made picture that is the same on every machine and with every numpy.

    Parameters
    ----------
    number : int
        Which one.
    side_px : int

    Returns
    -------
    ndarray of float32, shape (1, side_px, side_px, 3)
        Multiples of 1/128 from -1 to below 1, from a linear congruential generator with smooth
        parts, so that it has edges and areas.
    """
    tile = 16 << number
    y, x, channel = np.ogrid[:side_px, :side_px, :3]
    wave = (x * (3 + 8 * number) + y * (5 + 2 * channel) * (1 - number % 2)) % 256
    noise = (x * 40503 + y * 30011 + channel * 7919 + number * 2741 + x * y * 13) % 256
    values = np.where((x // tile + y // tile) % 2 == 0, wave, noise)
    picture: NDArray[np.float32] = (values.astype(np.float32) - 128) / 128
    return picture[np.newaxis]


def convert(conversion: Conversion, arrays: Mapping[str, NDArray[Any]]) -> tuple[Converted, bytes]:
    """Build the network and write it for LiteRT.

    Parameters
    ----------
    conversion : Conversion
    arrays : mapping of str to ndarray
        Weights under the architecture's names.

    Returns
    -------
    Converted
    bytes
        The ``.tflite`` file.

    Raises
    ------
    ModelError
        If a weight is missing or has another shape, or there is no such layer.
    """
    network = build_network(conversion, arrays)
    if conversion.layer:
        network = truncate(network, conversion.layer, pooled=conversion.pooled)
    content = to_litert(network, outputs=conversion.outputs)
    kernel = bias = None
    if conversion.architecture.classifier is not None and not conversion.layer:
        logits = network.node("logits")
        kernel, bias = logits.weights["kernel"], logits.weights["bias"]
    return Converted(LiteRtModel(content), kernel, bias), content


def build_network(conversion: Conversion, arrays: Mapping[str, NDArray[Any]]) -> Network:
    """Return the whole network with its weights, whatever part of it is to be converted.

    Parameters
    ----------
    conversion : Conversion
    arrays : mapping of str to ndarray
        Weights under the architecture's names.

    Returns
    -------
    Network

    Raises
    ------
    ModelError
        If a weight is missing or has another shape.
    """
    return conversion.architecture.build(
        ArraySource(arrays),
        alpha=conversion.alpha,
        classes=conversion.classes,
        input_size_px=conversion.preprocessing.input_size_px,
    )


class ConversionCache:
    """Converted models on disk; a folder that cannot be written is as good as an empty one.

    Parameters
    ----------
    folder : pathlib.Path
        Made when first needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def holds(self, conversion: Conversion) -> bool:
        """Say whether a conversion was cached, without checking it."""
        return (self._folder / conversion.key / _CONTRACT).is_file()

    def load(self, conversion: Conversion) -> Converted | None:
        """Return a cached model that still gives its golden output, else None."""
        folder = self._folder / conversion.key
        try:
            contract = json.loads((folder / _CONTRACT).read_text(encoding="utf-8"))
            content = (folder / _MODEL).read_bytes()
            if hashlib.sha256(content).hexdigest() != contract["model_sha256"]:
                return None
            if contract["labels_sha256"] != labels_digest(conversion.labels):
                return None
            if contract["preprocessing"] != conversion.preprocessing.to_dict():
                return None
            kernel = bias = None
            if conversion.architecture.classifier is not None and not conversion.layer:
                stored = io.BytesIO((folder / _CLASSIFIER).read_bytes())
                with np.load(stored, allow_pickle=False) as arrays:
                    kernel, bias = arrays["kernel"], arrays["bias"]
            model = LiteRtModel(content)
            if not _golden_agrees(model, conversion, contract["golden"][0]):
                return None
        except (
            OSError,
            ValueError,
            KeyError,
            IndexError,
            TypeError,
            zipfile.BadZipFile,
            TeachdeckError,
        ):
            # Whatever is wrong with a cache, the answer is to build it anew.
            return None
        return Converted(model, kernel, bias)

    def save(self, conversion: Conversion, converted: Converted, content: bytes) -> bool:
        """Write a converted model, all or nothing; return whether that worked."""
        contract = {
            "conversion_version": CONVERSION_VERSION,
            "weights_sha256": conversion.weights_sha256,
            "model_sha256": hashlib.sha256(content).hexdigest(),
            "architecture": conversion.architecture.name,
            "alpha": conversion.alpha,
            "classes": conversion.classes,
            "preprocessing": conversion.preprocessing.to_dict(),
            "labels_sha256": labels_digest(conversion.labels),
            "outputs": list(conversion.outputs),
            "golden": [_golden_pair(converted.model, conversion, n) for n in range(_GOLDEN_PAIRS)],
        }
        files = {_MODEL: content, _CONTRACT: json.dumps(contract).encode()}
        if converted.classifier_kernel is not None:
            arrays = io.BytesIO()
            kernel, bias = converted.classifier_kernel, converted.classifier_bias
            np.savez(arrays, kernel=kernel, bias=np.asarray(bias))
            files[_CLASSIFIER] = arrays.getvalue()
        try:
            self._write(conversion.key, files)
        except OSError:
            return False
        return True

    def _write(self, key: str, files: Mapping[str, bytes]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{key[:8]}-", dir=self._folder))
        try:
            for name, content in files.items():
                (draft / name).write_bytes(content)
            target = self._folder / key
            if target.exists():
                # A folder cannot replace one that is not empty; readers of the old one notice
                # a missing file and build anew.
                shutil.rmtree(target, ignore_errors=True)
            os.replace(draft, target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def _golden_values(model: LiteRtModel, conversion: Conversion, number: int) -> NDArray[np.float32]:
    picture = golden_input(number, conversion.preprocessing.input_size_px)
    values = model.run(picture)[conversion.outputs[0]].ravel()
    return values[:: max(1, len(values) // _GOLDEN_VALUES)]


def _golden_pair(model: LiteRtModel, conversion: Conversion, number: int) -> dict[str, Any]:
    values = _golden_values(model, conversion, number)
    return {"input": number, conversion.outputs[0]: [float(f"{value:.9g}") for value in values]}


def _golden_agrees(model: LiteRtModel, conversion: Conversion, pair: Mapping[str, Any]) -> bool:
    if set(model.output_shapes) != set(conversion.outputs):
        return False
    expected = np.asarray(pair[conversion.outputs[0]], np.float32)
    values = _golden_values(model, conversion, int(pair["input"]))
    scale = max(1.0, float(np.abs(expected).max()))
    return values.shape == expected.shape and bool(
        np.abs(values - expected).max() <= GOLDEN_TOLERANCE * scale
    )
