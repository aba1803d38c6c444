"""Picture models that were taught elsewhere: Teachable Machine's exports, and heads alone.

What is read becomes the same taught model that is taught here. Files are rebuilt from an
allow-list of layers by :mod:`core.tfjs`; nothing in them runs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import ModelError, Note, TeachdeckError
from core.imaging.preprocess import Preprocessing
from core.inference.from_keras import network_from_keras
from core.inference.network import Network
from core.inference.node import Shape
from core.pretrained.backbone import TruncatedBackbone
from core.pretrained.store import ModelStore
from core.tfjs.model import SIDE_METADATA, LayersModel
from core.tfjs.read import read_model
from core.vision.exports.about import FORMAT
from core.vision.head import DenseLayer, ImageHead
from core.vision.taught import TaughtImageModel

__all__ = ["ImportedModel", "import_picture_model"]

_IMPORTED = "imported"
_MAX_LABEL_LENGTH = 200
# Teachable Machine's library draws the largest square on a canvas, and scales x / 127 - 1.
_LIBRARY = {"resize": "center_crop", "crop_fraction": 1.0, "interpolation": "bilinear"}
_LIBRARY_OFFSET = _LIBRARY_SCALE = 127.0


@dataclass(frozen=True, eq=False)
class ImportedModel:
    """A model that came back.

    Parameters
    ----------
    taught : TaughtImageModel
    network : Network
        The whole network that the head was put on, to export the model again.
    notes : tuple of Note
        What was guessed.
    """

    taught: TaughtImageModel
    network: Network
    notes: tuple[Note, ...]


@dataclass(frozen=True, eq=False)
class _Split:
    """A network taken apart: where the head reads, and its layers."""

    layer: str
    pooled: bool
    dense: tuple[DenseLayer, ...]


def import_picture_model(
    source: str | os.PathLike[str] | bytes | Mapping[str, bytes],
    store: ModelStore,
    *,
    backbone_id: str | None = None,
    labels: Sequence[str] | None = None,
    name: str | None = None,
) -> ImportedModel:
    """Read a picture model that was taught elsewhere.

    Parameters
    ----------
    source : path, bytes, or mapping of str to bytes
        A Teachable Machine image export, a layers model from pixels to probabilities, or a head
        alone, as :func:`core.tfjs.read.read_model` takes them: a zip, a folder, a file, or
        uploaded files by name.
    store : ModelStore
        Where a head's network is looked for.
    backbone_id : str, optional
        The network of a head alone; by default the first on this machine with a layer that fits.
    labels : sequence of str, optional
        Names of the classes, where the file has none.
    name : str, optional
        The file's name, for messages.

    Returns
    -------
    ImportedModel

    Raises
    ------
    ModelError
        If the file is refused, is no classifier of pictures that ends in dense layers, or no
        network on this machine fits the head.
    """
    layers = read_model(source, name=name)
    network = network_from_keras(layers.topology, layers.weights)
    split = _split(network)
    shape = network.output_shape(network.inputs[0])
    if split.layer == network.inputs[0] and not _is_picture(shape):
        return _head_alone(layers, split, shape, store, backbone_id, labels)
    if not _is_picture(shape):
        raise _no_classifier(f"[height, width, 3] pixels, square, not {list(shape)}")
    preprocessing, notes = _preprocessing(layers, shape[0])
    names, guessed = _labels(layers, labels, len(split.dense[-1].bias))
    backbone = TruncatedBackbone.from_network(
        network,
        split.layer,
        pooled=split.pooled,
        preprocessing=preprocessing,
        model_id=_IMPORTED,
        title=_title(layers),
    )
    taught = TaughtImageModel(backbone, _head(split, backbone, names))
    return ImportedModel(taught, network, (*layers.notices, *notes, *guessed))


def _is_picture(shape: Shape) -> bool:
    return len(shape) == 3 and shape[0] == shape[1] and shape[2] == 3


def _split(network: Network) -> _Split:
    """Take the dense layers off the end of a network."""
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        raise _no_classifier("one input and one output")
    node = network.node(network.outputs[0])
    dense: list[DenseLayer] = []
    activation, above = "linear", node.name
    while node.op in ("identity", "softmax", "relu", "dense"):
        read = node.inputs[0]
        if node.op == "dense":
            if len(network.output_shape(read)) != 1:
                break
            kernel = node.weights["kernel"]
            bias = node.weights.get("bias", np.zeros(kernel.shape[1], np.float32))
            dense.insert(0, DenseLayer(kernel, bias, activation))
            activation = "linear"
            above = read
        elif node.op != "identity":
            if activation != "linear":
                break
            activation = node.op
        node = network.node(read)
    if not dense or dense[-1].activation != "softmax":
        raise _no_classifier("dense layers, the last one with a softmax")
    top = _named(network, above)  # an activation that no dense layer took is the body's
    node, pooled = network.node(top), False
    if node.op == "global_average_pool" and len(network.output_shape(top)) == 1:
        top, pooled = _named(network, node.inputs[0]), True
    elif node.op == "flatten":
        top = _named(network, node.inputs[0])
    return _Split(top, pooled, tuple(dense))


def _named(network: Network, name: str) -> str:
    """Return the layer itself where `name` is a second name of it, such as a nested model's."""
    node = network.node(name)
    return _named(network, node.inputs[0]) if node.op == "identity" else name


def _head(split: _Split, backbone: TruncatedBackbone, names: tuple[str, ...]) -> ImageHead:
    return ImageHead(
        labels=names,
        backbone_id=backbone.model_id,
        layer=backbone.layer,
        pooled=backbone.pooled,
        feature_shape=backbone.feature_shape,
        dense=split.dense,
        preprocessing=backbone.preprocessing,
        backbone_sha256=backbone.weights_sha256,
        trained_on={"imported": True},
    )


def _head_alone(
    layers: LayersModel,
    split: _Split,
    shape: Shape,
    store: ModelStore,
    backbone_id: str | None,
    labels: Sequence[str] | None,
) -> ImportedModel:
    names, guessed = _labels(layers, labels, len(split.dense[-1].bias))
    candidates = [backbone_id] if backbone_id else _on_disk(store)
    for candidate in candidates:
        try:
            network = store.network(candidate)
        except TeachdeckError:
            if backbone_id:
                raise
            continue
        layer = _last_of_shape(network, shape)
        if layer is None:
            continue
        backbone = store.load_truncated(candidate, layer, pooled=split.pooled)
        taught = TaughtImageModel(backbone, _head(split, backbone, names))
        note = Note("import.note_backbone", {"title": backbone.title[:80], "layer": layer[:80]})
        return ImportedModel(taught, network, (*layers.notices, note, *guessed))
    raise ModelError("import.no_backbone", shape=str(list(shape)), tried=", ".join(candidates))


def _on_disk(store: ModelStore) -> list[str]:
    return [entry.model_id for entry in store.entries() if entry.state in ("ready", "on_disk")]


def _last_of_shape(network: Network, shape: Shape) -> str | None:
    """Return the last layer of this shape before any classifier."""
    found = [node for node in network.nodes if network.output_shape(node.name) == shape]
    found = [node for node in found if node.op not in ("identity", "input")]
    return found[-1].name if found else None


def _preprocessing(layers: LayersModel, side: int) -> tuple[Preprocessing, tuple[Note, ...]]:
    metadata = layers.metadata or {}
    contract = metadata.get("preprocessing")
    if metadata.get("format") == FORMAT and isinstance(contract, dict):
        inside = SIDE_METADATA not in metadata
        known = Preprocessing.from_dict(contract)
        if inside and known.input_size_px == side:
            # One of our own: scaling is in the model.
            return Preprocessing(**{**known.to_dict(), "offset": 0, "scale": 1}), ()  # type: ignore[arg-type]
    offset, scale = _LIBRARY_OFFSET, _LIBRARY_SCALE
    notes = [] if SIDE_METADATA in metadata else [Note("import.note_scaling")]
    contract = Preprocessing(side, offset=offset, scale=scale, **_LIBRARY)  # type: ignore[arg-type]
    return contract, tuple(notes)


def _labels(
    layers: LayersModel, given: Sequence[str] | None, count: int
) -> tuple[tuple[str, ...], tuple[Note, ...]]:
    """Return the classes' names: the given ones, the file's, or numbers."""
    metadata: dict[str, Any] = layers.metadata or {}
    side = metadata.get(SIDE_METADATA)
    listed = side.get("labels") if isinstance(side, dict) else metadata.get("labels")
    found = list(given) if given is not None else listed
    if isinstance(found, list) and len(found) == count and all(isinstance(n, str) for n in found):
        names = tuple(" ".join(label.split())[:_MAX_LABEL_LENGTH] for label in found)
        if all(names) and len(set(names)) == count:
            return names, ()
    if given is not None:
        raise ModelError("import.labels", expected=count, received=len(given))
    numbered = tuple(f"class {number + 1}" for number in range(count))
    return numbered, (Note("import.note_no_labels", {"count": count}),)


def _title(layers: LayersModel) -> str:
    side = (layers.metadata or {}).get(SIDE_METADATA)
    title = side.get("modelName") if isinstance(side, dict) else None
    kept = "".join(letter for letter in str(title or layers.name) if letter.isprintable())
    return kept[:60] or _IMPORTED


def _no_classifier(expected: str) -> ModelError:
    return ModelError("import.no_classifier", expected=expected)
