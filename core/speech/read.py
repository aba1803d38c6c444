"""Speech models from files: the original's, Teachable Machine's audio exports, and our own."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from core.audio.browser_fft import BrowserFft
from core.errors import ModelError, Note, TeachdeckError, UsageError
from core.inference.from_keras import network_from_keras
from core.inference.network import Network
from core.speech.model import QUIET_FLOOR_DB, SpeechModel, speech_model
from core.tfjs.files import read_file
from core.tfjs.limits import MAX_JSON_BYTES, parse_json, read_zip
from core.tfjs.model import SIDE_METADATA, LayersModel
from core.tfjs.read import read_model

__all__ = ["ModelSource", "holds_words", "network_outputs", "read_speech_model", "word_labels"]

ModelSource = str | os.PathLike[str] | bytes | Mapping[str, bytes]

_MAX_LABELS = 2_000
_MAX_LABEL_LENGTH = 100
_MAX_TEXT = 200


def read_speech_model(
    source: ModelSource,
    *,
    metadata: Mapping[str, Any] | None = None,
    model_id: str = "model",
    title: str = "",
    origin: str = "upload",
) -> SpeechModel:
    """Read a speech model of the original library's layout.

    Parameters
    ----------
    source : path, bytes, or mapping of str to bytes
        A folder or model.json with its shards and metadata.json beside it, a zip of these, or
        uploaded files by name.
    metadata : mapping, optional
        Instead of a metadata.json.
    model_id, title : str, optional
    origin : str, optional
        As the `source` of :class:`SpeechModel`.

    Returns
    -------
    SpeechModel

    Raises
    ------
    ModelError
        With a sentence that says what was expected, what came, and what to do. Nothing of the
        files is executed, and sizes are checked before memory is taken.
    """
    layers = read_model(source)
    if metadata is None:
        side = (layers.metadata or {}).get(SIDE_METADATA)
        if not isinstance(side, dict):
            raise ModelError("speech.metadata_missing")
        metadata = side
    return speech_model_from_layers(layers, metadata, model_id=model_id, title=title, origin=origin)


def speech_model_from_layers(
    layers: LayersModel,
    metadata: Mapping[str, Any],
    *,
    model_id: str = "model",
    title: str = "",
    origin: str = "upload",
) -> SpeechModel:
    """Return the speech model of a layers model and its metadata.

    Parameters
    ----------
    layers : LayersModel
    metadata : mapping
        ``wordLabels`` or ``words``; optionally ``frameSize``, ``thresholds``, ``frontEnd``,
        ``title`` and ``licence``.
    model_id, title, origin : str, optional

    Returns
    -------
    SpeechModel

    Raises
    ------
    ModelError
    """
    labels = word_labels(metadata)
    network = network_from_keras(layers.topology, layers.weights)
    outputs = network_outputs(network)
    shape = network.output_shape(network.inputs[0])
    notes = list(layers.notices)
    front_end = _front_end(metadata, shape)
    frame_size = metadata.get("frameSize")
    if isinstance(frame_size, int) and len(shape) == 3 and frame_size != shape[1]:
        raise ModelError("speech.frame_size", frame_size=frame_size, bins=shape[1])
    thresholds, ignored = _thresholds(metadata.get("thresholds"), labels)
    if ignored:
        notes.append(Note("speech.note_thresholds", {"count": ignored}))
    return speech_model(
        network,
        outputs,
        labels=labels,
        front_end=front_end,
        model_id=model_id,
        title=title or _text(metadata.get("title")) or _text(metadata.get("modelName")) or model_id,
        thresholds=thresholds,
        layers=layers,
        source=origin,
        licence=_text(metadata.get("licence")),
        notes=tuple(notes),
    )


def holds_words(path: Path) -> bool:
    """Say whether files are a model of words: by their metadata.json, whatever else they are.

    Parameters
    ----------
    path : Path
        A folder, a model.json, or a zip.

    Returns
    -------
    bool
        False too for what cannot be read, which the reader then says.
    """
    try:
        if path.is_file() and zipfile.is_zipfile(path):
            found = _zipped_metadata(path)
        else:
            side = (path if path.is_dir() else path.parent) / SIDE_METADATA
            if path.suffix == ".json" or path.is_dir():
                found = read_metadata(side) if side.is_file() else {}
            else:
                found = {}
    except (TeachdeckError, OSError, zipfile.BadZipFile):
        return False
    return "wordLabels" in found or "words" in found


def _zipped_metadata(path: Path) -> Mapping[str, Any]:
    files = read_zip(read_file(path), name=path.name[:80])
    names = [name for name in files if PurePosixPath(name).name == SIDE_METADATA]
    for name in names:
        found = parse_json(files[name], name=SIDE_METADATA)
        if isinstance(found, dict):
            return found
    return {}


def word_labels(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the labels of a metadata.json, checked.

    Raises
    ------
    ModelError
        If there are none, or they are not distinct texts.
    """
    found = metadata.get("wordLabels")
    if found is None:
        found = metadata.get("words")
    if found is None:
        raise ModelError("speech.no_words")
    if (
        not isinstance(found, list | tuple)
        or not 1 <= len(found) <= _MAX_LABELS
        or not all(isinstance(label, str) and label.strip() for label in found)
        or any(len(label) > _MAX_LABEL_LENGTH for label in found)
    ):
        raise ModelError("speech.bad_words", limit=_MAX_LABELS, length=_MAX_LABEL_LENGTH)
    twice = next((label for label in found if found.count(label) > 1), None)
    if twice is not None:
        raise ModelError("speech.word_twice", word=twice)
    return tuple(found)


def network_outputs(network: Network) -> dict[str, str]:
    """Return which layers are the scores, the logits and the embedding.

    The scores are the only output. The embedding is what the original takes: the output of the
    second-last Dense layer, its activation included.

    Raises
    ------
    ModelError
        If there are several outputs.
    """
    if len(network.outputs) != 1:
        raise ModelError("speech.several_outputs", count=len(network.outputs))
    last = network.node(network.outputs[0])
    outputs = {"scores": last.name}
    if last.op == "softmax":
        outputs["logits"] = last.inputs[0]
    dense = [node.name for node in network.nodes if node.op == "dense"]
    if len(dense) >= 2:
        # A layer's activation is a node of the layer's own name.
        layer = dense[-2].removesuffix("/linear")
        outputs["embedding"] = layer if layer in network else dense[-2]
    return outputs


def read_metadata(path: Path) -> Mapping[str, Any]:
    """Return the content of a metadata.json.

    Raises
    ------
    ModelError
        If it cannot be read or is no JSON object.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_JSON_BYTES + 1)
    except OSError as error:
        raise ModelError(
            "model_file.file_unreadable", name=path.name[:80], detail=error.strerror or ""
        ) from None
    found = parse_json(content, name=path.name[:80])
    if not isinstance(found, dict):
        raise ModelError("speech.no_words")
    return found


def _front_end(metadata: Mapping[str, Any], shape: tuple[int, ...]) -> BrowserFft:
    settings = metadata.get("frontEnd", {})
    if not isinstance(settings, dict):
        raise ModelError("speech.front_end_setting", detail=repr(settings)[:80])
    try:
        front_end = BrowserFft.from_dict({"floor_db": QUIET_FLOOR_DB, **settings})
        if "frames" not in settings and "bins" not in settings and len(shape) == 3:
            front_end = replace(front_end, frames=shape[0], bins=shape[1])
    except UsageError as error:
        raise ModelError("speech.front_end_setting", detail=error.message) from error
    return front_end


def _thresholds(found: object, labels: tuple[str, ...]) -> tuple[dict[str, float], int]:
    """Return the thresholds that can be used, and how many cannot."""
    if not isinstance(found, dict):
        return {}, 0 if found is None else 1
    good = {
        label: float(value)
        for label, value in found.items()
        if label in labels
        and isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and 0 <= value <= 1
    }
    return good, len(found) - len(good)


def _text(value: object) -> str:
    return value[:_MAX_TEXT] if isinstance(value, str) else ""
