"""Sound files in, 16 kHz int16 out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

__all__ = ["RATE_HZ", "read_audio", "trimmed"]

# What Speech Commands has; everything is kept at this rate until the front end.
RATE_HZ = 16_000


def read_audio(path: Path) -> NDArray[np.int16]:
    """Read a WAV or FLAC file.

    Parameters
    ----------
    path : pathlib.Path
        Mono or stereo, any rate.

    Returns
    -------
    ndarray of shape (samples,), int16
        At 16 kHz.
    """
    samples, rate_hz = soundfile.read(path, dtype="int16", always_2d=True)
    mono = samples[:, 0]
    if rate_hz == RATE_HZ:
        return np.ascontiguousarray(mono)
    return np.ascontiguousarray(soxr.resample(mono, rate_hz, RATE_HZ, quality="HQ"))


def trimmed(sound: NDArray[np.int16], *, below_db: float = 35.0) -> NDArray[np.int16]:
    """Return a sound without the quiet before and after it.

    Parameters
    ----------
    sound : ndarray of shape (samples,), int16
        At 16 kHz.
    below_db : float
        How far under the loudest 10 ms still counts as sound.

    Returns
    -------
    ndarray of shape (samples,), int16
        At least 10 ms.
    """
    size = RATE_HZ // 100
    blocks = sound[: sound.size // size * size].reshape(-1, size).astype(np.float32)
    if not blocks.size:
        return sound
    power = (blocks**2).mean(axis=1)
    loud = np.flatnonzero(power > power.max() * 10 ** (-below_db / 10))
    return sound[loud[0] * size : (loud[-1] + 1) * size] if loud.size else sound
