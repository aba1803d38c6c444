"""Honest scores of small data sets: splits that keep relatives together, intervals, calibration.

Knows nothing of pictures or sound: labels, groups and probabilities in, numbers out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import Note, UsageError

__all__ = [
    "Calibration",
    "Judged",
    "Score",
    "advice_for",
    "assign_folds",
    "calibrate",
    "check_classes",
    "confusion_matrix",
    "fit_temperature",
    "hold_out",
    "wilson_interval",
]

_FEW = 5
_FOLDS = 5
_Z_95 = 1.959964
_BINS = 10


@dataclass(frozen=True)
class Judged:
    """What a head that had not seen a sample said about it.

    Attributes
    ----------
    sample_id : str
    label : str
        What it is.
    answer : str
        What the head said.
    probability : float
        Of the answer, 0 to 1.
    margin : float
        Probability of what it is, less that of the best other class: below 0 where it is wrong.
    """

    sample_id: str
    label: str
    answer: str
    probability: float
    margin: float


@dataclass(frozen=True)
class Calibration:
    """Whether probabilities can be taken at their word.

    Attributes
    ----------
    error : float
        Expected calibration error: how far confidence and accuracy are apart, on average.
    temperature : float
        By which dividing the logits makes them fit.
    confidences, accuracies : tuple of float
        Mean of each bin of the greatest probability that is not empty.
    counts : tuple of int
    """

    error: float
    temperature: float
    confidences: tuple[float, ...]
    accuracies: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Score:
    """How well samples are told apart by heads that had not seen them.

    Attributes
    ----------
    accuracy : float
        0 to 1.
    interval : tuple of float
        Where the accuracy lies with 95 % certainty (Wilson), given so many independent samples.
    labels : tuple of str
    confusion : tuple of tuple of int
        Rows are what it is, columns what was said.
    wrong : tuple of Judged
        The misclassified, worst first.
    uncertain : tuple of Judged
        Right but by the smallest margin, that one first.
    advice : tuple of Note
    method : {"k_fold", "leave_one_out", "validation"}
    folds : int
    count : int
        Samples that were judged.
    calibration : Calibration or None
    """

    accuracy: float
    interval: tuple[float, float]
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    wrong: tuple[Judged, ...]
    uncertain: tuple[Judged, ...]
    advice: tuple[Note, ...]
    method: str
    folds: int
    count: int
    calibration: Calibration | None = None


def wilson_interval(right: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (E. Wilson, 1927): honest for few samples too.

    Examples
    --------
    >>> [round(end, 3) for end in wilson_interval(10, 10)]
    [0.722, 1.0]
    """
    if count == 0:
        return 0.0, 1.0
    share, z2 = right / count, _Z_95**2
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    reach = _Z_95 / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    # At the ends rounding would leave a hair between the bound and certainty.
    low = 0.0 if right == 0 else max(0.0, centre - reach)
    return low, 1.0 if right == count else min(1.0, centre + reach)


def check_classes(classes: Sequence[str], labels: Sequence[str], digests: Sequence[str]) -> None:
    """Say what is missing before anything is taught or judged.

    Parameters
    ----------
    classes : sequence of str
    labels : sequence of str
        Of each sample.
    digests : sequence of str
        What is equal for samples of equal content.

    Raises
    ------
    UsageError
        If there are fewer than two classes, an empty one, or two of the same content.
    """
    if len(classes) < 2:
        raise UsageError("evaluation.one_class", count=len(classes))
    counts = Counter(labels)
    for name in classes:
        if not counts[name]:
            raise UsageError("evaluation.empty_class", label=name)
    contents: dict[frozenset[str], str] = {}
    for name in classes:
        content = frozenset(
            digest for digest, label in zip(digests, labels, strict=True) if label == name
        )
        if content in contents:
            raise UsageError("evaluation.equal_classes", first=contents[content], second=name)
        contents[content] = name


def assign_folds(
    targets: NDArray[np.int64], groups: NDArray[np.int64], *, seed: int = 0
) -> tuple[NDArray[np.int64], str]:
    """Return in which fold each sample is held out: stratified, groups never parted.

    Parameters
    ----------
    targets : ndarray of int, shape (n,)
        Class of each sample.
    groups : ndarray of int, shape (n,)
        Equal for relatives: duplicates, takes of one recording.
    seed : int, optional

    Returns
    -------
    folds : ndarray of int, shape (n,)
    method : {"k_fold", "leave_one_out"}
        Leave one out (a group each) where a class has fewer than 5 groups.
    """
    classes = int(targets.max()) + 1
    per_class = [np.unique(groups[targets == at]) for at in range(classes)]
    if min(len(members) for members in per_class) < _FEW:
        return np.unique(groups, return_inverse=True)[1].astype(np.int64), "leave_one_out"
    generator = np.random.default_rng(seed)
    fold_of: dict[int, int] = {}
    loads = np.zeros((_FOLDS, classes), np.int64)
    for at in range(classes):
        for group in generator.permutation(per_class[at]):
            if int(group) in fold_of:
                continue
            members = targets[groups == group]
            # The fold with the fewest of this class, of those the one with the fewest at all.
            order = np.lexsort((loads.sum(axis=1), loads[:, at]))
            fold = int(order[0])
            fold_of[int(group)] = fold
            loads[fold] += np.bincount(members, minlength=classes)
    return np.array([fold_of[int(group)] for group in groups], np.int64), "k_fold"


def hold_out(
    targets: NDArray[np.int64], groups: NDArray[np.int64], share: float, *, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows to learn from and those to look at: stratified, groups never parted.

    Parameters
    ----------
    targets, groups : ndarray of int, shape (n,)
    share : float
        Of each class that is held out, 0 to 0.5; at least one group of each class is learned.
    seed : int, optional

    Returns
    -------
    train, validation : ndarray of int
    """
    generator = np.random.default_rng([seed, 1])
    held: set[int] = set()
    for at in range(int(targets.max()) + 1):
        members = [int(group) for group in generator.permutation(np.unique(groups[targets == at]))]
        sizes = [int(((groups == group) & (targets == at)).sum()) for group in members]
        wanted = share * sum(sizes)
        taken = sum(size for group, size in zip(members, sizes, strict=True) if group in held)
        for group, size in zip(members[:-1], sizes[:-1], strict=True):
            if taken + size <= wanted + 1e-9 and group not in held:
                held.add(group)
                taken += size
    mask = np.isin(groups, list(held))
    # A group of two classes may have taken the last of one of them with it.
    for at in range(int(targets.max()) + 1):
        if mask[targets == at].all():
            mask[targets == at] = False
    return np.flatnonzero(~mask), np.flatnonzero(mask)


def confusion_matrix(
    targets: NDArray[np.int64], answers: NDArray[np.int64], classes: int
) -> tuple[tuple[int, ...], ...]:
    """Return counts: rows are what it is, columns what was said."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (targets, answers), 1)
    return tuple(tuple(int(value) for value in row) for row in counts)


def fit_temperature(logits: NDArray[np.float32], targets: NDArray[np.int64]) -> float:
    """Return the temperature that makes unseen samples most likely, 0.05 to 20.

    Source: C. Guo et al., "On Calibration of Modern Neural Networks" (2017). Few samples that
    are all right would make any head infinitely sure, so one wrong answer among them is
    imagined: the likelihood is mixed with that of guessing, by 1 in (n + 1).
    """
    classes = logits.shape[1]
    mixed = 1.0 / (len(targets) + 1)

    def loss(log_temperature: float) -> float:
        scaled = logits.astype(np.float64) / math.exp(log_temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        shares = np.exp(scaled) / np.exp(scaled).sum(axis=1, keepdims=True)
        # What the imagined sample costs: all of the confidence was wrong.
        confident = np.log1p(-(shares.max(axis=1) * (1 - 1e-9))).mean() - math.log(classes - 1)
        known = np.log(np.maximum(shares[np.arange(len(targets)), targets], 1e-12)).mean()
        return float(-(1 - mixed) * known - mixed * confident)

    candidates = np.linspace(math.log(0.05), math.log(20), 121)
    best = min(candidates, key=loss)
    return float(math.exp(best))


def calibrate(
    probabilities: NDArray[np.float32], targets: NDArray[np.int64], *, temperature: float = 1.0
) -> Calibration:
    """Return how far probabilities and accuracy are apart, in ten bins of confidence."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == targets
    bins = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
    confidences, accuracies, counts = [], [], []
    for at in range(_BINS):
        inside = bins == at
        if inside.any():
            confidences.append(float(confidence[inside].mean()))
            accuracies.append(float(right[inside].mean()))
            counts.append(int(inside.sum()))
    gaps = [abs(c - a) * n for c, a, n in zip(confidences, accuracies, counts, strict=True)]
    error = sum(gaps) / max(1, len(targets))
    return Calibration(error, temperature, tuple(confidences), tuple(accuracies), tuple(counts))


def judge(
    probabilities: NDArray[np.float32],
    targets: NDArray[np.int64],
    *,
    labels: Sequence[str],
    sample_ids: Sequence[str],
    groups: NDArray[np.int64],
    method: str,
    folds: int,
    calibration: Calibration | None = None,
) -> Score:
    """Return the score of answers about samples that were held out.

    Parameters
    ----------
    probabilities : ndarray of float32, shape (n, classes)
    targets : ndarray of int, shape (n,)
    labels : sequence of str
    sample_ids : sequence of str
    groups : ndarray of int, shape (n,)
        The interval counts a group once: duplicates add no certainty.
    method : str
    folds : int
    calibration : Calibration, optional

    Returns
    -------
    Score
    """
    answers = probabilities.argmax(axis=1)
    right = answers == targets
    rows = np.arange(len(targets))
    own = probabilities[rows, targets]
    others = probabilities.copy()
    others[rows, targets] = -1
    margins = own - others.max(axis=1)
    judged = [
        Judged(
            sample_ids[at],
            labels[targets[at]],
            labels[answers[at]],
            float(probabilities[at, answers[at]]),
            float(margins[at]),
        )
        for at in range(len(targets))
    ]
    by_margin = [judged[at] for at in np.argsort(margins, kind="stable")]
    confusion = confusion_matrix(targets, answers, len(labels))
    independent = len(np.unique(groups))
    accuracy = float(right.mean())
    return Score(
        accuracy=accuracy,
        interval=wilson_interval(round(accuracy * independent), independent),
        labels=tuple(labels),
        confusion=confusion,
        wrong=tuple(entry for entry in by_margin if entry.answer != entry.label),
        uncertain=tuple(entry for entry in by_margin if entry.answer == entry.label)[:12],
        advice=advice_for(confusion, labels, targets, groups),
        method=method,
        folds=folds,
        count=len(targets),
        calibration=calibration,
    )


def advice_for(
    confusion: Sequence[Sequence[int]],
    labels: Sequence[str],
    targets: NDArray[np.int64],
    groups: NDArray[np.int64],
) -> tuple[Note, ...]:
    """Return which samples would help most: few ones first, then what is confused with what."""
    notes = []
    counts = [len(np.unique(groups[targets == at])) for at in range(len(labels))]
    for at in np.argsort(counts, kind="stable"):
        if counts[at] < _FEW:
            notes.append(
                Note(
                    "evaluation.more_of_few",
                    {"label": labels[at], "count": counts[at], "few": _FEW},
                )
            )
    matrix = np.array(confusion)
    mistaken = matrix - np.diag(np.diag(matrix))
    for flat in np.argsort(-mistaken, axis=None, kind="stable")[:2]:
        row, column = divmod(int(flat), len(labels))
        count = int(mistaken[row, column])
        if count and counts[row] >= _FEW:
            fields: dict[str, str | int | float] = {
                "label": labels[row],
                "answer": labels[column],
                "count": count,
            }
            notes.append(Note("evaluation.more_of_confused", fields))
    least, most = int(np.argmin(counts)), max(counts)
    if counts[least] >= _FEW and counts[least] * 3 <= most:
        notes.append(
            Note("evaluation.more_of_rare", {"label": labels[least], "count": counts[least]})
        )
    return tuple(notes)
