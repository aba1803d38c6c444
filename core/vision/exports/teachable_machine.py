"""Exports that Teachable Machine's own library loads: ``@teachablemachine/image`` on tfjs 1.3.1.

That library draws the centred square of a picture, ``imageSize`` pixels wide, on a canvas and
hands the model ``pixel / 127 - 1``. Two differences are taken up in the model:

- A contract that looks at less than the whole square gets an ``imageSize`` that is larger by
  that share, and a Cropping2D that cuts the edges off: the region is then the same.
- ``value = (pixel - offset) / scale`` is ``x * 127 / scale + (127 - offset) / scale`` of what the
  library gives. The factor goes into the kernel of the first convolution. The summand is 0 for
  EfficientNet-Lite; otherwise it must not go into a bias: the zeros of "same" padding are
  zeros of the scaled picture, and a bias would act on them too. A layer in front of the
  convolution then does both.

What stays different is the filter: a canvas resizes in the browser's own way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import Note
from core.exports import ExportFormat, Progress, Written, run_layers_model
from core.inference.network import Network
from core.inference.node import Node
from core.tfjs.compat import adapt
from core.tfjs.model import LayersModel, Origin
from core.tfjs.read import read_model
from core.tfjs.weights import encode_weights
from core.tfjs.write_layers import LayersOptions, layers_model_files
from core.vision.exports.about import ABOUT_FILE, README_FILE, about, about_bytes, readme
from core.vision.exports.layers import layers_model_of
from core.vision.exports.source import PictureModel
from core.vision.exports.tfjs import head_network, sequential_of

__all__ = ["TEACHABLE_MACHINE", "image_size_px", "library_input"]

_LIBRARY_OFFSET = _LIBRARY_SCALE = 127.0
_WEIGHTS = "weights.bin"
_LINEAR = frozenset({"conv2d", "depthwise_conv2d"})
# Layers that hand on zeros as zeros, so a factor may pass them.
_TRANSPARENT = frozenset({"zero_pad", "identity", "crop"})
_FIRST_PART = frozenset({"global_average_pool", "global_max_pool", "flatten", "reshape"})

_HOW = """An image model for Teachable Machine's library (`@teachablemachine/image` 0.8.5, which
runs on TensorFlow.js 1.3.1).

```js
const model = await tmImage.load('model.json', 'metadata.json');
const predictions = await model.predict(imageOrCanvasOrVideo);
```

The library resizes with the browser's canvas and scales with `pixel / 127 - 1`; the model takes
pictures of {size} x {size} pixels scaled so, and does the rest itself. Because of that resize its
answers differ a little from Teachdeck's. For the same answers use the web page or the script."""


def image_size_px(model: PictureModel) -> int:
    """Return the side of the square that the library is to cut out, in pixels.

    Parameters
    ----------
    model : PictureModel

    Returns
    -------
    int
        Larger than the network's input where the contract looks at less than the square.
    """
    contract = model.preprocessing
    if contract.resize == "squeeze":
        return contract.input_size_px
    edge = contract.input_size_px * (1 / contract.crop_fraction - 1) / 2
    return contract.input_size_px + 2 * round(edge)


def library_input(model: PictureModel, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what the library would hand the model for pictures of the network's size.

    Parameters
    ----------
    model : PictureModel
    pictures : ndarray of uint8, shape (n, s, s, 3)

    Returns
    -------
    ndarray of float32, shape (n, t, t, 3)
        With edges of noise where the model crops, which must not matter.
    """
    edge = (image_size_px(model) - model.preprocessing.input_size_px) // 2
    wide = np.pad(pictures, ((0, 0), (edge, edge), (edge, edge), (0, 0)), mode="wrap")
    return wide.astype(np.float32) / np.float32(_LIBRARY_SCALE) - np.float32(1)


def _write(model: PictureModel, progress: Progress) -> Written:
    layers = adapt(_nested(model), "tfjs-1.3.1")
    metadata = _metadata(model)
    files = _files(layers, about(model))
    files["metadata.json"] = json.dumps(metadata, ensure_ascii=False).encode()
    progress("check", 0.6)
    answers = run_layers_model(read_model(files), library_input(model, model.golden_pictures))
    how = _HOW.format(size=image_size_px(model))
    extra = {ABOUT_FILE: about_bytes(model), README_FILE: readme(model, how)}
    notes = [Note("export.note_canvas_resize")]
    if model.preprocessing.resize == "squeeze":
        notes.append(Note("export.note_square_only"))
    return Written({**files, **extra}, answers, tuple(notes))


def _metadata(model: PictureModel) -> dict[str, Any]:
    return {
        "tfjsVersion": "1.3.1",
        "tmVersion": "2.4.10",
        "packageVersion": "0.8.5",
        "packageName": "@teachablemachine/image",
        # The same files for the same model: no time of day.
        "timeStamp": "1980-01-01T00:00:00.000Z",
        "userMetadata": {"writtenBy": "Teachdeck", "preprocessing": model.preprocessing.to_dict()},
        "modelName": model.name,
        "labels": list(model.labels),
        "imageSize": image_size_px(model),
    }


def _files(layers: LayersModel, user_metadata: Mapping[str, Any]) -> dict[str, bytes]:
    options = LayersOptions(old_tensorflowjs=True, metadata=user_metadata, shard_bytes=1 << 30)
    written = layers_model_files(layers, options)
    document = json.loads(written["model.json"])
    manifest, shards = encode_weights(layers.weights, shard_bytes=1 << 30)
    manifest[0]["paths"] = [_WEIGHTS]
    document["weightsManifest"] = manifest
    content = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return {"model.json": content, _WEIGHTS: b"".join(shards.values())}


def _nested(model: PictureModel) -> LayersModel:
    """Return the model as Teachable Machine nests it: [[network, pooling], head]."""
    head = head_network(model)
    first = [node for node in head.nodes if node.op in _FIRST_PART]
    split = len(first) == 1 and head.nodes[1] is first[0]
    body = layers_model_of(_library_body(model), name="model1", rescaling=False)
    inner = [_as_layer(body)]
    weights = dict(body.weights)
    pool = Network(head.nodes[:2]) if split else None
    if pool is not None:
        pooling = sequential_of(pool, "pooling")
        inner += pooling.topology["config"]["layers"][1:]
    rest = _after(head, first[0]) if split else head
    classifier = sequential_of(rest, "sequential_3")
    weights.update(classifier.weights)
    side = image_size_px(model)
    outer_input = _input_layer("sequential_1_input", (side, side, 3))
    features = {
        "class_name": "Sequential",
        "config": {
            "name": "sequential_1",
            "layers": [_input_layer("model1_input", (side, side, 3)), *inner],
        },
    }
    layers = [outer_input, features, _as_layer(classifier)]
    return LayersModel(
        topology={"class_name": "Sequential", "config": {"name": "sequential_4", "layers": layers}},
        weights=weights,
        origin=Origin("keras", keras_version="2.15.0"),
    )


def _as_layer(model: LayersModel) -> dict[str, Any]:
    return {"class_name": model.topology["class_name"], "config": model.topology["config"]}


def _input_layer(name: str, shape: tuple[int, ...]) -> dict[str, Any]:
    config = {"name": name, "batch_input_shape": [None, *shape], "dtype": "float32"}
    return {"class_name": "InputLayer", "config": {**config, "sparse": False}}


def _after(head: Network, first: Node) -> Network:
    """Return the head without its first layer."""
    nodes = [Node("head_input", "input", (), {"shape": head.output_shape(first.name)})]
    for node in head.nodes[2:]:
        reads = tuple("head_input" if name == first.name else name for name in node.inputs)
        nodes.append(replace(node, inputs=reads))
    return Network(tuple(nodes))


def _library_body(model: PictureModel) -> Network:
    """Return the network up to the head, taking what the library gives."""
    contract = model.preprocessing
    body = model.network.upto(model.cut)
    (entry,) = body.inputs
    factor = _LIBRARY_SCALE / contract.scale
    summand = (_LIBRARY_OFFSET - contract.offset) / contract.scale
    side, edge = image_size_px(model), (image_size_px(model) - contract.input_size_px) // 2
    nodes = [Node(entry, "input", (), {"shape": (side, side, 3)})]
    last = entry
    if edge:
        last = "library_crop"
        nodes.append(Node(last, "crop", (entry,), {"cropping": (edge,) * 4}))
    target = _factor_target(body)
    folded = summand == 0 and target is not None
    if not folded:
        weights = {
            "scale": np.array([factor] * 3, np.float32),
            "shift": np.array([summand] * 3, np.float32),
        }
        nodes.append(Node("library_rescaling", "scale_shift", (last,), weights=weights))
        last = "library_rescaling"
    for node in body.nodes:
        if node.name == entry:
            continue
        if folded and node.name == target:
            exact = node.weights["kernel"].astype(np.float64) * factor
            node = replace(node, weights={**node.weights, "kernel": exact.astype(np.float32)})
        nodes.append(replace(node, inputs=tuple(last if n == entry else n for n in node.inputs)))
    return Network(tuple(nodes))


def _factor_target(body: Network) -> str | None:
    """Return the only convolution that reads the input, behind nothing but padding."""
    (name,) = body.inputs
    while True:
        readers = [node for node in body.nodes if name in node.inputs]
        if len(readers) != 1:
            return None
        (reader,) = readers
        if reader.op in _LINEAR:
            return reader.name
        if reader.op not in _TRANSPARENT:
            return None
        name = reader.name


def _predicted(model: PictureModel) -> int:
    return int(0.93 * 4 * model.network.parameters) + 120 * len(model.network.nodes)


TEACHABLE_MACHINE = ExportFormat(
    id="teachable-machine",
    title="Teachable Machine",
    suffix=".zip",
    mime="application/zip",
    write=_write,
    predict_bytes=_predicted,
)
