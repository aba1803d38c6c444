"""The recipe: which stages make the model, how long each takes, and where things lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.home import teachdeck_home
from models.training.speech.corpus import Clip, Corpus
from models.training.speech.labels import SCARCE
from models.training.speech.train import Plan

__all__ = [
    "DATA",
    "GROWN",
    "GROWN_LAYER",
    "MODEL",
    "NETWORK",
    "NOISE_SHIFT",
    "SEED",
    "UNKNOWN_SHIFT",
    "again_longer_plan",
    "again_plan",
    "base_plan",
    "fold_plan",
    "folds",
    "grown_plan",
    "hard_plan",
    "held_out",
    "scarce_speakers",
    "work_folder",
]

PROJECT = Path(__file__).resolve().parents[3]
DATA = PROJECT.parent / "shared" / "data" / "speech"
MODEL = PROJECT / "models" / "speech"
NETWORK = "fine"
# What the second stage grows it into, and which of its convolutions is the new one.
GROWN = "deep"
GROWN_LAYER = 6
# Half of the last batches is unknown words, which teaches to doubt: so much of it is taken back.
UNKNOWN_SHIFT = -0.5
# And a twentieth is noise, which leaves faint hiss near the unknown.
NOISE_SHIFT = 0.25
SEED = 7
FOLDS = 5


def work_folder() -> Path:
    """Return where corpus, banks and runs are kept; 3 GB, safe to delete."""
    return teachdeck_home() / "training" / "speech"


def scarce_speakers(corpus: Corpus) -> list[str]:
    """Return everybody who says a scarce word in the real recordings, in order.

    Parameters
    ----------
    corpus : Corpus

    Returns
    -------
    list of str
        134 of 1,561 speakers.
    """
    real = (clip for clip in corpus.clips if clip.source in ("train", "val"))
    return sorted({clip.speaker for clip in real if clip.word in SCARCE})


def folds(corpus: Corpus) -> list[list[str]]:
    """Deal the speakers of the scarce words into five folds.

    Parameters
    ----------
    corpus : Corpus

    Returns
    -------
    list of list of str
        Five lists of speakers, no speaker in two of them.
    """
    speakers = np.array(scarce_speakers(corpus))
    order = np.random.default_rng(SEED).permutation(len(speakers))
    return [[str(name) for name in speakers[order[fold::FOLDS]]] for fold in range(FOLDS)]


def held_out(corpus: Corpus, speakers: Sequence[str]) -> list[Clip]:
    """Return the real clips of scarce words by these speakers, of both parts.

    Parameters
    ----------
    corpus : Corpus
    speakers : sequence of str

    Returns
    -------
    list of Clip
    """
    return [
        clip
        for clip in corpus.clips
        if clip.source in ("train", "val") and clip.word in SCARCE and clip.speaker in speakers
    ]


def base_plan(corpus: Corpus) -> Plan:
    """Return the long first stage, which hears no speaker of a scarce word.

    So it is an honest beginning for each of the five folds as well as for the model itself.
    """
    return Plan(
        network=NETWORK,
        steps=5000,
        batch=64,
        rate=1.5e-3,
        warm=300,
        hold=1.0,
        average=0.999,
        seed=SEED,
        without=tuple(scarce_speakers(corpus)),
    )


def grown_plan(start_from: Path) -> Plan:
    """Return the second stage: everybody, a larger network, more babble and running speech."""
    return Plan(
        network=GROWN,
        steps=8500,
        batch=64,
        rate=1.3e-3,
        warm=200,
        hold=0.25,
        average=0.999,
        smoothing=0.02,
        seed=SEED + 3,
        mix="babble",
        start_from=str(start_from),
    )


def hard_plan(start_from: Path) -> Plan:
    """Return the third stage: a third of the unknown is speech that was taken for words."""
    return Plan(
        network=GROWN,
        steps=2600,
        batch=64,
        rate=6e-4,
        warm=100,
        hold=0.2,
        average=0.998,
        smoothing=0.02,
        seed=SEED + 4,
        mix="hard",
        start_from=str(start_from),
    )


def again_plan(start_from: Path) -> Plan:
    """Return the fourth stage: once more, with what was still taken for words."""
    return Plan(
        network=GROWN,
        steps=3200,
        batch=64,
        rate=5e-4,
        warm=100,
        hold=0.2,
        average=0.998,
        smoothing=0.02,
        seed=SEED + 5,
        mix="again",
        start_from=str(start_from),
    )


def again_longer_plan(start_from: Path) -> Plan:
    """Return the other fourth stage, longer and with more words, for the mean of the two."""
    again = again_plan(start_from)
    return replace(again, steps=5000, rate=6e-4, hold=0.3, mix="again_longer")


def fold_plan(start_from: Path, held: Sequence[str], fold: int) -> Plan:
    """Return the short further stage of one fold, without the speakers it is tested on."""
    return Plan(
        network=NETWORK,
        steps=600,
        batch=64,
        rate=1.0e-3,
        warm=20,
        hold=0.1,
        average=0.99,
        seed=SEED + 10 + fold,
        start_from=str(start_from),
        without=tuple(held),
    )
