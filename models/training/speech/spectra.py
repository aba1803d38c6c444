"""Sound to power spectrograms as the browser's analyser makes them, kept as one byte a value."""

from __future__ import annotations

import numpy as np
import scipy.fft
import scipy.signal
import soxr
from numpy.typing import NDArray

from models.training.speech.audio import RATE_HZ

__all__ = ["BINS", "FRAMES", "ROW_BINS", "ROW_FRAMES", "ROW_SAMPLES", "decode", "encode", "spectra"]

FRAMES = 43
BINS = 232
# Rows are longer and higher than the model's window, so that it can be shifted and warped.
ROW_FRAMES = 75
ROW_BINS = 256
MODEL_RATE_HZ = 44_100
HOP = 1024
# 16 kHz samples that give just over the frames of a row.
ROW_SAMPLES = int(np.ceil((ROW_FRAMES + 1) * HOP * RATE_HZ / MODEL_RATE_HZ)) + 2

_LOWEST_DB = -140.0
_STEP_DB = 0.5
_WINDOW = scipy.signal.get_window("blackman", 2 * HOP, fftbins=True).astype(np.float32)
_TINY = np.float32(1e-20)


def spectra(sound: NDArray[np.float32], *, speed: float = 1.0) -> NDArray[np.float32]:
    """Return the spectrum of each hop of a sound.

    Parameters
    ----------
    sound : ndarray of shape (samples,), float32
        At 16 kHz, in -1 to 1.
    speed : float
        Played so much faster, pitch and formants included.

    Returns
    -------
    ndarray of shape (frames, 256), float32
        In decibels; only whole 2,048-sample windows, each 1,024 samples of 44.1 kHz later.
    """
    high = soxr.resample(sound, RATE_HZ * speed, MODEL_RATE_HZ, quality="MQ")
    count = high.size // HOP - 1
    frames = np.lib.stride_tricks.sliding_window_view(high, 2 * HOP)[: count * HOP : HOP]
    spectrum = scipy.fft.rfft(frames * _WINDOW, axis=1)[:, :ROW_BINS]
    power = (spectrum.real**2 + spectrum.imag**2) * np.float32(1 / (2 * HOP) ** 2)
    return np.asarray(10 * np.log10(np.maximum(power, _TINY)), dtype=np.float32)


def encode(decibels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return decibels in half-decibel steps from -140 dB."""
    return np.clip(np.rint((decibels - _LOWEST_DB) / _STEP_DB), 0, 255).astype(np.uint8)


def decode(codes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the decibels that :func:`encode` kept, float32."""
    return codes.astype(np.float32) * np.float32(_STEP_DB) + np.float32(_LOWEST_DB)
