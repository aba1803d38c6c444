"""Measures a model on folders of recordings and on long sound; every figure with its interval."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from core.audio import decode_audio
from core.audio.clip import fit_clip
from core.speech.decide import WordEvent
from core.speech.model import SpeechModel
from core.speech.read import read_speech_model
from core.speech.scorer import score_sound
from core.speech.track import ScoreTrack
from models.training.speech.audio import RATE_HZ
from models.training.speech.labels import LABELS, NOISE, TARGETS, UNKNOWN, label_of
from models.training.speech.streams import WordStream

__all__ = [
    "Named",
    "hits",
    "name_folder",
    "percent_of",
    "poisson_upper",
    "summary",
    "track_of",
    "tracks_of",
    "wilson",
]


@dataclass(frozen=True)
class Named:
    """Recordings of a folder and what a model called them.

    Parameters
    ----------
    words : ndarray of shape (n,), str
        As the folders say.
    truth, said : ndarray of shape (n,), int
        Places in ``LABELS``.
    scores : ndarray of shape (n, 20), float32
    """

    words: NDArray[np.str_]
    truth: NDArray[np.intp]
    said: NDArray[np.intp]
    scores: NDArray[np.float32]


def wilson(right: int, count: int) -> tuple[float, float]:
    """Return the 95 % Wilson interval of a share, in percent.

    Parameters
    ----------
    right, count : int

    Returns
    -------
    tuple of float

    Examples
    --------
    >>> [round(end, 1) for end in wilson(45, 50)]
    [78.6, 95.7]
    """
    if not count:
        return 0.0, 100.0
    z, share = 1.959964, right / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count)
    half *= math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return 100 * (middle - half), 100 * (middle + half)


def percent_of(mask: NDArray[np.bool_]) -> dict[str, float | int]:
    """Return a share as percent with its interval and count."""
    right, count = int(mask.sum()), int(mask.size)
    low, high = wilson(right, count)
    share = 100 * right / count if count else float("nan")
    return {"percent": share, "low": low, "high": high, "right": right, "count": count}


def poisson_upper(events: int, hours: float) -> float:
    """Return the one-sided upper 95 % bound of a rate.

    Parameters
    ----------
    events : int
    hours : float

    Returns
    -------
    float
        Events an hour.

    Examples
    --------
    >>> round(poisson_upper(0, 3.0), 2)
    1.0
    """
    from scipy.stats import chi2

    return float(chi2.ppf(0.95, 2 * (events + 1)) / 2 / hours)


def name_folder(model: SpeechModel, folder: Path) -> Named:
    """Name every recording of a folder as ``python -m core evaluate`` does.

    Parameters
    ----------
    model : SpeechModel
        With the twenty labels of the original.
    folder : pathlib.Path
        One folder a word.

    Returns
    -------
    Named
    """
    words, clips = [], []
    for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
        for path in sorted(inner.iterdir()):
            sound = decode_audio(path, rate_hz=model.front_end.rate_hz).samples
            words.append(inner.name)
            clips.append(fit_clip(sound, model.front_end.window_samples))
    parts = [
        model.run(model.front_end.features(np.stack(clips[at : at + 64]))).scores
        for at in range(0, len(clips), 64)
    ]
    scores = np.concatenate(parts)
    truth = np.array([NOISE if word == LABELS[NOISE] else label_of(word) for word in words])
    return Named(np.array(words), truth, scores.argmax(axis=1), scores)


def summary(named: Named) -> dict[str, Any]:
    """Return the figures of one folder.

    Parameters
    ----------
    named : Named

    Returns
    -------
    dict
        ``micro``, ``macro``, ``unknown``, ``noise``, ``words`` with recall and precision,
        ``unknown_words``; what the folder has nothing of is left out.
    """
    right = named.said == named.truth
    targets = np.isin(named.words, TARGETS)
    out: dict[str, Any] = {"micro": percent_of(right[targets])}
    present = [word for word in TARGETS if (named.words == word).any()]
    out["words"] = {
        word: {
            "recall": percent_of(right[named.words == word]),
            "precision": percent_of(right[named.said == LABELS.index(word)]),
        }
        for word in present
    }
    recalls = [out["words"][word]["recall"]["percent"] for word in present]
    out["macro"] = float(np.mean(recalls))
    unknown = named.truth == UNKNOWN
    if unknown.any():
        groups = {word: named.words == word for word in ("on", "off", "bed", "cat", "happy")}
        groups["the rest"] = unknown & ~np.any(list(groups.values()), axis=0)
        out["unknown_words"] = {word: percent_of(right[mask]) for word, mask in groups.items()}
        out["unknown"] = float(np.mean([g["percent"] for g in out["unknown_words"].values()]))
        out["unknown_clips"] = percent_of(right[unknown])
    if (named.truth == NOISE).any():
        out["noise"] = percent_of(right[named.truth == NOISE])
    return out


def track_of(model: SpeechModel, sound: NDArray[np.float32] | Path) -> ScoreTrack:
    """Score long sound as the page and ``python -m core listen`` do.

    Parameters
    ----------
    model : SpeechModel
    sound : ndarray of shape (samples,), float32, or path
        At 16 kHz.

    Returns
    -------
    ScoreTrack
    """
    if isinstance(sound, Path):
        return score_sound(model, sound, browser_period=None).track
    memory = io.BytesIO()
    loudest = max(float(np.abs(sound).max()), 1.0)
    soundfile.write(memory, sound / loudest, RATE_HZ, format="WAV", subtype="FLOAT")
    return score_sound(model, memory.getvalue(), browser_period=None).track


_model = cache(read_speech_model)


def _track(folder: Path, sound: NDArray[np.float32] | Path) -> ScoreTrack:
    return track_of(_model(folder), sound)


def tracks_of(
    folder: Path, sounds: Iterable[NDArray[np.float32] | Path], *, processes: int = 2
) -> list[ScoreTrack]:
    """Score long sounds with a model that was just written, several at once.

    Parameters
    ----------
    folder : pathlib.Path
        The model's; its files stay as they are until this process ends.
    sounds : iterable of ndarray or path
        As for :func:`track_of`.
    processes : int
        How many work at once.

    Returns
    -------
    list of ScoreTrack
        In the order of `sounds`.
    """
    # Spawned, as the parent may have TensorFlow's threads; each reads the model anew.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return list(pool.map(partial(_track, folder), sounds))


def hits(stream: WordStream, events: tuple[WordEvent, ...]) -> dict[str, Any]:
    """Compare what was heard with what was said.

    An event belongs to the word that was last begun when it came, if it came within 1.3 s of
    that word's end.

    Parameters
    ----------
    stream : WordStream
    events : tuple of WordEvent

    Returns
    -------
    dict
        ``caught`` (once, rightly), ``twice``, ``wrong`` (events of other words), ``missed``, and
        ``delays_s`` of the caught, from the end of the word.
    """
    starts = np.array([start for _, start, _ in stream.words])
    found: list[list[WordEvent]] = [[] for _ in stream.words]
    stray = 0
    for event in events:
        place = int(np.searchsorted(starts, event.time_s, side="right")) - 1
        if place < 0 or event.time_s > stream.words[place][2] + 1.3:
            stray += 1
        else:
            found[place].append(event)
    caught = twice = wrong = missed = 0
    delays = []
    for (word, _, end), heard in zip(stream.words, found, strict=True):
        right = [event for event in heard if event.word == word]
        wrong += len(heard) - len(right)
        caught += len(right) == 1
        twice += len(right) > 1
        missed += not right
        if right:
            delays.append(right[0].time_s - end)
    return {
        "words": len(stream.words),
        "caught": caught,
        "twice": twice,
        "wrong": wrong + stray,
        "missed": missed,
        "delays_s": delays,
    }
