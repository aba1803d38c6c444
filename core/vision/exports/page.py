"""A web page that predicts: one HTML file with the model inside, which works from a file address.

TensorFlow.js is taken from ``tf.min.js`` beside the page where there is one, else from a public
address with the hash of that very file.
"""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from core.exports import ExportFormat, Progress, Written, run_layers_model
from core.inference.fold import fold_batch_norms
from core.tfjs.compat import adapt
from core.tfjs.in_page import (
    TFJS_INTEGRITY,
    TFJS_URL,
    embedded,
    filled,
    model_in_page,
    model_parts,
)
from core.tfjs.model import LayersModel
from core.vision.exports.about import README_FILE, about, readme
from core.vision.exports.layers import layers_model_of
from core.vision.exports.source import POOLED, PROBABILITIES, PictureModel

__all__ = ["PAGE", "PAGE_FILE", "TFJS_INTEGRITY", "TFJS_URL", "model_in_page"]

PAGE_FILE = "index.html"
_TEMPLATES = Path(__file__).parent / "templates"

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
    parts = {
        **model_parts(_layers(model)),
        "contract": embedded(about(model)),
        "familiar": embedded(_familiar(model)),
    }
    return filled(_template("page.html"), parts, _template)


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
