"""Heads for few takes: a shrunk linear discriminant, and the nearest prototype."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from core.errors import UsageError

__all__ = ["HEADS", "discriminant_head", "fit_head", "prototype_head"]

_SHRINKAGE = 0.3
_LEAST_SPREAD = 1e-6

Head = tuple[NDArray[np.float64], NDArray[np.float64]]


def fit_head(
    features: NDArray[np.float32],
    targets: NDArray[np.int64],
    classes: int,
    kind: str,
    more: Mapping[int, NDArray[np.float32]] | None = None,
) -> Head:
    """Return kernel and bias of a linear head.

    Parameters
    ----------
    features : ndarray of float32, shape (takes, copies, units)
        Of each take and its varied copies.
    targets : ndarray of int, shape (takes,)
    classes : int
        Each of them has a take, or features in `more`.
    kind : {"linear", "prototype"}
    more : mapping of int to ndarray of float32, shape (n, units), optional
        Further features of some classes, such as of other speech.

    Returns
    -------
    kernel : ndarray of float64, shape (units, classes)
    bias : ndarray of float64, shape (classes,)

    Raises
    ------
    UsageError
        If there is no such head.
    """
    if kind not in HEADS:
        raise UsageError("words.head", head=kind[:40], known=", ".join(HEADS))
    units = features.shape[-1]
    groups = []
    for at in range(classes):
        parts = [features[targets == at].reshape(-1, units)]
        if more is not None and at in more:
            parts.append(more[at])
        groups.append(np.concatenate(parts).astype(np.float64))
    return HEADS[kind](groups)


def discriminant_head(groups: Sequence[NDArray[np.float64]]) -> Head:
    """Return a linear discriminant whose covariance is shrunk towards a multiple of identity.

    The spread within the words, over takes and their copies, is pooled, so that few takes of each
    teach it together. Source: R. Fisher (1936); shrinkage as in O. Ledoit and M. Wolf (2004), by
    a fixed share that was chosen on words of three languages.

    Parameters
    ----------
    groups : sequence of ndarray of float64, shape (n, units)
        The features of each class.

    Returns
    -------
    kernel : ndarray of float64, shape (units, classes)
    bias : ndarray of float64, shape (classes,)
    """
    units = groups[0].shape[1]
    means = np.stack([group.mean(axis=0) for group in groups])
    # A class with many takes (noise, other speech) must not drown the spread of the others.
    spread = np.zeros((units, units))
    for group, mean in zip(groups, means, strict=True):
        rest = group - mean
        spread += rest.T @ rest / len(rest) / len(groups)
    scale = max(float(np.trace(spread)) / units, _LEAST_SPREAD)
    spread[np.diag_indices(units)] += _SHRINKAGE * scale
    return _from_means(np.linalg.solve(spread, (means - means.mean(axis=0)).T), means)


def prototype_head(groups: Sequence[NDArray[np.float64]]) -> Head:
    """Return the head whose best answer is the nearest mean of a word's takes.

    Parameters
    ----------
    groups : sequence of ndarray of float64, shape (n, units)
        The features of each class.

    Returns
    -------
    kernel : ndarray of float64, shape (units, classes)
    bias : ndarray of float64, shape (classes,)
    """
    means = np.stack([group.mean(axis=0) for group in groups])
    variances = [np.mean(np.square(g - mean)) for g, mean in zip(groups, means, strict=True)]
    variance = max(float(np.mean(variances)), _LEAST_SPREAD)
    return _from_means((means - means.mean(axis=0)).T / variance, means)


def _from_means(kernel: NDArray[np.float64], means: NDArray[np.float64]) -> Head:
    centre = means.mean(axis=0)
    # log of a normal density with this covariance, less what all classes share.
    bias = -0.5 * np.sum((means - centre).T * kernel, axis=0) - centre @ kernel
    return kernel, bias


HEADS = {"linear": discriminant_head, "prototype": prototype_head}
