"""A short Python script with the model beside it: LiteRT, Pillow and numpy are all it needs."""

from __future__ import annotations

import io
from pathlib import Path
from string import Template

import numpy as np

from core.exports import ExportFormat, Progress, Written
from core.inference.litert import LiteRtModel
from core.vision.classify import decode_side_px
from core.vision.exports.about import ABOUT_FILE, README_FILE, about_bytes, readme
from core.vision.exports.source import PROBABILITIES, PictureModel
from core.vision.exports.tflite import tflite_bytes

__all__ = ["SCRIPT", "SCRIPT_FILE", "script_source"]

SCRIPT_FILE = "predict.py"
_MODEL_FILE = "model.tflite"
_SOURCE = Path(__file__).parent / "templates" / "predict.py.txt"
# How near the picture is to the nearest one that was taught.
_SIMILARITY = (
    "familiarity = (references @ (features - centre)).max() / np.linalg.norm(features - centre)"
)

_HOW = """A short Python script and the model that it uses.

```
pip install ai-edge-litert pillow numpy
python predict.py picture.jpg another.png
```

It gives the same answers as Teachdeck."""


def script_source(model: PictureModel) -> bytes:
    """Return the script: what the model does not need is not in it."""
    contract, rejection = model.preprocessing, model.rejection
    size = contract.input_size_px
    seen = f"({size}, {size}), Image.Resampling.{contract.interpolation.upper()}"
    if contract.resize == "center_crop":
        bleed = (1 - contract.crop_fraction) / 2
        resize = f"ImageOps.fit(rgb, {seen}, bleed={bleed!r})"
    else:
        resize = f"rgb.resize({seen})"
    compares = model.compares_features
    rejects = rejection is not None and rejection.kind != "none"
    load = 'centre, *references = np.load(here / "familiar.npy")'
    text = Template(_SOURCE.read_text(encoding="utf-8")).substitute(
        load=load if compares else "",
        reduce_to_px=decode_side_px(contract),
        resize=resize,
        features=", features" if compares else ",",
        measure=_SIMILARITY if compares else "familiarity = scores.max()" if rejects else "",
        unless=f' if familiarity >= {rejection.threshold!r} else "none of these"'
        if rejects and rejection is not None
        else "",
    )
    return "".join(f"{line}\n" for line in text.splitlines() if line.strip()).encode()


def _write(model: PictureModel, progress: Progress) -> Written:
    content = tflite_bytes(model, features=True)
    progress("check", 0.6)
    answers = LiteRtModel(content).run(model.golden_pictures.astype(np.float32))[PROBABILITIES]
    files = {
        SCRIPT_FILE: script_source(model),
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
