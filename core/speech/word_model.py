"""Taught words as files: the layout of TensorFlow.js speech-commands, which everything here reads.

model.json and its weights are a layers model, metadata.json names the words. The original
library's ``create('BROWSER_FFT', null, model, metadata)`` loads them; our front end's settings and
the words' thresholds stand in the metadata, where the original ignores them.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from core.exports import zip_bytes
from core.speech.labels import is_noise
from core.speech.model import SpeechModel
from core.tfjs.write_layers import LayersOptions, layers_model_files
from core.vision.exports.layers import layers_model_of

__all__ = [
    "labels_for_teachable_machine",
    "save_word_model",
    "word_metadata",
    "word_model_files",
]

_VERSION = "0.5.4"
_TEACHABLE_MACHINE_NOISE = "Background Noise"


def word_metadata(
    model: SpeechModel, *, name: str = "", made: datetime | None = None
) -> dict[str, object]:
    """Return the content of metadata.json.

    Parameters
    ----------
    model : SpeechModel
    name : str, optional
        Of the model; its title if empty.
    made : datetime, optional
        When; now if it is not given.
    """
    moment = (made or datetime.now(UTC)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "tfjsSpeechCommandsVersion": _VERSION,
        "modelName": name or model.title,
        "timeStamp": moment,
        "wordLabels": list(model.labels),
        "frameSize": model.front_end.bins,
        "frontEnd": model.front_end.to_dict(),
        "thresholds": dict(model.thresholds),
        **({"licence": model.licence} if model.licence else {}),
    }


def word_model_files(
    model: SpeechModel, *, name: str = "", made: datetime | None = None
) -> dict[str, bytes]:
    """Return model.json, its weights and metadata.json.

    Parameters
    ----------
    model : SpeechModel
    name : str, optional
    made : datetime, optional

    Returns
    -------
    dict of str to bytes
    """
    layers = layers_model_of(model.network, name="model", outputs=(model.outputs["scores"],))
    files = layers_model_files(layers, LayersOptions())
    metadata = word_metadata(model, name=name, made=made)
    text = json.dumps(metadata, ensure_ascii=False, indent=1, allow_nan=False)
    return {**files, "metadata.json": text.encode()}


def save_word_model(model: SpeechModel, *, name: str = "", made: datetime | None = None) -> bytes:
    """Return a model as one zip archive, which :func:`core.speech.read_speech_model` reads."""
    return zip_bytes(word_model_files(model, name=name, made=made))


def labels_for_teachable_machine(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Return labels as Teachable Machine writes them: it has its own name for noise."""
    return tuple(_TEACHABLE_MACHINE_NOISE if is_noise(label) else label for label in labels)
