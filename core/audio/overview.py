"""Sound of any length as a picture of fixed size: the waveform's outline and a spectrogram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.audio.browser_fft import BrowserFft, BrowserFftStream

__all__ = ["OverviewBuilder", "SoundOverview"]

# Bins of time; more than a wide screen has pixels, and halved by merging when there are twice.
_LEAST_BINS = 1024
_BANDS = 58
_FAINTEST_DB = -140.0


@dataclass(frozen=True, eq=False)
class SoundOverview:
    """What a whole recording looks like.

    Attributes
    ----------
    low, high : ndarray of float32, shape (n,)
        The least and the greatest sample of each bin of time.
    decibels : ndarray of float32, shape (n, bands)
        The loudest spectrum of each bin, -140 dB or more.
    bin_s : float
        Seconds of one bin; the last may be shorter.
    band_hz : float
        Width of one band of frequencies; the first begins at 0.
    duration_s : float
    """

    low: NDArray[np.float32]
    high: NDArray[np.float32]
    decibels: NDArray[np.float32]
    bin_s: float
    band_hz: float
    duration_s: float

    def __len__(self) -> int:
        return len(self.low)

    @property
    def time_s(self) -> NDArray[np.float64]:
        """The middle of each bin in seconds, shape (n,)."""
        middles: NDArray[np.float64] = (np.arange(len(self.low)) + 0.5) * np.float64(self.bin_s)
        return middles


class OverviewBuilder:
    """Makes the overview of sound that comes in blocks, in constant memory; one thread at a time.

    Parameters
    ----------
    front_end : BrowserFft, optional
        Gives the rate and the spectrum's columns.
    """

    def __init__(self, front_end: BrowserFft | None = None) -> None:
        self._front_end = front_end or BrowserFft()
        self._stream = BrowserFftStream(self._front_end)
        self._bands = min(_BANDS, self._front_end.bins)
        self._per_band = self._front_end.bins // self._bands
        self._hops_a_bin = 1
        self._samples = 0
        self._count = 0
        self._low = np.zeros(2 * _LEAST_BINS, np.float32)
        self._high = np.zeros(2 * _LEAST_BINS, np.float32)
        self._decibels = np.zeros((2 * _LEAST_BINS, self._bands), np.float32)
        # What does not fill a bin yet: samples, and the columns that they completed.
        self._rest = np.zeros(0, np.float32)
        self._columns = np.zeros((0, self._bands), np.float32)

    def push(self, samples: NDArray[np.float32]) -> None:
        """Take the next samples, shape (n,), at the front end's rate."""
        self._samples += len(samples)
        used = self._bands * self._per_band
        decibels = self._stream.push(samples).decibels[:, :used]
        banded = decibels.reshape(len(decibels), self._bands, self._per_band).max(axis=2)
        self._columns = np.concatenate([self._columns, banded])
        self._rest = np.concatenate([self._rest, samples])
        while self._fill():
            self._halve()

    def finish(self) -> SoundOverview:
        """Return the overview of all that was pushed."""
        low, high = self._low[: self._count], self._high[: self._count]
        decibels = self._decibels[: self._count]
        if len(self._rest):
            faint = np.full((1, self._bands), _FAINTEST_DB, np.float32)
            last = np.concatenate([self._columns, faint]).max(axis=0, keepdims=True)
            low = np.append(low, self._rest.min())
            high = np.append(high, self._rest.max())
            decibels = np.concatenate([decibels, last])
        rate_hz = self._front_end.rate_hz
        return SoundOverview(
            low.copy(),
            high.copy(),
            np.maximum(decibels, _FAINTEST_DB),
            self._hops_a_bin * self._front_end.hop_length / rate_hz,
            self._per_band * rate_hz / self._front_end.fft_length,
            self._samples / rate_hz,
        )

    def _fill(self) -> bool:
        """Put whole bins where they go; return whether there is no room for more."""
        hops, hop_length = self._hops_a_bin, self._front_end.hop_length
        room = len(self._low) - self._count
        count = min(len(self._columns) // hops, room)
        if count:
            place = slice(self._count, self._count + count)
            whole = self._rest[: count * hops * hop_length].reshape(count, hops * hop_length)
            self._low[place], self._high[place] = whole.min(axis=1), whole.max(axis=1)
            spectra = self._columns[: count * hops].reshape(count, hops, self._bands)
            self._decibels[place] = spectra.max(axis=1)
            self._rest = self._rest[count * hops * hop_length :].copy()
            self._columns = self._columns[count * hops :].copy()
            self._count += count
        return count == room

    def _halve(self) -> None:
        """Merge each two bins."""
        half = self._count // 2
        self._low[:half] = self._low.reshape(half, 2).min(axis=1)
        self._high[:half] = self._high.reshape(half, 2).max(axis=1)
        self._decibels[:half] = self._decibels.reshape(half, 2, self._bands).max(axis=1)
        self._count = half
        self._hops_a_bin *= 2
