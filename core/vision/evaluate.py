"""Scores of taught pictures: at once from a linear model, and of a head that was trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from core.datasets.pictures import picture_groups
from core.datasets.samples import SampleSnapshot
from core.evaluation import Score, assign_folds, calibrate, check_classes, fit_temperature, judge
from core.linear_model import held_out_logits
from core.vision.features import FeatureCache
from core.vision.head import pool_features, softmax, unit_vectors

__all__ = ["QuickScore", "quick_score", "score_logits"]

QuickScore = Score
LinearModel = Callable[
    [NDArray[np.float32], NDArray[np.int64], NDArray[np.int64], int], NDArray[np.float32]
]

# Leaving every one of many samples out in turn would take seconds; so many folds say as much.
_MOST_FOLDS = 30


def quick_score(
    features: NDArray[np.float32],
    snapshot: SampleSnapshot,
    cache: FeatureCache | None = None,
    *,
    seed: int = 0,
    linear: LinearModel = held_out_logits,
) -> Score:
    """Return how well the samples can be told apart, without TensorFlow, in a fraction of a second.

    A regularised linear model (logistic regression of scikit-learn on features of length 1) is
    fitted without each fold in turn: stratified k-fold, or leave one out where a class has fewer
    than 5 samples. Exact and near duplicates count as one sample and are never parted.

    Parameters
    ----------
    features : ndarray of float32, shape (n, ...)
        Of the snapshot's samples, in their order.
    snapshot : SampleSnapshot
    cache : FeatureCache, optional
        Knows the pictures' hashes; without it only equal content counts as duplicates.
    seed : int, optional
        Of the split.
    linear : callable, optional
        Fits the models: :func:`core.linear_model.held_out_logits` here, or, for a process that
        must stay small, :func:`core.linear_model.held_out_logits_by` in another one.

    Returns
    -------
    Score

    Raises
    ------
    UsageError
        If there is one class only, an empty one, or two of the same content.
    """
    targets, groups = targets_and_groups(features, snapshot, cache)
    folds, method = assign_folds(targets, groups, seed=seed)
    if method == "leave_one_out" and folds.max() >= _MOST_FOLDS:
        folds = folds % _MOST_FOLDS
    pooled = unit_vectors(pool_features(features))
    logits = linear(pooled, targets, folds, len(snapshot.classes))
    return score_logits(
        logits,
        targets,
        labels=snapshot.classes,
        sample_ids=[sample.id for sample in snapshot.samples],
        groups=groups,
        method=method,
        folds=len(np.unique(folds)),
    )


def targets_and_groups(
    features: NDArray[np.float32], snapshot: SampleSnapshot, cache: FeatureCache | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each sample's class and group of duplicates; refuse what cannot be taught.

    Raises
    ------
    UsageError
        If there is one class only, an empty one, or two of the same content.
    """
    samples = snapshot.samples
    facts = [cache.facts(sample.digest) if cache else None for sample in samples]
    digests = [
        fact.pixels_digest if fact else sample.digest
        for sample, fact in zip(samples, facts, strict=True)
    ]
    check_classes(snapshot.classes, [sample.label for sample in samples], digests)
    place = {label: at for at, label in enumerate(snapshot.classes)}
    targets = np.array([place[sample.label] for sample in samples], np.int64)
    if cache is not None:
        groups = picture_groups(samples, cache, features=pool_features(features))
    else:
        groups = np.unique(digests, return_inverse=True)[1].astype(np.int64)
    return targets, groups


def score_logits(
    logits: NDArray[np.float32],
    targets: NDArray[np.int64],
    *,
    labels: Sequence[str],
    sample_ids: Sequence[str],
    groups: NDArray[np.int64],
    method: str,
    folds: int,
) -> Score:
    """Return the score of held-out logits, with their calibration and temperature.

    Parameters
    ----------
    logits : ndarray of float32, shape (n, classes)
        From heads that had not seen the sample; rows of NaN are left out.
    targets : ndarray of int, shape (n,)
    labels, sample_ids, groups, method, folds
        As in :func:`core.evaluation.judge`.

    Returns
    -------
    Score
        Its probabilities are calibrated: divided by the temperature that it names.
    """
    known = np.flatnonzero(np.isfinite(logits).all(axis=1))
    logits, targets, groups = logits[known], targets[known], groups[known]
    ids = [sample_ids[int(at)] for at in known]
    temperature = fit_temperature(logits, targets)
    probabilities = softmax(logits / np.float32(temperature))
    return judge(
        probabilities,
        targets,
        labels=labels,
        sample_ids=ids,
        groups=groups,
        method=method,
        folds=folds,
        calibration=calibrate(probabilities, targets, temperature=temperature),
    )
