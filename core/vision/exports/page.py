"""A web page that predicts: one HTML file with the model inside, which works from a file address.

TensorFlow.js is taken from ``tf.min.js`` beside the page where there is one, else from a public
address with the hash of that very file.
"""

from __future__ import annotations

import base64
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from core.inference.fold import fold_batch_norms
from core.tfjs.compat import adapt
from core.tfjs.model import LayersModel
from core.tfjs.read import read_model
from core.tfjs.weights import encode_weights
from core.tfjs.write_layers import LayersOptions, layers_model_files
from core.vision.exports.about import README_FILE, about, readme
from core.vision.exports.export import ExportFormat, Progress, Written, run_layers_model
from core.vision.exports.layers import layers_model_of
from core.vision.exports.source import POOLED, PROBABILITIES, PictureModel

__all__ = ["PAGE", "PAGE_FILE", "TFJS_INTEGRITY", "TFJS_URL", "model_in_page"]

PAGE_FILE = "index.html"
TFJS_URL = "https://cdn.jsdelivr.net/npm/@tensorflow/tfjs@4.22.0/dist/tf.min.js"
TFJS_INTEGRITY = "sha384-vE8hbVJ4lezako5rlvE7bY0BVzWlFhZncPlckrqNwcUQpVtgbENTgZ8TBbnPjZre"
"""Of ``dist/tf.min.js`` in the npm package ``@tensorflow/tfjs`` 4.22.0."""

_TEMPLATES = Path(__file__).parent / "templates"
_PLACEHOLDER = re.compile(r"\{\{([a-z.]+)\}\}")
_SCRIPT = r'<script id="%s" type="[^"]*">(.*?)</script>'

_HOW = """A web page with the model inside: open `index.html` in a browser.

It works without a network when `tf.min.js` lies beside it (from the npm package
`@tensorflow/tfjs` 4.22.0, `dist/tf.min.js`); otherwise it gets that file from a public address and
checks its hash. Pictures never leave the computer. The page resizes pictures as Teachdeck does, so
it gives the same answers. Many browsers give a page on disk the camera only after asking each
time; on a web server it needs https."""


@cache
def _template(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _layers(model: PictureModel) -> LayersModel:
    # Batch norms are folded away: fewer layers to compute, and fewer bytes.
    outputs = (PROBABILITIES, POOLED) if model.compares_features else (PROBABILITIES,)
    folded = fold_batch_norms(model.familiarity_network, keep=outputs)
    return adapt(layers_model_of(folded, name="model", outputs=outputs), "tfjs")


def _page(model: PictureModel) -> str:
    layers = _layers(model)
    document = json.loads(layers_model_files(layers, LayersOptions())["model.json"])
    manifest, shards = encode_weights(layers.weights, shard_bytes=1 << 30)
    topology = {
        "modelTopology": document["modelTopology"],
        "weightSpecs": manifest[0]["weights"],
    }
    parts = {
        "contract": _embedded(about(model)),
        "topology": _embedded(topology),
        "familiar": _embedded(_familiar(model)),
        "weights": base64.b64encode(b"".join(shards.values())).decode(),
        "tfjs": _embedded({"url": TFJS_URL, "integrity": TFJS_INTEGRITY}),
    }

    def filled(match: re.Match[str]) -> str:
        name = match[1]
        return parts[name] if name in parts else _filled(_template(name))

    def _filled(template: str) -> str:
        return _PLACEHOLDER.sub(filled, template)

    return _filled(_template("page.html"))


def _familiar(model: PictureModel) -> dict[str, Any] | None:
    """Return what rejection compares features with, float32 in base64, row by row."""
    rejection = model.rejection
    if rejection is None or rejection.centre is None or rejection.references is None:
        return None
    arrays = {"centre": rejection.centre, "references": rejection.references}
    return {
        name: base64.b64encode(np.ascontiguousarray(array, "<f4").tobytes()).decode()
        for name, array in arrays.items()
    }


def _embedded(value: object) -> str:
    """Return JSON that cannot end the script element that it stands in."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def model_in_page(page: str) -> LayersModel:
    """Return the model that a page holds, read as the page itself reads it.

    Parameters
    ----------
    page : str
        Written by this module.

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


def _write(model: PictureModel, progress: Progress) -> Written:
    page = _page(model)
    progress("check", 0.6)
    pixels = model.golden_pictures.astype(np.float32)
    answers = run_layers_model(model_in_page(page), pixels)
    files = {PAGE_FILE: page.encode(), README_FILE: readme(model, _HOW)}
    return Written(files, answers)


def _predicted(model: PictureModel) -> int:
    # Base64 in a zip is back near the size of what it stands for.
    return int(1.01 * 0.93 * 4 * model.network.parameters) + 60_000


PAGE = ExportFormat(
    id="page",
    title="Web page",
    suffix=".zip",
    mime="application/zip",
    write=_write,
    predict_bytes=_predicted,
)
