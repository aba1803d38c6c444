"""A short Python script with the model beside it: LiteRT, Pillow and numpy are all it needs."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from core.exports import ExportFormat, Progress, Written
from core.inference.litert import LiteRtModel
from core.vision.exports.about import ABOUT_FILE, README_FILE, about_bytes, readme
from core.vision.exports.source import PROBABILITIES, PictureModel
from core.vision.exports.tflite import tflite_bytes

__all__ = ["SCRIPT", "SCRIPT_FILE", "script_source"]

SCRIPT_FILE = "predict.py"
_MODEL_FILE = "model.tflite"
_SOURCE = Path(__file__).parent / "templates" / "predict.py.txt"

_HOW = """A short Python script and the model that it uses.

```
pip install ai-edge-litert pillow numpy
python predict.py picture.jpg another.png
```

It gives the same answers as Teachdeck."""


def script_source() -> bytes:
    """Return the script."""
    return _SOURCE.read_bytes()


def _write(model: PictureModel, progress: Progress) -> Written:
    content = tflite_bytes(model, features=True)
    progress("check", 0.6)
    answers = LiteRtModel(content).run(model.golden_pictures.astype(np.float32))[PROBABILITIES]
    files = {
        SCRIPT_FILE: script_source(),
        _MODEL_FILE: content,
        ABOUT_FILE: about_bytes(model),
        **_familiar(model),
        README_FILE: readme(model, _HOW),
    }
    return Written(files, answers)


def _familiar(model: PictureModel) -> dict[str, bytes]:
    """Return what rejection compares features with: the centre in row 0, then the references."""
    rejection = model.rejection
    if rejection is None or rejection.centre is None or rejection.references is None:
        return {}
    buffer = io.BytesIO()
    np.save(buffer, np.vstack([rejection.centre[np.newaxis], rejection.references]))
    return {"familiar.npy": buffer.getvalue()}


def _predicted(model: PictureModel) -> int:
    return int(0.93 * 4 * model.network.parameters) + 400 * len(model.network.nodes)


SCRIPT = ExportFormat(
    id="script",
    title="Python script with the model",
    suffix=".zip",
    mime="application/zip",
    write=_write,
    predict_bytes=_predicted,
)
