"""Write TensorFlow.js layers models: model.json and its shards."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from core.errors import ModelError, UsageError
from core.tfjs.model import Config, LayersModel, Weight, is_model
from core.tfjs.quantize import QUANTIZED_DTYPES
from core.tfjs.weights import DEFAULT_SHARD_BYTES, encode_weights

__all__ = ["LayersOptions", "layers_model_files", "quantization_by_name", "stored_bytes"]

EVERY_WEIGHT = "*"
# TensorFlow.js reads no version newer than its own style; this is the last of tf.keras 2.
KERAS_VERSION = "2.15.0"


@dataclass(frozen=True)
class LayersOptions:
    """How a layers model is written.

    Parameters
    ----------
    quantize : mapping of str to tuple of str
        Weight name patterns with ``*`` for ``"float16"``, ``"uint8"`` and ``"uint16"``;
        ``("*",)`` stands for every weight that no other pattern names.
    shard_bytes : int
        Size of a shard.
    shard_count : int, optional
        Number of shards instead of their size; not together with `split_by_layer`.
    split_by_layer : bool
        One group of shards for each layer that has weights.
    old_tensorflowjs : bool
        Class name ``Model`` and nothing that TensorFlow.js 1.3.1 does not know.
    metadata : mapping, optional
        ``userDefinedMetadata``, put over the metadata that the model has.
    """

    quantize: Mapping[str, tuple[str, ...]] | None = None
    shard_bytes: int = DEFAULT_SHARD_BYTES
    shard_count: int | None = None
    split_by_layer: bool = False
    old_tensorflowjs: bool = False
    metadata: Mapping[str, Any] | None = None


def quantization_by_name(
    names: Iterable[str], quantize: Mapping[str, tuple[str, ...]] | None
) -> dict[str, str]:
    """Return the type that each weight is quantised to, by the converter's rules.

    Parameters
    ----------
    names : iterable of str
        Weight names.
    quantize : mapping of str to tuple of str
        As in :class:`LayersOptions`.

    Returns
    -------
    dict of str to str
        Weights that stay float are not in it.

    Raises
    ------
    UsageError
        If two types want every remaining weight, or two patterns of different types match one.
    """
    quantize = {dtype: patterns for dtype, patterns in (quantize or {}).items() if patterns}
    for dtype in quantize:
        if dtype not in QUANTIZED_DTYPES:
            raise ValueError(f"quantize must be one of {QUANTIZED_DTYPES}, not {dtype!r}")
    rest = [dtype for dtype, patterns in quantize.items() if EVERY_WEIGHT in patterns]
    if len(rest) > 1:
        raise UsageError("convert.two_fall_throughs", dtypes=", ".join(rest))
    chosen: dict[str, str] = {}
    for name in names:
        matching = [
            dtype
            for dtype, patterns in quantize.items()
            if any(p != EVERY_WEIGHT and fnmatchcase(name, p) for p in patterns)
        ]
        if len(matching) > 1:
            raise UsageError("convert.quantize_conflict", name=name, dtypes=", ".join(matching))
        if matching or rest:
            chosen[name] = (matching or rest)[0]
    return chosen


def stored_bytes(model: LayersModel, options: LayersOptions) -> int:
    """Return how many bytes the shards will hold together.

    Parameters
    ----------
    model : LayersModel
    options : LayersOptions

    Returns
    -------
    int
    """
    chosen = quantization_by_name(model.weights, options.quantize)
    return sum(_stored(weight, chosen.get(name)) for name, weight in model.weights.items())


def _stored(weight: Weight, dtype: str | None) -> int:
    itemsize = weight.dtype.itemsize
    if dtype is not None and weight.dtype == np.float32:
        itemsize = np.dtype(dtype).itemsize
    return int(weight.size) * itemsize


def layers_model_files(model: LayersModel, options: LayersOptions) -> dict[str, bytes]:
    """Return a layers model's files.

    Parameters
    ----------
    model : LayersModel
        Adapted to TensorFlow.js by :func:`core.tfjs.compat.adapt`.
    options : LayersOptions

    Returns
    -------
    dict of str to bytes
        ``model.json`` first, then ``group{g}-shard{i}of{n}.bin``.

    Raises
    ------
    UsageError
        If the quantisation patterns contradict each other, or the options do.
    ModelError
        If a weight cannot be quantised.
    """
    chosen = quantization_by_name(model.weights, options.quantize)
    shard_bytes = options.shard_bytes
    groups = None
    if options.split_by_layer:
        by_layer: dict[str, list[str]] = {}
        for name in model.weights:
            by_layer.setdefault(name.partition("/")[0], []).append(name)
        groups = list(by_layer.values())
    if options.shard_count is not None:
        if options.split_by_layer:
            raise UsageError("convert.count_and_split")
        if options.shard_count < 1:
            raise UsageError("convert.shard_count", value=options.shard_count)
        shard_bytes = max(1, -(-stored_bytes(model, options) // options.shard_count))
    if shard_bytes < 1:
        raise UsageError("convert.shard_bytes", value=shard_bytes)
    manifest, files = encode_weights(
        model.weights, groups=groups, quantization=chosen, shard_bytes=shard_bytes
    )
    content = json.dumps(
        _model_json(model, manifest, options), ensure_ascii=False, separators=(",", ":")
    )
    return {"model.json": content.encode(), **files}


def _model_json(
    model: LayersModel, manifest: list[dict[str, Any]], options: LayersOptions
) -> Config:
    class_name = "Model" if options.old_tensorflowjs else "Functional"
    # TensorFlow.js compiles a model by its own words only, and fails on those of Keras.
    from_tfjs = "TensorFlow.js" in (model.origin.generated_by or "")
    topology: Config = {
        "keras_version": KERAS_VERSION,
        "backend": "tensorflow",
        "model_config": _named_models(model.topology, class_name),
    }
    content: Config = {
        "format": "layers-model",
        "generatedBy": model.origin.generated_by or f"keras v{model.origin.keras_version}",
        "convertedBy": "Teachdeck",
        "modelTopology": topology,
        "weightsManifest": manifest,
    }
    if model.training_config is not None:
        (content if from_tfjs else topology)[
            "trainingConfig" if from_tfjs else "training_config"
        ] = model.training_config
    metadata = {**(model.metadata or {}), **(options.metadata or {})}
    if metadata:
        content["userDefinedMetadata"] = metadata
    try:
        json.dumps(content, allow_nan=False)
    except ValueError:
        raise ModelError("convert.not_finite") from None
    return content


def _named_models(topology: Config, functional: str) -> Config:
    """Use one class name for all functional models, and count calls as TensorFlow.js does.

    There, and in tf.keras 2, a nested model's call 0 is the one that made it.
    """
    config = topology["config"]
    nested = {layer["config"]["name"] for layer in config["layers"] if is_model(layer)}

    def shifted(reference: list[Any]) -> list[Any]:
        name, node, *rest = reference
        return [name, node + 1 if name in nested else node, *rest]

    layers = []
    for layer in config["layers"]:
        layer = _named_models(layer, functional) if is_model(layer) else layer
        if "inbound_nodes" in layer:
            nodes = [[shifted(reference) for reference in node] for node in layer["inbound_nodes"]]
            layer = {**layer, "inbound_nodes": nodes}
        layers.append(layer)
    ends = {
        key: [shifted(reference) for reference in config[key]]
        for key in ("input_layers", "output_layers")
        if key in config
    }
    class_name = topology["class_name"]
    return {
        **topology,
        "class_name": functional if class_name == "Functional" else class_name,
        "config": {**config, "layers": layers, **ends},
    }
