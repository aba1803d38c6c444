"""Sound as a WAV file, for players and downloads."""

from __future__ import annotations

import io
import wave

import numpy as np
from numpy.typing import NDArray

__all__ = ["encode_wav"]


def encode_wav(samples: NDArray[np.floating], *, rate_hz: int = 44_100) -> bytes:
    """Return a WAV file of 16 bits and one channel.

    Parameters
    ----------
    samples : ndarray of float, shape (n,)
        -1..1; what is louder is clipped.
    rate_hz : int, optional

    Returns
    -------
    bytes
    """
    numbers = np.clip(np.rint(np.asarray(samples, np.float64) * 32768), -32768, 32767)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(numbers.astype("<i2").tobytes())
    return buffer.getvalue()
