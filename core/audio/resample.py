"""Any sample format, channel count and rate to float32, one channel, one rate, block by block."""

from __future__ import annotations

from typing import Literal

import av
import numpy as np
import soxr
from numpy.typing import NDArray

from core.errors import AudioError

__all__ = [
    "MAX_CHANNELS",
    "MAX_RATE_HZ",
    "MIN_RATE_HZ",
    "PromptResampler",
    "Resampler",
    "to_mono",
]

MIN_RATE_HZ = 1_000
MAX_RATE_HZ = 768_000
MAX_CHANNELS = 64
_EMPTY = np.zeros(0, np.float32)


def to_mono(
    block: NDArray[np.generic],
    *,
    channels: int = 1,
    layout: Literal["interleaved", "planar"] = "interleaved",
) -> NDArray[np.float32]:
    """Return sound as float32 of one channel, about -1..1: the mean of the channels.

    Parameters
    ----------
    block : ndarray
        Whole numbers (full scale is their type's; uint8 has its zero at 128) or floats.
    channels : int, optional
    layout : {"interleaved", "planar"}, optional
        Interleaved: the channels' samples take turns, shape (n * channels,), (1, n * channels) or
        (n, channels). Planar: shape (channels, n).

    Returns
    -------
    ndarray of float32, shape (n,)

    Raises
    ------
    AudioError
        If the shape does not fit the channels, or the type is not one of sound.
    """
    block = np.asarray(block)
    fits = block.size % max(channels, 1) == 0
    if not 1 <= channels <= MAX_CHANNELS or not fits or block.dtype.kind not in "iuf":
        raise AudioError(
            "audio.block", shape=str(block.shape), dtype=str(block.dtype), channels=channels
        )
    by_channel = block.reshape(channels, -1) if layout == "planar" else block.reshape(-1, channels)
    samples: NDArray[np.float32]
    if block.dtype.kind == "f":
        samples = by_channel.astype(np.float32, copy=False)
    else:
        full_scale = 2.0 ** (8 * block.dtype.itemsize - 1)
        middle = full_scale if block.dtype.kind == "u" else 0.0
        samples = ((by_channel.astype(np.float64) - middle) / full_scale).astype(np.float32)
    mono: NDArray[np.float32] = samples.mean(axis=0 if layout == "planar" else 1, dtype=np.float32)
    return mono


class Resampler:
    """Changes the sample rate of sound that arrives in blocks; one thread at a time.

    However the sound is cut, the output is the same; it is in time with the input, a few
    milliseconds late until :meth:`flush`.

    Parameters
    ----------
    from_hz, to_hz : int

    Raises
    ------
    AudioError
        If a rate is not one of sound.
    """

    def __init__(self, from_hz: int, to_hz: int = 44_100) -> None:
        _require_rates(from_hz, to_hz)
        self.from_hz = from_hz
        self.to_hz = to_hz
        self._stream = None if from_hz == to_hz else soxr.ResampleStream(from_hz, to_hz, 1)

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next samples of one channel and return what they complete."""
        samples = np.ascontiguousarray(samples, np.float32)
        if self._stream is None or not len(samples):
            return samples
        resampled: NDArray[np.float32] = self._stream.resample_chunk(samples)
        return resampled

    def flush(self) -> NDArray[np.float32]:
        """Return the rest after the last samples; a new stream begins then."""
        if self._stream is None:
            return _EMPTY
        rest: NDArray[np.float32] = self._stream.resample_chunk(_EMPTY, last=True)
        self._stream.clear()
        return rest


class PromptResampler:
    """Changes the sample rate of live sound with half a millisecond of delay.

    `Resampler` lets sound go in pieces of up to 19 ms and is as good up to the highest tone; here
    only what lies above nine tenths of the highest is attenuated, where no word is told by it.

    Parameters
    ----------
    from_hz, to_hz : int

    Raises
    ------
    AudioError
        If a rate is not one of sound.
    """

    def __init__(self, from_hz: int, to_hz: int = 44_100) -> None:
        _require_rates(from_hz, to_hz)
        self.from_hz = from_hz
        self.to_hz = to_hz
        self._stream = (
            None if from_hz == to_hz else av.AudioResampler(format="flt", layout="mono", rate=to_hz)
        )

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next samples of one channel and return what they complete."""
        samples = np.ascontiguousarray(samples, np.float32)
        if self._stream is None or not len(samples):
            return samples
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="flt", layout="mono")
        frame.sample_rate = self.from_hz
        parts = [part.to_ndarray()[0] for part in self._stream.resample(frame)]
        return np.concatenate(parts) if parts else _EMPTY


def _require_rates(*rates_hz: int) -> None:
    for rate_hz in rates_hz:
        if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
            raise AudioError(
                "audio.rate", rate_hz=rate_hz, least_hz=MIN_RATE_HZ, most_hz=MAX_RATE_HZ
            )
