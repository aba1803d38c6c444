"""A layers model inside an HTML page, and the templates that such pages are made of."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from core.tfjs.model import LayersModel
from core.tfjs.read import read_model
from core.tfjs.weights import encode_weights
from core.tfjs.write_layers import LayersOptions, layers_model_files

__all__ = [
    "TFJS_INTEGRITY",
    "TFJS_URL",
    "embedded",
    "filled",
    "model_in_page",
    "model_parts",
]

TFJS_URL = "https://cdn.jsdelivr.net/npm/@tensorflow/tfjs@4.22.0/dist/tf.min.js"
TFJS_INTEGRITY = "sha384-vE8hbVJ4lezako5rlvE7bY0BVzWlFhZncPlckrqNwcUQpVtgbENTgZ8TBbnPjZre"
"""Of ``dist/tf.min.js`` in the npm package ``@tensorflow/tfjs`` 4.22.0."""

_PLACEHOLDER = re.compile(r"\{\{([a-z.]+)\}\}")
_SCRIPT = r'<script id="%s" type="[^"]*">(.*?)</script>'


def embedded(value: object) -> str:
    """Return JSON that cannot end the script element that it stands in."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def model_parts(layers: LayersModel) -> dict[str, str]:
    """Return what a page's template needs of a model.

    Parameters
    ----------
    layers : LayersModel
        Already adapted to TensorFlow.js.

    Returns
    -------
    dict of str to str
        ``topology`` and ``tfjs`` in JSON, and ``weights`` in base64.
    """
    document = json.loads(layers_model_files(layers, LayersOptions())["model.json"])
    manifest, shards = encode_weights(layers.weights, shard_bytes=1 << 30)
    topology = {
        "modelTopology": document["modelTopology"],
        "weightSpecs": manifest[0]["weights"],
    }
    return {
        "topology": embedded(topology),
        "weights": base64.b64encode(b"".join(shards.values())).decode(),
        "tfjs": embedded({"url": TFJS_URL, "integrity": TFJS_INTEGRITY}),
    }


def filled(template: str, parts: Mapping[str, str], read: Callable[[str], str]) -> str:
    """Return a template with its placeholders filled.

    Parameters
    ----------
    template : str
        ``{{name}}`` stands for a part, or for the template of that name.
    parts : mapping of str to str
        Put in as they are.
    read : callable
        Returns the template of a name.

    Returns
    -------
    str
    """

    def put(match: re.Match[str]) -> str:
        name = match[1]
        return parts[name] if name in parts else _PLACEHOLDER.sub(put, read(name))

    return _PLACEHOLDER.sub(put, template)


def model_in_page(page: str) -> LayersModel:
    """Return the model that a page holds, read as the page itself reads it.

    Parameters
    ----------
    page : str
        With the parts of :func:`model_parts` in elements of their names.

    Returns
    -------
    LayersModel
    """
    topology = json.loads(_element(page, "topology"))
    manifest = [{"paths": ["weights.bin"], "weights": topology["weightSpecs"]}]
    document: dict[str, Any] = {
        "format": "layers-model",
        "modelTopology": topology["modelTopology"],
        "weightsManifest": manifest,
    }
    weights = base64.b64decode(_element(page, "weights"), validate=True)
    return read_model({"model.json": json.dumps(document).encode(), "weights.bin": weights})


def _element(page: str, name: str) -> str:
    match = re.search(_SCRIPT % name, page, re.DOTALL)
    if match is None:
        raise ValueError(f"the page has no element {name}")
    return match[1]
