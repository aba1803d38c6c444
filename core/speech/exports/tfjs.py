"""TensorFlow.js models for the original speech-commands library, and Teachable Machine's zip."""

from __future__ import annotations

import json
from typing import Any, Literal

from core.errors import Note
from core.exports import ExportFormat, Progress, Written, run_layers_model
from core.speech.exports.about import ABOUT_FILE, README_FILE, about, about_bytes, metadata, readme
from core.speech.exports.source import WordModel
from core.speech.labels import is_noise
from core.tfjs.compat import adapt
from core.tfjs.model import SIDE_METADATA
from core.tfjs.read import read_model
from core.tfjs.weights import encode_weights
from core.tfjs.write_layers import LayersOptions, layers_model_files

__all__ = ["TEACHABLE_MACHINE", "TFJS", "TM_NOISE"]

_WEIGHTS = "weights.bin"
TM_NOISE = "Background Noise"
"""What Teachable Machine calls the noise."""

_TFJS_HOW = """A model for `@tensorflow-models/speech-commands` 0.5.4. With the files on a server:

```js
const words = speechCommands.create('BROWSER_FFT', null, '{base}model.json', '{base}metadata.json');
await words.ensureModelLoaded();
await words.listen(async ({{scores}}) => console.log(words.wordLabels(), scores),
                   {{probabilityThreshold: 0.75}});
```

`{base}` is the full address of the folder.{teaching}"""
# The library teaches on the output of the second-last Dense layer.
_TEACHING = "`createTransfer` can teach on top of it."

_TM_HOW = """An audio model as Teachable Machine exports it, for `@tensorflow-models/speech-commands`
0.4.0 and later on TensorFlow.js 1.3.1 and later, and for programs that take such exports.

```js
const words = speechCommands.create('BROWSER_FFT', undefined, URL + 'model.json', URL + 'metadata.json');
await words.ensureModelLoaded();
```"""  # noqa: E501 -- a line of a program


def _write(model: WordModel, progress: Progress) -> Written:
    files = _files(model, metadata(model), target="tfjs")
    progress("check", 0.6)
    answers = run_layers_model(read_model(files), model.golden_features)
    dense = [node for node in model.network.nodes if node.op == "dense"]
    teaching = f" {_TEACHING}" if len(dense) > 1 else ""
    how = _TFJS_HOW.format(base="https://example.org/words/", teaching=teaching)
    return Written({**files, **_beside(model, how)}, answers, _notes(model))


def _write_teachable_machine(model: WordModel, progress: Progress) -> Written:
    labels = model.speech.labels
    noise = [label for label in labels if is_noise(label)]
    # Only one label can have the name; the thresholds are words' and keep theirs.
    renamed = {noise[0]: TM_NOISE} if noise and TM_NOISE not in labels else {}
    side = {
        **metadata(model),
        "tfjsSpeechCommandsVersion": "0.4.0",
        "wordLabels": [renamed.get(label, label) for label in labels],
    }
    files = _files(model, side, target="tfjs-1.3.1")
    progress("check", 0.6)
    answers = run_layers_model(read_model(files), model.golden_features)
    return Written({**files, **_beside(model, _TM_HOW)}, answers, _notes(model))


def _files(
    model: WordModel, side: dict[str, Any], *, target: Literal["tfjs", "tfjs-1.3.1"]
) -> dict[str, bytes]:
    layers = adapt(model.layers, target)
    options = LayersOptions(
        old_tensorflowjs=target == "tfjs-1.3.1", metadata=about(model), shard_bytes=1 << 30
    )
    document = json.loads(layers_model_files(layers, options)["model.json"])
    manifest, shards = encode_weights(layers.weights, shard_bytes=1 << 30)
    manifest[0]["paths"] = [_WEIGHTS]
    document["weightsManifest"] = manifest
    return {
        "model.json": json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(),
        _WEIGHTS: b"".join(shards.values()),
        SIDE_METADATA: json.dumps(side, ensure_ascii=False, indent=1).encode(),
    }


def _beside(model: WordModel, how: str) -> dict[str, bytes]:
    return {ABOUT_FILE: about_bytes(model), README_FILE: readme(model, how)}


def _notes(model: WordModel) -> tuple[Note, ...]:
    """Say what the original library does otherwise than the page that exports."""
    floor_db = model.speech.front_end.floor_db
    return () if floor_db is None else (Note("export.note_floor", {"floor_db": floor_db}),)


def _predicted(model: WordModel) -> int:
    return int(0.93 * 4 * model.network.parameters) + 12_000


TFJS = ExportFormat(
    id="tfjs",
    title="TensorFlow.js speech-commands",
    suffix=".zip",
    mime="application/zip",
    write=_write,
    predict_bytes=_predicted,
)
TEACHABLE_MACHINE = ExportFormat(
    id="teachable-machine",
    title="Teachable Machine audio",
    suffix=".zip",
    mime="application/zip",
    write=_write_teachable_machine,
    predict_bytes=_predicted,
)
