"""How well takes are told apart by heads that had not heard them, and how such heads are fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from core.errors import UsageError
from core.evaluation import Score, assign_folds, calibrate, fit_temperature, judge
from core.speech.labels import UNKNOWN_TAG, is_noise, word_indices
from core.speech.word_head import Head, HeadFitter, Mixture

__all__ = ["TakeTable", "WordScore", "judge_takes"]

_MOST_FOLDS = 30
# More takes than a hundred are learned from with fewer copies of each.
_MOST_ROWS = 1_200
# What is added to the spread of each feature, as a share of their mean spread.
_STEADY = 0.05
# Confidence that unseen takes cannot show: probabilities stay below about 0.999.
_LEAST_TEMPERATURE = 1.0
# Where on the way from other speech to a word the word begins. Half-way is what a discriminant
# does; other people's words then pass for other speech: measured on eight Arabic words, taught by
# one speaker and said by others, 7 % of them more than at 0.3, and at 0.4 less than 1 %. Lower
# than that, single words of another language come near the default threshold.
_WORD_BEGINS = 0.4


@dataclass(frozen=True)
class WordScore:
    """How well takes are told apart by heads that had not heard them.

    Attributes
    ----------
    score : Score
        Of all takes, noise included.
    accuracy : float or None
        Of the takes of words; None where no word has two takes.
    noise_recall : float or None
    pair : tuple of (str, str, float) or None
        The two words that are mistaken most, and the share of their takes that is told apart.
    temperature : float
        By which logits are divided so that probabilities can be believed.
    """

    score: Score
    accuracy: float | None
    noise_recall: float | None
    pair: tuple[str, str, float] | None
    temperature: float


@dataclass(frozen=True, eq=False)
class TakeTable:
    """The features of takes, and what each of them is.

    Attributes
    ----------
    features : ndarray of float32, shape (takes, 1 + copies, units)
        As :meth:`WordTrunk.take_features` returns them.
    targets : ndarray of int64, shape (takes,)
        Positions in `labels`.
    labels : tuple of str
    other : ndarray of float32, shape (n, units), or None
        Features of other speech, which are learned as ``_unknown_``.
    """

    features: NDArray[np.float32]
    targets: NDArray[np.int64]
    labels: tuple[str, ...]
    other: NDArray[np.float32] | None

    @cached_property
    def scale(self) -> NDArray[np.float32]:
        """Return a factor for each feature: all vary alike over the takes and their copies.

        Features that hardly vary here may vary in what is heard later, so they gain little.
        """
        spread = self.features.reshape(-1, self.features.shape[-1]).std(axis=0)
        whole = np.maximum(spread + _STEADY * spread.mean(), 1e-12)
        scale: NDArray[np.float32] = (1 / (whole * np.sqrt(spread.size))).astype(np.float32)
        return scale

    @cached_property
    def centre(self) -> NDArray[np.float32]:
        """The mean of all features, from which they are counted."""
        centre: NDArray[np.float32] = self.features.mean(axis=(0, 1))
        return centre

    @property
    def comparable(self) -> NDArray[np.bool_]:
        """Say for each take whether its class has another one to be judged by."""
        mask: NDArray[np.bool_] = np.bincount(self.targets)[self.targets] > 1
        return mask

    @property
    def learned(self) -> int:
        """How many rows of a take are learned from: itself and some copies."""
        takes, rows, _ = self.features.shape
        # Many takes vary by themselves, and the time grows with the square of the rows.
        return int(min(rows, max(1, _MOST_ROWS // takes)))

    def fitter(self, kind: str) -> HeadFitter:
        """Return what fits heads to the takes.

        Parameters
        ----------
        kind : {"linear", "prototype"}

        Returns
        -------
        HeadFitter
            Its rows are the learned ones of each take, one take after the other.

        Raises
        ------
        UsageError
            If there is no such head.
        """
        rows = self.features[:, : self.learned].reshape(-1, self.features.shape[-1])
        unknown = self.labels.index(UNKNOWN_TAG) if UNKNOWN_TAG in self.labels else -1
        return HeadFitter(
            (rows - self.centre) * self.scale,
            np.repeat(self.targets, self.learned),
            len(self.labels),
            kind,
            other=None if self.other is None else (self.other - self.centre) * self.scale,
            other_class=-1 if self.other is None else unknown,
        )

    def bias(self, mixture: Mixture) -> NDArray[np.float32]:
        """Return the bias of a head with which words begin nearer to other speech."""
        bias = mixture.bias.copy()
        words = word_indices(self.labels)
        if UNKNOWN_TAG in self.labels and words:
            unknown = self.labels.index(UNKNOWN_TAG)
            own = mixture.own
            # From the mean of one class to that of another, scores change by the squared distance.
            distances = [
                own[at, at] - own[at, unknown] + own[unknown, unknown] - own[unknown, at]
                for at in words
            ]
            bias[unknown] -= (0.5 - _WORD_BEGINS) * float(np.mean(distances))
        return bias

    def head(self, kind: str) -> Head:
        """Fit a head to all takes.

        Parameters
        ----------
        kind : {"linear", "prototype"}

        Returns
        -------
        kernel : ndarray of float64, shape (units, labels)
        bias : ndarray of float64, shape (labels,)
            For features as they are.

        Raises
        ------
        UsageError
            If there is no such head.
        """
        fitter = self.fitter(kind)
        mixture = fitter.fit()
        kernel = fitter.kernel(mixture) * self.scale[:, np.newaxis]
        return kernel, self.bias(mixture).astype(np.float64) - self.centre @ kernel


def judge_takes(takes: TakeTable, digests: Sequence[str], *, head: str, seed: int) -> WordScore:
    """Hold takes out in turn, and return how well heads that had not heard them name them.

    Parameters
    ----------
    takes : TakeTable
    digests : sequence of str
        Equal for takes of equal content, which are held out together.
    head : {"linear", "prototype"}
    seed : int
        Of the folds.

    Returns
    -------
    WordScore

    Raises
    ------
    UsageError
        If no take can be held out.
    """
    targets, labels = takes.targets, takes.labels
    groups = np.unique(list(digests), return_inverse=True)[1].astype(np.int64)
    folds, method = assign_folds(targets, groups, seed=seed)
    if folds.max() >= _MOST_FOLDS:
        folds = folds % _MOST_FOLDS
    known = takes.comparable
    logits = np.full((len(targets), len(labels)), np.nan, np.float32)
    # Matrices this small are done sooner by one thread, and on busy cores far sooner.
    with threadpool_limits(1):
        fitter = takes.fitter(head)
        for fold in np.unique(folds[known]):
            hidden = folds == fold
            held = np.flatnonzero(hidden & known)
            if len(np.unique(targets[~hidden])) < len(np.unique(targets)):
                continue
            mixture = fitter.fit(np.repeat(~hidden, takes.learned))
            scores = fitter.scores(mixture, held * takes.learned)
            logits[held] = scores - mixture.bias + takes.bias(mixture)
    judged = np.flatnonzero(np.isfinite(logits).all(axis=1))
    if len(judged) == 0:
        raise UsageError("words.too_few")
    temperature = max(
        fit_temperature(_shrunk(logits[judged]), targets[judged]) * _overrun(logits[judged]),
        _LEAST_TEMPERATURE,
    )
    probabilities = _softmax(logits[judged] / temperature)
    score = judge(
        probabilities,
        targets[judged],
        labels=labels,
        sample_ids=[str(at) for at in judged],
        groups=groups[judged],
        method=method,
        folds=len(np.unique(folds[judged])),
        calibration=calibrate(probabilities, targets[judged], temperature=temperature),
    )
    accuracy, noise_recall = _shares(score.confusion, labels)
    return WordScore(score, accuracy, noise_recall, _hardest_pair(score, labels), temperature)


def _overrun(logits: NDArray[np.float32]) -> float:
    """Return by how much logits are larger than what a temperature is looked for at."""
    return max(1.0, float(np.abs(logits - logits.mean(axis=1, keepdims=True)).max()) / 30.0)


def _shrunk(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    return (logits / np.float32(_overrun(logits))).astype(np.float32)


def _softmax(logits: NDArray[np.floating]) -> NDArray[np.float32]:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: NDArray[np.float32] = (shifted / shifted.sum(axis=1, keepdims=True)).astype(np.float32)
    return result


def _shares(
    confusion: Sequence[Sequence[int]], labels: Sequence[str]
) -> tuple[float | None, float | None]:
    """Return the share of word takes, and of noise, that was named rightly."""
    counts = np.array(confusion)
    shares: list[float | None] = []
    noise = [at for at, label in enumerate(labels) if is_noise(label)]
    for rows in (list(word_indices(labels)), noise):
        total = counts[rows].sum() if rows else 0
        shares.append(float(sum(counts[at, at] for at in rows) / total) if total else None)
    return shares[0], shares[1]


def _hardest_pair(score: Score, labels: Sequence[str]) -> tuple[str, str, float] | None:
    """Return the two words that are mistaken for each other most, or are the only two."""
    words = word_indices(labels)
    counts = np.array(score.confusion)
    pairs = [(a, b) for place, a in enumerate(words) for b in words[place + 1 :]]
    if not pairs:
        return None
    first, second = max(pairs, key=lambda pair: counts[pair[0], pair[1]] + counts[pair[1], pair[0]])
    mistaken = counts[first, second] + counts[second, first]
    total = counts[[first, second]].sum()
    if not total or (mistaken == 0 and len(words) > 2):
        return None
    return labels[first], labels[second], float(1 - mistaken / total)
