"""A web page that listens: one HTML file with the model inside, which works from a file address.

TensorFlow.js is taken from ``tf.min.js`` beside the page where there is one, else from a public
address with the hash of that very file.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from core.exports import ExportFormat, Progress, Written, run_layers_model
from core.inference.fold import fold_batch_norms
from core.speech.exports.about import README_FILE, about, readme
from core.speech.exports.source import WordModel
from core.tfjs.compat import adapt
from core.tfjs.in_page import embedded, filled, model_in_page, model_parts
from core.vision.exports.layers import layers_model_of

__all__ = ["PAGE", "PAGE_FILE"]

PAGE_FILE = "index.html"

_TEMPLATES = Path(__file__).parent / "templates"

_HOW = """A web page with the model inside: open `index.html` in a browser, and speak.

It works without a network when `tf.min.js` lies beside it (from the npm package
`@tensorflow/tfjs` 4.22.0, `dist/tf.min.js`); otherwise it gets that file from a public address and
checks its hash. Sound never leaves the computer. The page computes spectrograms and decisions as
Teachdeck does, so it hears the same words. Many browsers give a page on disk the microphone only
after asking each time; on a web server it needs https.

Programs on the page are told of each word:

```js
addEventListener('teachdeck-word', ({detail}) => console.log(detail.word, detail.probability));
```"""


@cache
def _template(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _page(model: WordModel) -> str:
    # Batch norms are folded away: fewer layers to compute, and fewer bytes.
    folded = fold_batch_norms(model.network, keep=(model.scores,))
    layers = adapt(layers_model_of(folded, name="model", outputs=(model.scores,)), "tfjs")
    parts = {**model_parts(layers), "contract": embedded(about(model))}
    return filled(_template("page.html"), parts, _template)


def _write(model: WordModel, progress: Progress) -> Written:
    page = _page(model)
    progress("check", 0.6)
    answers = run_layers_model(model_in_page(page), model.golden_features)
    return Written({PAGE_FILE: page.encode(), README_FILE: readme(model, _HOW)}, answers)


def _predicted(model: WordModel) -> int:
    # Base64 in a zip is back near the size of what it stands for.
    return int(1.01 * 0.93 * 4 * model.network.parameters) + 30_000


PAGE = ExportFormat(
    id="page",
    title="Web page that listens",
    suffix=".zip",
    mime="application/zip",
    write=_write,
    predict_bytes=_predicted,
)
