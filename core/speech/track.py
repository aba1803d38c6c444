"""The scores of a piece of sound, kept so that decisions can be made again without the network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.speech.labels import word_indices

__all__ = ["STEP_S", "ScoreTrack", "columns_at_steps", "step_time_s"]

STEP_S = 0.1
"""Seconds between the scores that our own decisions are made from."""


@dataclass(frozen=True, eq=False)
class ScoreTrack:
    """The scores of a piece of sound.

    Two kinds are kept, because the original does not look at the same spectrograms as we do: it
    leaves out digital silence, and it begins before a whole second was heard.

    Attributes
    ----------
    labels : tuple of str
    scores : ndarray of float32, shape (n, labels)
        Of the second that ends at each step of 0.1 s: row ``i`` ends at ``(i + 1) * 0.1`` s.
    browser_scores : ndarray of float32, shape (columns, labels)
        Of the spectrogram that a browser would have had at each column; NaN where it would have
        had none (digital silence) and where it was not asked for.
    silent : ndarray of bool, shape (columns,)
        Columns that a browser ignores.
    hop_s : float
        Seconds between columns.
    frames : int
        Columns of one spectrogram.
    duration_s : float
        Of the sound.
    """

    labels: tuple[str, ...]
    scores: NDArray[np.float32]
    browser_scores: NDArray[np.float32]
    silent: NDArray[np.bool_]
    hop_s: float
    frames: int
    duration_s: float

    @property
    def times_s(self) -> NDArray[np.float64]:
        """When the second of each row of `scores` ends, shape (n,)."""
        return np.arange(1, len(self.scores) + 1, dtype=np.float64) * STEP_S

    @property
    def words(self) -> tuple[str, ...]:
        """The labels that are words."""
        return tuple(self.labels[index] for index in word_indices(self.labels))


def columns_at_steps(first: int, last: int, *, hop_s: float) -> NDArray[np.int64]:
    """Return the columns from `first` to before `last` at which a step of 0.1 s is reached.

    Step ``k`` is reached by the first column that ends at or after ``(k + 1) * 0.1`` s.

    Parameters
    ----------
    first, last : int
    hop_s : float

    Returns
    -------
    ndarray of int64
        In rising order; every column belongs to at most one step where columns are shorter.
    """
    # Column c ends at (c + 1) * hop_s. A little slack keeps 4.3 * 0.0232 from missing 0.1.
    least = int(first * hop_s / STEP_S) - 1
    most = int((last + 1) * hop_s / STEP_S) + 1
    steps = np.arange(max(least, 0), most + 1)
    columns = np.ceil((steps + 1) * STEP_S / hop_s - 1e-9).astype(np.int64) - 1
    within: NDArray[np.int64] = columns[(columns >= first) & (columns < last)]
    return within


def step_time_s(column: int, *, hop_s: float) -> float:
    """Return the time in seconds of the step that a column of `columns_at_steps` reached."""
    return round(int((column + 1) * hop_s / STEP_S + 1e-9) * STEP_S, 9)
