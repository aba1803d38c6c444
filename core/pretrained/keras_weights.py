"""Weights that Keras or TensorFlow.js saved, read safely and put under an architecture's names.

Four layouts are known: the .h5 of Keras 1 to 3 (groups by layer name, whole models below
``model_weights``), the ``.weights.h5`` of Keras 3 and the one inside a .keras archive (groups by
class and number, no names), and the folder of a TensorFlow.js layers model. Nothing of the
stored configuration is run or built: the architecture is ours, only arrays are taken.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from core.tfjs.hdf5_group import Hdf5Group, is_hdf5
from core.tfjs.hdf5_process import read_untrusted_hdf5
from core.tfjs.limits import MAX_FILE_BYTES, MAX_JSON_BYTES, parse_json, read_zip
from core.tfjs.weights import decode_group, parse_manifest

__all__ = ["StoredWeights", "match_weights", "read_keras_weights"]

Arrays = Mapping[str, NDArray[Any]]
Shapes = Mapping[str, tuple[int, ...]]

_ZIP_START = b"PK\x03\x04"
_ARCHIVE_WEIGHTS = "model.weights.h5"
_ARCHIVE_CONFIG = "config.json"
_OPTIMIZER_GROUPS = ("optimizer_weights", "optimizer")
# The order in which a Keras 3 archive numbers a layer's variables.
_NUMBERED = {
    "conv2d": ("kernel", "bias"),
    "depthwise_conv2d": ("depthwise_kernel", "bias"),
    "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "dense": ("kernel", "bias"),
}


@dataclass(frozen=True, eq=False)
class StoredWeights:
    """Weights as a file holds them.

    Parameters
    ----------
    layers : mapping of str to mapping of str to ndarray
        By layer, in the file's order, then by variable. In an archive the layers are called by
        class and number (``conv2d_3``) and the variables ``"0"``, ``"1"``, ...
    is_archive : bool
        Whether names are the archive's.
    input_size_px : int or None
        Side of the square picture that the stored configuration takes, where it says so.
    """

    layers: Mapping[str, Arrays]
    is_archive: bool
    input_size_px: int | None = None

    @property
    def parameters(self) -> int:
        """Number of values."""
        return sum(array.size for arrays in self.layers.values() for array in arrays.values())


def read_keras_weights(path: Path) -> StoredWeights:
    """Read the weights of a .h5 file, a .keras archive or a TensorFlow.js folder.

    Parameters
    ----------
    path : pathlib.Path
        Chosen by us, never put together from an uploaded name.

    Returns
    -------
    StoredWeights

    Raises
    ------
    ModelError
        If it is none of these, is damaged or too large, or asks for more than arrays.
    """
    try:
        if path.is_dir():
            return _read_folder(path)
        content = _read_bytes(path, MAX_FILE_BYTES)
    except OSError as error:
        raise ModelError(
            "pretrained.file_unreadable", name=path.name[:80], detail=error.strerror or ""
        ) from error
    if is_hdf5(content):
        return _from_hdf5(read_untrusted_hdf5(content, name=path.name, skip=_OPTIMIZER_GROUPS))
    if content.startswith(_ZIP_START):
        files = read_zip(content, name=path.name)
        if _ARCHIVE_WEIGHTS in files:
            root = read_untrusted_hdf5(
                files[_ARCHIVE_WEIGHTS], name=path.name, skip=_OPTIMIZER_GROUPS
            )
            config = parse_json(files.get(_ARCHIVE_CONFIG, b"{}"), name=_ARCHIVE_CONFIG)
            return StoredWeights(_archive_layers(root), True, _input_size(config))
    raise ModelError("pretrained.not_keras", name=path.name[:80])


def _read_bytes(path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ModelError("pretrained.file_large", name=path.name[:80], limit_mb=limit / 1e6)
    return content


def _from_hdf5(root: Hdf5Group) -> StoredWeights:
    if "layers" in root.groups and "layer_names" not in root.attributes:
        return StoredWeights(_archive_layers(root), True)
    config = root.text("model_config")
    parsed = parse_json(config.encode(), name="model_config") if config else None
    weights = root.groups.get("model_weights", root)
    names = weights.texts("layer_names") or tuple(weights.groups)
    layers: dict[str, Arrays] = {}
    for name in names:
        group = _descend(weights, name)
        if group is None:
            continue
        stored = group.texts("weight_names") or tuple(path for path, _ in group.walk())
        arrays = {}
        for weight in stored:
            array = group.find(weight)
            if array is not None:
                arrays[weight.rsplit("/", 1)[-1].removesuffix(":0")] = array
        if arrays:
            layers[name] = arrays
    return StoredWeights(layers, False, _input_size(parsed))


def _descend(group: Hdf5Group, path: str) -> Hdf5Group | None:
    found: Hdf5Group | None = group
    for part in path.split("/"):
        found = found.groups.get(part) if found else None
    return found


def _archive_layers(root: Hdf5Group) -> dict[str, Arrays]:
    layers = root.groups.get("layers", Hdf5Group())
    return {
        name: group.groups["vars"].arrays
        for name, group in layers.groups.items()
        if "vars" in group.groups and group.groups["vars"].arrays
    }


def _read_folder(folder: Path) -> StoredWeights:
    topology = parse_json(_read_bytes(folder / "model.json", MAX_JSON_BYTES), name="model.json")
    if not isinstance(topology, dict):
        raise ModelError("pretrained.not_keras", name=folder.name[:80])
    layers: dict[str, dict[str, NDArray[Any]]] = {}
    left = MAX_FILE_BYTES
    for group in parse_manifest(topology.get("weightsManifest")):
        # parse_manifest admits plain file names only, so nothing outside the folder is read.
        parts = []
        for name in group.paths:
            parts.append(_read_bytes(folder / name, left))
            left -= len(parts[-1])
        for weight, array in decode_group(group, b"".join(parts)).items():
            layer, _, variable = weight.rpartition("/")
            layers.setdefault(layer, {})[variable] = array
    return StoredWeights(layers, False, _input_size(topology.get("modelTopology")))


def _input_size(config: object) -> int | None:
    """Return the side of the first square picture that a configuration names as an input."""
    for found in _batch_shapes(config):
        match found:
            case [None, int() as height, int() as width, 3] if height == width:
                return height
    return None


def _batch_shapes(config: object) -> Iterator[object]:
    if isinstance(config, dict):
        for key, value in config.items():
            if key in ("batch_input_shape", "batch_shape"):
                yield value
            else:
                yield from _batch_shapes(value)
    elif isinstance(config, list):
        for value in config:
            yield from _batch_shapes(value)


def match_weights(stored: StoredWeights, expected: Shapes) -> dict[str, NDArray[np.float32]] | None:
    """Return the stored weights under the names that an architecture expects.

    Layers are found by name, whatever era wrote it, else by their order, as Keras itself loads
    files without names.

    Parameters
    ----------
    stored : StoredWeights
    expected : mapping of str to tuple of int
        Shapes by ``"<layer>/<variable>"``, in Keras' order.

    Returns
    -------
    dict of str to ndarray of float32, or None
        None if the file does not hold exactly these weights in these shapes.
    """
    wanted: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, shape in expected.items():
        layer, _, variable = name.rpartition("/")
        wanted.setdefault(layer, {})[variable] = shape
    if len(stored.layers) != len(wanted) or stored.parameters != sum(
        map(math.prod, expected.values())
    ):
        return None
    if stored.is_archive:
        return _take(stored, wanted, _numbered_layers(wanted))
    by_name = {_plain_name(name): name for name in stored.layers}
    named = [by_name.get(_plain_name(layer)) for layer in wanted]
    if None not in named:
        matched = _take(stored, wanted, [name for name in named if name is not None])
        if matched is not None:
            return matched
    return _take(stored, wanted, list(stored.layers))


def _plain_name(name: str) -> str:
    # Early MobileNet V3 files say "expanded_conv/depthwise/BatchNorm".
    return name.lower().replace("/", "_").replace("batchnorm", "bn")


def _kind(variables: Shapes) -> str:
    if "gamma" in variables:
        return "batch_normalization"
    if "depthwise_kernel" in variables:
        return "depthwise_conv2d"
    return "conv2d" if len(variables["kernel"]) == 4 else "dense"


def _numbered_layers(wanted: Mapping[str, Shapes]) -> list[str]:
    counts: dict[str, int] = {}
    names = []
    for variables in wanted.values():
        kind = _kind(variables)
        count = counts.get(kind, 0)
        counts[kind] = count + 1
        names.append(f"{kind}_{count}" if count else kind)
    return names


def _take(
    stored: StoredWeights, wanted: Mapping[str, Shapes], names: Sequence[str]
) -> dict[str, NDArray[np.float32]] | None:
    matched: dict[str, NDArray[np.float32]] = {}
    for (layer, variables), name in zip(wanted.items(), names, strict=True):
        arrays = stored.layers.get(name, {})
        order = _NUMBERED[_kind(variables)]
        for variable, shape in variables.items():
            if stored.is_archive:
                array = arrays.get(str(order.index(variable)))
            else:
                array = arrays.get(variable)
                if array is None and variable == "depthwise_kernel":
                    array = arrays.get("kernel")
            if array is None or array.shape != shape or array.dtype.kind != "f":
                return None
            values = np.asarray(array, dtype=np.float32)
            if not np.isfinite(values).all():
                return None
            matched[f"{layer}/{variable}"] = values
    return matched
