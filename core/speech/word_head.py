"""Heads for few takes: a shrunk linear discriminant, and the nearest prototype."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import UsageError

__all__ = ["HEADS", "Moments", "discriminant_head", "fit_head", "prototype_head"]

_SHRINKAGE = 0.3
_LEAST_SPREAD = 1e-6

Head = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Moments:
    """What a head needs to know of a class.

    Attributes
    ----------
    mean : ndarray of float64, shape (units,)
    spread : ndarray of float32, shape (units, units)
        Covariance. Its precision is that of the features, and it is half as fast to compute in
        double precision.
    """

    mean: NDArray[np.float64]
    spread: NDArray[np.float32]

    @classmethod
    def of(cls, features: NDArray[np.floating]) -> Moments:
        """Return the moments of features [n, units]."""
        rows = np.asarray(features, np.float64)
        mean = rows.mean(axis=0)
        rest = (rows - mean).astype(np.float32)
        return cls(mean, rest.T @ rest / np.float32(len(rest)))


def fit_head(moments: Sequence[Moments], kind: str) -> Head:
    """Return kernel and bias of a linear head.

    Parameters
    ----------
    moments : sequence of Moments
        Of the features of each class, of takes and their varied copies.
    kind : {"linear", "prototype"}

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
    return HEADS[kind](moments)


def discriminant_head(moments: Sequence[Moments]) -> Head:
    """Return a linear discriminant whose covariance is shrunk towards a multiple of identity.

    The spread within the words, over takes and their copies, is pooled, so that few takes of each
    teach it together. Source: R. Fisher (1936); shrinkage as in O. Ledoit and M. Wolf (2004), by
    a fixed share that was chosen on words of three languages.

    Parameters
    ----------
    moments : sequence of Moments
        Of each class.

    Returns
    -------
    kernel : ndarray of float64, shape (units, classes)
    bias : ndarray of float64, shape (classes,)
    """
    means = np.stack([one.mean for one in moments])
    units = means.shape[1]
    # A class with many takes (noise, other speech) must not drown the spread of the others.
    spread = np.zeros((units, units), np.float32)
    for one in moments:
        spread += one.spread / np.float32(len(moments))
    scale = max(float(np.trace(spread)) / units, _LEAST_SPREAD)
    spread[np.diag_indices(units)] += _SHRINKAGE * scale
    apart = (means - means.mean(axis=0)).T.astype(np.float32)
    return _from_means(np.linalg.solve(spread, apart).astype(np.float64), means)


def prototype_head(moments: Sequence[Moments]) -> Head:
    """Return the head whose best answer is the nearest mean of a word's takes.

    Parameters
    ----------
    moments : sequence of Moments
        Of each class.

    Returns
    -------
    kernel : ndarray of float64, shape (units, classes)
    bias : ndarray of float64, shape (classes,)
    """
    means = np.stack([one.mean for one in moments])
    variances = [float(np.trace(one.spread)) / means.shape[1] for one in moments]
    variance = max(float(np.mean(variances)), _LEAST_SPREAD)
    return _from_means((means - means.mean(axis=0)).T / variance, means)


def _from_means(kernel: NDArray[np.float64], means: NDArray[np.float64]) -> Head:
    centre = means.mean(axis=0)
    # log of a normal density with this covariance, less what all classes share.
    bias = -0.5 * np.sum((means - centre).T * kernel, axis=0) - centre @ kernel
    return kernel, bias


HEADS = {"linear": discriminant_head, "prototype": prototype_head}
