"""The latest seconds of live sound, found again by when they were heard."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

__all__ = ["RecentSound"]


class RecentSound:
    """Keeps the latest samples of a stream; any thread may call any method.

    The stream's clock counts samples from the beginning, whether they are still kept or not.

    Parameters
    ----------
    seconds : float
        How much is kept.
    rate_hz : int, optional
    """

    def __init__(self, seconds: float, *, rate_hz: int = 44_100) -> None:
        self.rate_hz = rate_hz
        self._samples = np.zeros(max(1, round(seconds * rate_hz)), np.float32)
        self._total = 0
        self._lock = threading.Lock()

    @property
    def time_s(self) -> float:
        """Seconds of sound since the beginning."""
        with self._lock:
            return self._total / self.rate_hz

    def push(self, samples: NDArray[np.float32]) -> None:
        """Add samples, shape (n,); the oldest give way."""
        capacity = len(self._samples)
        with self._lock:
            newest = samples[-capacity:]
            at = (self._total + len(samples) - len(newest)) % capacity
            first = min(len(newest), capacity - at)
            self._samples[at : at + first] = newest[:first]
            self._samples[: len(newest) - first] = newest[first:]
            self._total += len(samples)

    def forget(self) -> None:
        """Overwrite what is kept with silence; the clock goes on."""
        with self._lock:
            self._samples[:] = 0

    def between(self, start_s: float, end_s: float) -> NDArray[np.float32]:
        """Return what was heard between two times of the stream's clock, as far as it is kept.

        Parameters
        ----------
        start_s, end_s : float

        Returns
        -------
        ndarray of float32, shape (n,)
            A copy; shorter where a part has not come yet or is no longer kept.
        """
        capacity = len(self._samples)
        with self._lock:
            start = max(round(start_s * self.rate_hz), self._total - capacity, 0)
            end = min(round(end_s * self.rate_hz), self._total)
            places = np.arange(start, max(start, end)) % capacity
            return self._samples[places]

    def latest(self, seconds: float) -> NDArray[np.float32]:
        """Return the latest seconds, fewer where fewer are kept, shape (n,)."""
        end_s = self.time_s
        return self.between(end_s - seconds, end_s)
