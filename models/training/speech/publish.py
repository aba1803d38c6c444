"""Thresholds from validation, golden pairs, and the files of ``models/speech``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.inference.litert import LiteRtModel
from models.training.speech import recipe
from models.training.speech.export import export, folded, litert
from models.training.speech.labels import LABELS, TARGETS
from models.training.speech.watch import Watched
from models.training.speech.weights import read_weights

__all__ = ["publish", "word_thresholds"]

# A word is believed where at most this share of other sounds is taken for it; between the
# bounds, so that few recordings cannot decide alone.
FALSE_SHARE = 0.002
LOWEST, HIGHEST = 0.5, 0.95


def word_thresholds(
    probabilities: NDArray[np.float32], truth: NDArray[np.intp]
) -> dict[str, float]:
    """Return the probability from which each word is believed.

    Parameters
    ----------
    probabilities : ndarray of shape (n, 20), float32
        Of recordings that did not train.
    truth : ndarray of shape (n,), int
        Their labels.

    Returns
    -------
    dict of str to float
        The lowest threshold, 0.5 to 0.95, over which lies at most one in 500 of the recordings
        of anything else.
    """
    thresholds = {}
    for word in TARGETS:
        place = LABELS.index(word)
        others = probabilities[truth != place, place]
        limit = float(np.quantile(others, 1 - FALSE_SHARE))
        thresholds[word] = float(np.clip(limit, LOWEST, HIGHEST))
    return thresholds


def golden_inputs(watched: Watched) -> NDArray[np.float32]:
    """Return one validation recording of each word, two unknown ones and two of noise."""
    words = (*TARGETS, "on", "off")
    places = [int(np.flatnonzero(watched.words == word)[0]) for word in words]
    return np.concatenate([watched.planes["quiet"][places], watched.planes["noise"][:2]])


def publish(work: Path, data: Path, folder: Path, *, run: Path) -> None:
    """Export what a run has trained so far.

    Parameters
    ----------
    work : pathlib.Path
        With the corpus.
    data : pathlib.Path
        The recordings.
    folder : pathlib.Path
        Gets the files.
    run : pathlib.Path
        With ``average.weights.h5``.
    """
    watched = Watched(data, work)
    weights = read_weights(recipe.NETWORK, run / "average.weights.h5")
    plain = folded(recipe.NETWORK, weights)
    model = LiteRtModel(litert(recipe.NETWORK, plain), threads=1)
    scores = model.run(watched.planes["quiet"])["dense_2"]
    noise = model.run(watched.planes["noise"])["dense_2"]
    everything = np.concatenate([scores, noise])
    truth = np.concatenate([watched.truth, np.zeros(len(noise), np.intp)])
    export(
        folder,
        recipe.NETWORK,
        weights,
        thresholds=word_thresholds(everything, truth),
        golden=golden_inputs(watched),
        facts={},
    )
    print(watched.report(lambda planes: model.run(planes)["dense_2"]))
