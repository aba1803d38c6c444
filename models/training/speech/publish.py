"""Thresholds, golden pairs, and the files of ``models/speech``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.speech.decide import SmoothMode
from models.training.speech import recipe
from models.training.speech.corpus import Corpus
from models.training.speech.export import export
from models.training.speech.labels import TARGETS
from models.training.speech.measure import tracks_of
from models.training.speech.noises import made_noise
from models.training.speech.plane import planes
from models.training.speech.streams import negative_files, unknown_stream, word_streams
from models.training.speech.thresholds import word_thresholds
from models.training.speech.weights import read_weights

__all__ = ["draft", "golden_inputs", "publish"]

_SEED = 5
_GOLDEN_VOICE = "flite slt"


def golden_inputs(corpus: Corpus) -> NDArray[np.float32]:
    """Return inputs to keep with the model: no recording of a person, only synthesised sound.

    Parameters
    ----------
    corpus : Corpus

    Returns
    -------
    ndarray of shape (24, 43, 232, 1), float32
        Each of the words, "on" and "off", two noises, a hum of silence and digital silence.
    """
    sounds = []
    random = np.random.default_rng(_SEED)
    for word in (*TARGETS, "on", "off"):
        spoken = [c for c in corpus.clips if c.word == word and c.speaker == _GOLDEN_VOICE]
        sound = corpus.sound(spoken[0]).astype(np.float32)[:14000] / 32768
        padded = np.zeros(16000, np.float32)
        start = (padded.size - sound.size) // 2
        padded[start : start + sound.size] = sound
        sounds.append(padded + random.standard_normal(16000).astype(np.float32) * 1e-3)
    sounds += [made_noise(random)[:16000] for _ in range(2)]
    sounds += [random.standard_normal(16000).astype(np.float32) * 1e-4, np.zeros(16000, np.float32)]
    return planes(sounds)


def draft(work: Path, folder: Path, *, run: Path) -> Path:
    """Export what a run has trained so far, with one careful threshold for all words.

    Parameters
    ----------
    work : pathlib.Path
        With the corpus.
    folder : pathlib.Path
        Gets the files.
    run : pathlib.Path
        With ``average.weights.h5``.

    Returns
    -------
    pathlib.Path
        `folder`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write(Corpus(work), folder, run, dict.fromkeys(TARGETS, 0.9))
    return folder


def _write(corpus: Corpus, folder: Path, run: Path, thresholds: dict[str, float]) -> None:
    export(
        folder,
        recipe.GROWN,
        read_weights(recipe.GROWN, run / "average.weights.h5"),
        thresholds=thresholds,
        golden=golden_inputs(corpus),
        facts={},
    )


def publish(work: Path, data: Path, folder: Path, *, run: Path) -> None:
    """Export what a run has trained so far, with thresholds.

    Parameters
    ----------
    work : pathlib.Path
        With the corpus and the running speech.
    data : pathlib.Path
        With the folder ``background``.
    folder : pathlib.Path
        Gets the files.
    run : pathlib.Path
        With ``average.weights.h5``.
    """
    corpus = Corpus(work)
    draft(work, folder, run=run)
    # A quarter of the voices sets the thresholds, the others are for the figure in the card.
    without = [*negative_files(work, thresholds=True), unknown_stream(corpus, seed=_SEED)]
    streams = list(word_streams(corpus, data / "background", seed=_SEED))
    tracks = tracks_of(folder, [*without, *(stream.sound for stream in streams)])
    said = [
        (stream.words, track) for stream, track in zip(streams, tracks[len(without) :], strict=True)
    ]
    tracks = tracks[: len(without)]
    thresholds = word_thresholds(tracks, said, SmoothMode())
    _write(corpus, folder, run, thresholds)
    print(thresholds)
