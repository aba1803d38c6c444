"""Where sound waits between the thread that receives it and the one that listens."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

__all__ = ["RingBuffer"]


class RingBuffer:
    """Keeps the latest samples that nobody has taken yet; any thread may call any method.

    When it is full the oldest samples give way, so that the listener is never late by more than
    `capacity` samples; how many were lost is counted.

    Parameters
    ----------
    capacity : int
        Samples.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"capacity {capacity} must be 1 or more")
        self._samples = np.zeros(capacity, np.float32)
        self._start = 0
        self._count = 0
        self._lost = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        with self._lock:
            return self._count

    @property
    def capacity(self) -> int:
        """Most samples that wait."""
        return len(self._samples)

    @property
    def lost(self) -> int:
        """Samples that were never taken since the beginning."""
        with self._lock:
            return self._lost

    def push(self, samples: NDArray[np.float32]) -> None:
        """Add samples; takes microseconds and never waits for the listener's work."""
        capacity = len(self._samples)
        with self._lock:
            overflow = max(0, self._count + len(samples) - capacity)
            self._lost += overflow
            newest = samples[-capacity:]
            dropped = overflow - (len(samples) - len(newest))
            self._start = (self._start + dropped) % capacity
            self._count -= dropped
            at = (self._start + self._count) % capacity
            first = min(len(newest), capacity - at)
            self._samples[at : at + first] = newest[:first]
            self._samples[: len(newest) - first] = newest[first:]
            self._count += len(newest)

    def take(self, most: int | None = None) -> NDArray[np.float32]:
        """Return and remove the oldest samples, at most `most`."""
        capacity = len(self._samples)
        with self._lock:
            count = self._count if most is None else min(most, self._count)
            first = min(count, capacity - self._start)
            taken = np.concatenate(
                [self._samples[self._start : self._start + first], self._samples[: count - first]]
            )
            self._start = (self._start + count) % capacity
            self._count -= count
            return taken
