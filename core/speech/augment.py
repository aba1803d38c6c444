"""Takes varied as voices, rooms and the moment vary: copies of spectrograms to learn from.

Works on normalised spectrograms, so that examples without a recording can be varied too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.audio import normalize

__all__ = ["augment_spectrogram"]

_PITCH, _TEMPO, _TILT = 0.08, 0.12, 0.3
# Other microphones: bends of the spectrum, each finer one weaker.
_BENDS, _BEND = 4, 0.3
_SHIFT_FRAMES = 10
_QUIET_SHARE = 0.2
# How often noise is added, and how often it is taken away.
_NOISIER, _CLEARER = 0.5, 0.25


def augment_spectrogram(
    spectrogram: NDArray[np.float32], generator: np.random.Generator, *, noise: bool = False
) -> NDArray[np.float32]:
    """Return a varied copy: pitch, tempo, moment, colour of the microphone, more or less noise.

    Parameters
    ----------
    spectrogram : ndarray of float32, shape (frames, bins)
        Normalised.
    generator : numpy.random.Generator
    noise : bool, optional
        Whether it is background noise: only colour and moment vary.

    Returns
    -------
    ndarray of float32, shape (frames, bins)
        Normalised.
    """
    varied: NDArray[np.floating] = spectrogram
    if not noise:
        varied = _stretch(varied, 1 + generator.uniform(-_PITCH, _PITCH), axis=1, around=0.0)
        middle = (len(varied) - 1) / 2
        varied = _stretch(varied, 1 + generator.uniform(-_TEMPO, _TEMPO), axis=0, around=middle)
    varied = _moved(varied, int(generator.integers(-_SHIFT_FRAMES, _SHIFT_FRAMES + 1)), generator)
    varied = varied + _TILT * generator.uniform(-1, 1) * np.linspace(-1, 1, varied.shape[1])
    varied = varied + _bends(varied.shape[1], generator)
    chance = generator.random()
    if not noise and chance < _NOISIER:
        # Power adds: 3 nepers of level are about one standard deviation of a spectrogram.
        level = np.quantile(varied, generator.uniform(0.2, 0.8))
        hiss = level + 0.25 * np.log(generator.exponential(size=varied.shape) + 1e-6)
        varied = np.logaddexp(3 * varied, 3 * hiss) / 3
    elif not noise and chance < _NOISIER + _CLEARER:
        # The same word in a quiet room: what was taught with noise is said without some day.
        level = np.quantile(varied, generator.uniform(0.2, 0.5))
        power = np.exp(3 * varied) - 0.9 * np.exp(3 * level)
        varied = np.log(np.maximum(power, np.exp(3 * (level - 1)))) / 3
    return normalize(varied)


def _bends(bins: int, generator: np.random.Generator) -> NDArray[np.floating]:
    """Return what a microphone or a room adds to every column."""
    orders = np.arange(1, _BENDS + 1)
    strengths = _BEND * generator.normal(size=_BENDS) / orders
    result: NDArray[np.floating] = strengths @ np.cos(
        orders[:, np.newaxis] * np.linspace(0, np.pi, bins)
    )
    return result


def _stretch(
    values: NDArray[np.floating], factor: float, *, axis: int, around: float
) -> NDArray[np.floating]:
    """Return the values read at other places along an axis, between neighbours linearly."""
    count = values.shape[axis]
    places = np.clip((np.arange(count) - around) * factor + around, 0, count - 1)
    below = np.floor(places).astype(np.int64)
    above = np.minimum(below + 1, count - 1)
    share = places - below
    shape = (-1, 1) if axis == 0 else (1, -1)
    share = share.reshape(shape)
    result: NDArray[np.floating] = (
        np.take(values, below, axis) * (1 - share) + np.take(values, above, axis) * share
    )
    return result


def _moved(
    values: NDArray[np.floating], frames: int, generator: np.random.Generator
) -> NDArray[np.floating]:
    """Return the values some columns later or earlier; quiet columns of the take fill the gap."""
    count = len(values)
    quiet = np.argsort(values.mean(axis=1))[: max(4, int(_QUIET_SHARE * count))]
    moved: NDArray[np.floating] = values[generator.choice(quiet, count)].copy()
    if frames >= 0:
        moved[frames:] = values[: count - frames]
    else:
        moved[:frames] = values[-frames:]
    return moved
