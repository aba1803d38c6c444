"""TensorFlow.js layers models: the whole from pixels to probabilities, and the head alone."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np

from core.exports import ExportFormat, Progress, Written, run_layers_model
from core.inference.flatbuffer import to_litert
from core.inference.litert import LiteRtModel
from core.inference.network import Network
from core.inference.node import Node
from core.tfjs.compat import adapt
from core.tfjs.model import LayersModel
from core.tfjs.read import read_model
from core.tfjs.weights import encode_weights
from core.tfjs.write_layers import LayersOptions, layers_model_files
from core.vision.exports.about import ABOUT_FILE, README_FILE, about, about_bytes, readme
from core.vision.exports.layers import layers_model_of
from core.vision.exports.source import PictureModel

__all__ = ["HEAD_ONLY", "WHOLE", "head_network", "saved_by_tfjs", "sequential_of"]

_WEIGHTS = "model.weights.bin"
# The version whose own files look like this.
_TFJS_LAYERS = "4.22.0"

_WHOLE_HOW = """A TensorFlow.js layers model, from pixels to probabilities.

```js
const model = await tf.loadLayersModel('model.json');
const probabilities = model.predict(pixels);  // float32 [1, {size}, {size}, 3], values 0 to 255
```"""

_HEAD_HOW = """The taught head alone, as `model.save('downloads://model')` of TensorFlow.js
writes it: `model.json` and `model.weights.bin`. It reads the output of the layer `{layer}` of
{backbone}, {shape}, whose input is scaled to `(pixel - {offset:g}) / {scale:g}`: in this form the
scaling is yours to do.

```js
const layer = backbone.getLayer('{layer}');
const truncated = tf.model({{inputs: backbone.inputs, outputs: layer.output}});
const head = await tf.loadLayersModel('model.json');
const probabilities = head.predict(truncated.predict(scaled));
```"""


def _write_whole(model: PictureModel, progress: Progress) -> Written:
    layers = adapt(layers_model_of(model.pixel_network, name=model.file_stem), "tfjs")
    files = layers_model_files(layers, LayersOptions(metadata=about(model)))
    progress("check", 0.6)
    read = read_model(files)
    how = _WHOLE_HOW.format(size=model.preprocessing.input_size_px)
    extra = {ABOUT_FILE: about_bytes(model), README_FILE: readme(model, how)}
    answers = run_layers_model(read, model.golden_pictures.astype(np.float32))
    return Written({**files, **extra}, answers)


def head_network(model: PictureModel) -> Network:
    """Return what lies behind the layer at which a head attaches, see `PictureModel.cut`."""
    cut = model.cut
    body = {node.name for node in model.network.upto(cut).nodes}
    entry = Node("features", "input", (), {"shape": model.network.output_shape(cut)})
    nodes = [entry]
    for node in model.network.upto("probabilities").nodes:
        if node.name not in body:
            reads = tuple("features" if name == cut else name for name in node.inputs)
            nodes.append(replace(node, inputs=reads))
    return Network(tuple(nodes))


def _write_head(model: PictureModel, progress: Progress) -> Written:
    head = head_network(model)
    files = saved_by_tfjs(sequential_of(head, "head"), about(model))
    progress("check", 0.6)
    contract = model.preprocessing
    scaled = (model.golden_pictures.astype(np.float32) - np.float32(contract.offset)) / (
        np.float32(contract.scale)
    )
    cut = model.cut
    body = LiteRtModel(to_litert(model.network.upto(cut), outputs=[cut]))
    answers = run_layers_model(read_model(files), body.run(scaled)[cut])
    how = _HEAD_HOW.format(
        layer=cut,
        backbone=model.backbone or "the backbone",
        shape=f"[{', '.join(map(str, model.network.output_shape(cut)))}]",
        offset=contract.offset,
        scale=contract.scale,
    )
    extra = {ABOUT_FILE: about_bytes(model), README_FILE: readme(model, how)}
    return Written({**files, **extra}, answers)


def sequential_of(network: Network, name: str) -> LayersModel:
    """Return a network that is a chain as a Sequential, its first layer an InputLayer."""
    functional = layers_model_of(network, name=name)
    layers: list[dict[str, Any]] = []
    for layer in functional.topology["config"]["layers"]:
        activation = _activation_of(layer)
        before = layers[-1] if layers else {}
        if activation and before.get("class_name") == "Dense":
            before["config"] = {**before["config"], "activation": activation}
        else:
            layers.append({"class_name": layer["class_name"], "config": layer["config"]})
    topology = {"class_name": "Sequential", "config": {"name": name, "layers": layers}}
    return replace(functional, topology=topology)


def _activation_of(layer: dict[str, Any]) -> str:
    """Return the activation that a layer is, where a Dense can carry it itself."""
    config = layer["config"]
    if layer["class_name"] == "ReLU" and "max_value" not in config:
        return "relu"
    return str(config["activation"]) if layer["class_name"] == "Activation" else ""


def saved_by_tfjs(model: LayersModel, metadata: dict[str, Any]) -> dict[str, bytes]:
    """Return a Sequential's files as TensorFlow.js itself writes them for a download.

    Parameters
    ----------
    model : LayersModel
        A Sequential.
    metadata : dict
        Becomes ``userDefinedMetadata``.

    Returns
    -------
    dict of str to bytes
        ``model.json`` and ``model.weights.bin``.
    """
    adapted = adapt(model, "tfjs")
    first, *rest = adapted.topology["config"]["layers"]
    entry = first["config"]["batch_input_shape"]
    rest[0] = {
        **rest[0],
        "config": {**rest[0]["config"], "batch_input_shape": entry, "dtype": "float32"},
    }
    manifest, shards = encode_weights(adapted.weights, shard_bytes=1 << 30)
    manifest[0]["paths"] = [f"./{_WEIGHTS}"]
    document = {
        "modelTopology": {
            "class_name": "Sequential",
            "config": {"name": adapted.name, "layers": rest},
            "keras_version": f"tfjs-layers {_TFJS_LAYERS}",
            "backend": "tensor_flow.js",
        },
        "format": "layers-model",
        "generatedBy": f"TensorFlow.js tfjs-layers v{_TFJS_LAYERS}",
        "convertedBy": "Teachdeck",
        "weightsManifest": manifest,
        "userDefinedMetadata": metadata,
    }
    content = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return {"model.json": content, _WEIGHTS: b"".join(shards.values())}


def _whole_bytes(model: PictureModel) -> int:
    return int(0.93 * 4 * model.network.parameters) + 120 * len(model.network.nodes)


def _head_bytes(model: PictureModel) -> int:
    return int(0.93 * 4 * head_network(model).parameters) + 4_000


WHOLE = ExportFormat(
    id="tfjs",
    title="TensorFlow.js layers model",
    suffix=".zip",
    mime="application/zip",
    write=_write_whole,
    predict_bytes=_whole_bytes,
)
HEAD_ONLY = ExportFormat(
    id="tfjs-head",
    title="TensorFlow.js, the head alone",
    suffix=".zip",
    mime="application/zip",
    write=_write_head,
    predict_bytes=_head_bytes,
)
