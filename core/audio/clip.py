"""One clip of a wanted length out of a recording."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["fit_clip"]


def fit_clip(samples: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Return exactly `length` samples: a short recording in the middle, of a long one the loudest.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
    length : int

    Returns
    -------
    ndarray of float32, shape (length,)
    """
    missing = length - len(samples)
    if missing >= 0:
        return np.pad(samples, (missing // 2, missing - missing // 2))
    energy = np.cumsum(np.concatenate([[0.0], np.square(samples, dtype=np.float64)]))
    # Equal energies differ by rounding: the first that is loudest to nine digits.
    loudness = energy[length:] - energy[:-length]
    start = int(np.argmax(loudness >= loudness.max() * (1 - 1e-9)))
    return samples[start : start + length]
