"""What travels with every export of words: the contract in JSON, and the same in words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from core.speech.decide import HANDOVER, SmoothMode
from core.speech.exports.source import WordModel
from core.speech.labels import is_unknown
from core.speech.model import QUIET_FLOOR_DB
from core.speech.track import STEP_S

__all__ = ["ABOUT_FILE", "FORMAT", "README_FILE", "about", "about_bytes", "metadata", "readme"]

ABOUT_FILE = "teachdeck.json"
README_FILE = "README.md"

FORMAT = "teachdeck-word-model"
_VERSION = 1
# The version of @tensorflow-models/speech-commands whose files these are.
_SPEECH_COMMANDS = "0.5.4"

_SOUND = (
    "one channel (the mean of all) of floats of -1 to 1 at rate_hz; sound of other rates is "
    "resampled"
)
_COLUMN = (
    "column t is made of the 2 * hop_length samples that end at sample (t + 1) * hop_length, zeros "
    "before the first: times the periodic Blackman window 0.42 - 0.5 cos(2 pi n / N) + "
    "0.08 cos(4 pi n / N), Fourier transform divided by N, 20 log10 of the magnitudes of the "
    "lowest bins, at least floor_db where that is not null"
)
_INPUT = (
    "the latest frames columns, [1, frames, bins, 1]: minus their mean, divided by their standard "
    "deviation plus epsilon"
)
_RULE = (
    "every 0.1 s the scores of the latest columns (before the first one, columns of before_db) are "
    "averaged over smoothing_s; a word is heard when its average is the best of all labels and at "
    "least its threshold, was below release times the threshold since it was last heard, and no "
    "word was heard for refractory_s, nor for handover_s unless the scores of the words together "
    "were below handover at a step since; labels that are not listed in words are never heard"
)


def about(model: WordModel) -> dict[str, Any]:
    """Return the contract of a model as plain values for JSON.

    Parameters
    ----------
    model : WordModel

    Returns
    -------
    dict
        Labels, front end and decision with their rules in words, and golden pairs: the numbers
        of the drawn sounds (:func:`core.speech.exports.source.golden_sound`) with the scores that
        belong to them.
    """
    speech = model.speech
    golden = [
        {"sound": number, "scores": [float(f"{value:.7g}") for value in row]}
        for number, row in enumerate(model.golden_answers.tolist())
    ]
    return {
        "format": FORMAT,
        "version": _VERSION,
        "name": model.name,
        "labels": list(speech.labels),
        "words": list(speech.words),
        "licence": speech.licence,
        "front_end": {
            **speech.front_end.to_dict(),
            "before_db": before_db(model),
            "sound": _SOUND,
            "column": _COLUMN,
            "input": _INPUT,
        },
        "decision": decision(model.mode, speech.labels),
        "golden": golden,
        "written_by": "Teachdeck",
    }


def before_db(model: WordModel) -> float:
    """Return how loud the columns before the first one count, in dB."""
    floor_db = model.speech.front_end.floor_db
    return QUIET_FLOOR_DB if floor_db is None else floor_db


def decision(mode: SmoothMode, labels: Sequence[str]) -> dict[str, Any]:
    """Return when a word counts as heard, with the rule in words."""
    return {
        "step_s": STEP_S,
        "threshold": mode.threshold,
        "thresholds": dict(mode.thresholds),
        "smoothing_steps": mode.smoothing_steps,
        "smoothing_s": mode.smoothing_s,
        "release": mode.release,
        "refractory_s": mode.refractory_s,
        "handover": HANDOVER,
        "handover_s": mode.handover_s if any(map(is_unknown, labels)) else 0.0,
        "rule": _RULE,
    }


def about_bytes(model: WordModel) -> bytes:
    """Return `about` as the content of a file."""
    return (json.dumps(about(model), ensure_ascii=False, indent=1) + "\n").encode()


def metadata(model: WordModel) -> dict[str, Any]:
    """Return the metadata.json of the original library, with what it has no place for beside it.

    Parameters
    ----------
    model : WordModel

    Returns
    -------
    dict
        :func:`core.speech.read.read_speech_model` reads front end and thresholds back.
    """
    speech = model.speech
    return {
        "tfjsSpeechCommandsVersion": _SPEECH_COMMANDS,
        "modelName": model.name,
        # The same files for the same model: no time of day.
        "timeStamp": "1980-01-01T00:00:00.000Z",
        "wordLabels": list(speech.labels),
        "frameSize": speech.front_end.bins,
        "title": model.name,
        "licence": speech.licence,
        "frontEnd": speech.front_end.to_dict(),
        "thresholds": {word: float(p) for word, p in speech.thresholds.items()},
    }


def readme(model: WordModel, how: str) -> bytes:
    """Return the README of an export.

    Parameters
    ----------
    model : WordModel
    how : str
        What is in the archive and how it is used, in Markdown.

    Returns
    -------
    bytes
    """
    speech = model.speech
    front_end = speech.front_end
    floor = "" if front_end.floor_db is None else f", at least {front_end.floor_db:g} dB"
    lines = [
        f"# {model.name}",
        "",
        how,
        "",
        "## What the model hears",
        "",
        f"1. Sound of one channel at {front_end.rate_hz} Hz.",
        f"2. Every {front_end.hop_length} samples the decibels of the lowest {front_end.bins} bins "
        f"of a {front_end.fft_length}-point",
        f"   Fourier transform with a Blackman window, as a browser's AnalyserNode{floor}.",
        f"3. The latest {front_end.frames} of them, minus their mean, divided by their standard",
        f"   deviation + {front_end.epsilon:g}: [1, {front_end.frames}, {front_end.bins}, 1].",
        "",
        f"The same, for programs, with golden pairs, is in `{ABOUT_FILE}` or inside the model.",
        "",
        "## Labels, in the order of the output",
        "",
        *(f"{number}. {label}" for number, label in enumerate(speech.labels)),
        "",
        "Written by Teachdeck." + (f" Weights: {speech.licence}." if speech.licence else ""),
        "",
    ]
    return "\n".join(lines).encode()
