"""Exact spectrograms of whole recordings, for validation, as the recogniser makes them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import soxr
from numpy.typing import NDArray

from models.training.speech.audio import RATE_HZ
from models.training.speech.augment import normalised
from models.training.speech.spectra import BINS, FRAMES, HOP, MODEL_RATE_HZ

__all__ = ["planes"]

_SAMPLES = FRAMES * HOP
_WINDOW = np.blackman(2 * HOP + 1)[:-1].astype(np.float32)


def planes(sounds: Iterable[NDArray[np.floating]]) -> NDArray[np.float32]:
    """Return the normalised spectrogram of the first second of each sound.

    Parameters
    ----------
    sounds : iterable of ndarray of shape (samples,)
        At 16 kHz, in -1 to 1.

    Returns
    -------
    ndarray of shape (sounds, 43, 232, 1), float32
    """
    out = []
    for sound in sounds:
        high = soxr.resample(sound.astype(np.float32), RATE_HZ, MODEL_RATE_HZ)[:_SAMPLES]
        whole = np.zeros(_SAMPLES + HOP, np.float32)
        whole[HOP : HOP + high.size] = high
        frames = np.lib.stride_tricks.sliding_window_view(whole, 2 * HOP)[::HOP][:FRAMES]
        magnitude = np.abs(np.fft.rfft(frames * _WINDOW, axis=1)[:, :BINS]) / (2 * HOP)
        out.append(20 * np.log10(np.maximum(magnitude, 1e-19)))
    return normalised(np.asarray(out, np.float32))[..., None]
