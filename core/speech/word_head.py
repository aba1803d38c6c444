"""Heads for few takes: a shrunk linear discriminant, and the nearest prototype.

There are far more features than takes. So nothing of the size of the features squared is computed:
a head is a sum of takes, and all that is needed to find how much of each is how alike they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.errors import UsageError

__all__ = ["HEADS", "Head", "HeadFitter", "Mixture"]

HEADS = ("linear", "prototype")

# Of the mean spread of a feature. At a third of it other people's words are mistaken more often.
_SHRINKAGE = 2.0
_LEAST_SPREAD = 1e-6

Head = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Mixture:
    """A head as sums of what it learned from.

    Attributes
    ----------
    shares : ndarray of float32, shape (rows, classes)
        How much of each row, other speech last, is in the kernel of each class.
    bias : ndarray of float32, shape (classes,)
    own : ndarray of float32, shape (classes, classes)
        Row: the mean of a class; column: its score for a class.
    """

    shares: NDArray[np.float32]
    bias: NDArray[np.float32]
    own: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class HeadFitter:
    """Fits heads to rows of features, with all of them or without some.

    The linear head is a discriminant: the spread within the classes, over takes and their copies,
    is pooled, so that few takes of each teach it together, and shrunk towards a multiple of the
    identity. Source: R. Fisher (1936); shrinkage as in O. Ledoit and M. Wolf (2004), by a fixed
    share that was chosen on words of three languages. The prototype head answers with the nearest
    mean of a class.

    Attributes
    ----------
    rows : ndarray of float32, shape (n, units)
        Of takes and their copies, about zero on the whole.
    targets : ndarray of int64, shape (n,)
        The class of each row.
    classes : int
    kind : {"linear", "prototype"}
    other : ndarray of float32, shape (m, units), or None
        Rows that are never left out.
    other_class : int, optional
        Which class they teach; its spread is theirs alone.
    """

    rows: NDArray[np.float32]
    targets: NDArray[np.int64]
    classes: int
    kind: str
    other: NDArray[np.float32] | None = None
    other_class: int = -1

    def __post_init__(self) -> None:
        if self.kind not in HEADS:
            raise UsageError("words.head", head=self.kind[:40], known=", ".join(HEADS))

    def fit(self, keep: NDArray[np.bool_] | None = None) -> Mixture:
        """Fit a head.

        Parameters
        ----------
        keep : ndarray of bool, shape (n,), optional
            The rows to learn from, some of every class; all of them if None.

        Returns
        -------
        Mixture
        """
        keep = np.ones(len(self.rows), np.bool_) if keep is None else keep
        means = self._means(keep)
        apart = means - means.mean(axis=0)
        shares = apart.T.copy()
        if self.kind == "linear":
            counted = np.flatnonzero(keep & (self.targets != self.other_class))
            within = self._about_means(self.alike[counted], counted)
            spread = self._about_means(within[:, counted].T, counted)
            spread[np.diag_indices(len(counted))] += 1
            told = np.linalg.solve(spread, within @ apart.T)
            shares[counted] -= self._about_means(told, counted)
        scores = self.alike @ shares
        bias = -0.5 * np.sum(apart.T * scores, axis=0) - means.mean(axis=0) @ scores
        return Mixture(shares, bias, means @ scores + bias)

    def scores(self, mixture: Mixture, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return what a head says to some of the rows, kept or not: [rows, classes]."""
        result: NDArray[np.float32] = self.alike[rows] @ mixture.shares + mixture.bias
        return result

    def kernel(self, mixture: Mixture) -> NDArray[np.float64]:
        """Return the kernel of a head for features as the rows are, [units, classes]."""
        summed = self._points.T @ mixture.shares
        if len(self._other_spread):
            known = self._other_spread @ summed
            summed = summed - self._other_spread.T @ np.linalg.solve(self._other_gram, known)
        return (summed / self._floor).astype(np.float64)

    @cached_property
    def alike(self) -> NDArray[np.float32]:
        """How alike all rows are, the mean of other speech last, as the spread that stays sees it.

        That spread is the floor and other speech; what the classes add differs from fit to fit.
        """
        points, floor = self._points, self._floor
        alike = points @ points.T
        if len(self._other_spread):
            shared = self._other_spread @ points.T
            alike -= shared.T @ np.linalg.solve(self._other_gram, shared)
        result: NDArray[np.float32] = alike / floor
        return result

    @cached_property
    def _points(self) -> NDArray[np.float32]:
        if self.other is None:
            return self.rows
        return np.concatenate([self.rows, self.other.mean(axis=0, keepdims=True)])

    @cached_property
    def _floor(self) -> np.float32:
        """What is added to the spread in every direction."""
        spreads = []
        for at in range(self.classes):
            own = self.other if at == self.other_class else self.rows[self.targets == at]
            if own is not None:
                spreads.append(float(own.var(axis=0).mean()))
        spread = max(float(np.mean(spreads)), _LEAST_SPREAD)
        return np.float32(_SHRINKAGE * spread if self.kind == "linear" else spread)

    @cached_property
    def _other_spread(self) -> NDArray[np.float32]:
        """Rows whose products with themselves sum to the share of other speech in the spread."""
        if self.other is None or self.kind != "linear":
            return np.zeros((0, self.rows.shape[1]), np.float32)
        rest = self.other - self.other.mean(axis=0)
        result: NDArray[np.float32] = rest / np.float32(np.sqrt(len(rest) * self.classes))
        return result

    @cached_property
    def _other_gram(self) -> NDArray[np.float32]:
        gram = self._other_spread @ self._other_spread.T
        gram[np.diag_indices(len(gram))] += self._floor
        return gram

    def _means(self, keep: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return the mean of each class as shares of the points."""
        means = np.zeros((self.classes, len(self._points)), np.float32)
        for at in range(self.classes):
            own = np.flatnonzero(keep & (self.targets == at))
            others = 0 if self.other is None or at != self.other_class else len(self.other)
            means[at, own] = 1 / max(len(own) + others, 1)
            if others:
                means[at, -1] = others / (len(own) + others)
        return means

    def _about_means(
        self, values: NDArray[np.float32], counted: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return the rows less the mean of their class, so that each class weighs the same."""
        result = np.empty(values.shape, np.float32)
        targets = self.targets[counted]
        # A class with many takes (noise) must not drown the spread of the others.
        for at in np.unique(targets):
            own = targets == at
            rows = values[own]
            result[own] = (rows - rows.mean(axis=0)) / np.float32(np.sqrt(len(rows) * self.classes))
        return result
