"""A short Python script with the model beside it: LiteRT and numpy are all it needs."""

from __future__ import annotations

from pathlib import Path

from core.exports import ExportFormat, Progress, Written
from core.inference.litert import LiteRtModel
from core.speech.exports.about import ABOUT_FILE, README_FILE, about_bytes, readme
from core.speech.exports.source import WordModel
from core.speech.exports.tflite import tflite_bytes

__all__ = ["SCRIPT", "SCRIPT_FILE", "script_source"]

SCRIPT_FILE = "listen.py"
_MODEL_FILE = "model.tflite"
_SOURCE = Path(__file__).parent / "templates" / "listen.py.txt"

_HOW = """A short Python script and the model that it uses.

```
pip install ai-edge-litert numpy
python listen.py recording.wav
```

It prints a line of JSON for every word that it hears, with the second at which it was decided; with
`--scores`, a line for every 0.1 s with the scores of all labels. It takes WAV files of whole
numbers (8, 16, 24 or 32 bits); convert others with `ffmpeg -i sound.mp3 sound.wav`."""


def script_source() -> bytes:
    """Return the script."""
    return _SOURCE.read_bytes()


def _write(model: WordModel, progress: Progress) -> Written:
    content = tflite_bytes(model)
    progress("check", 0.6)
    answers = LiteRtModel(content).run(model.golden_features)[model.scores]
    files = {
        SCRIPT_FILE: script_source(),
        _MODEL_FILE: content,
        ABOUT_FILE: about_bytes(model),
        README_FILE: readme(model, _HOW),
    }
    return Written(files, answers)


def _predicted(model: WordModel) -> int:
    return int(0.93 * 4 * model.network.parameters) + 400 * len(model.network.nodes) + 8_000


SCRIPT = ExportFormat(
    id="script",
    title="Python script with the model",
    suffix=".zip",
    mime="application/zip",
    write=_write,
    predict_bytes=_predicted,
)
