"""Augments whole batches of spectrogram rows at once, in decibels and in power."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.training.speech.spectra import BINS, FRAMES, ROW_BINS, ROW_FRAMES, decode

__all__ = ["Warp", "add_noise", "cut_bands", "microphones", "normalised", "spec_augment", "windows"]

Batch = NDArray[np.float32]

_POWER = np.float32(np.log(10) / 10)
_BIN_HZ = 44_100 / 2048
# Same epsilon as the browser's; see the front end.
_EPSILON = np.float32(1e-4)
_SPARKLE: dict[str, Batch] = {}


@dataclass(frozen=True)
class Warp:
    """How far windows may be stretched."""

    time: float = 0.12
    frequency: float = 0.1


def windows(
    codes: NDArray[np.uint8], first_frame: NDArray[np.float64], random: Generator, warp: Warp
) -> Batch:
    """Cut the model's window out of each row, stretched in time and frequency.

    Parameters
    ----------
    codes : ndarray of shape (batch, 75, 256), uint8
        Rows of a bank.
    first_frame : ndarray of shape (batch,), float64
        Where each window begins.
    random : numpy.random.Generator
        Source of chance.
    warp : Warp
        Standard deviations of the stretches, as logarithms.

    Returns
    -------
    ndarray of shape (batch, 43, 232), float32
        Decibels.
    """
    count = len(codes)
    pace = np.exp(np.clip(random.normal(0, warp.time, count), -0.3, 0.3))
    middle = first_frame + (FRAMES - 1) / 2
    times = middle[:, None] + (np.arange(FRAMES) - (FRAMES - 1) / 2) * pace[:, None]
    times = np.clip(np.rint(times), 0, ROW_FRAMES - 1).astype(np.intp)
    picked = codes[np.arange(count)[:, None], times]
    if not warp.frequency:
        return decode(picked[..., :BINS])
    scale = np.exp(np.clip(random.normal(0, warp.frequency, count), -0.22, 0.22))
    position = np.clip(np.arange(BINS) * scale[:, None], 0, ROW_BINS - 1.001)
    low = position.astype(np.intp)
    share = (position - low).astype(np.float32)
    out = np.empty((count, FRAMES, BINS), np.float32)
    # One row at a time: each has its own columns, and this is far faster than one big gather.
    for place in range(count):
        below = decode(picked[place].take(low[place], axis=1))
        above = decode(picked[place].take(low[place] + 1, axis=1))
        out[place] = below + (above - below) * share[place]
    return out


def add_noise(clean: Batch, noise: Batch, snr_db: Batch, random: Generator) -> Batch:
    """Mix noise into windows at a signal-to-noise ratio, as powers with random phase.

    Parameters
    ----------
    clean, noise : ndarray of shape (batch, 43, 232), float32
        Decibels.
    snr_db : ndarray of shape (batch,), float32
        Of the loudest part of the clean window to the mean of the noise; infinite for none.
    random : numpy.random.Generator
        Source of chance.

    Returns
    -------
    ndarray of shape (batch, 43, 232), float32
        Decibels.
    """
    noisy = np.flatnonzero(np.isfinite(snr_db))
    if len(noisy) < len(clean):
        out = clean.copy()
        if noisy.size:
            out[noisy] = add_noise(clean[noisy], noise[noisy], snr_db[noisy], random)
        return out
    signal = np.exp(clean * _POWER)
    # A word fills about a third of its window: its loudness is that of the loudest third.
    frames = np.sort(signal.sum(axis=2), axis=1)[:, -FRAMES // 3 :].mean(axis=1)
    other = np.exp(noise * _POWER)
    loudness = other.sum(axis=2).mean(axis=1) + 1e-20
    gain = frames / loudness * np.float32(10) ** (-snr_db / 10)
    other *= gain[:, None, None].astype(np.float32)
    phase = _pool("phase", random, clean.shape)
    mixed = signal + other + np.sqrt(signal * other) * phase
    return np.asarray(np.log(np.maximum(mixed, 1e-20)) / _POWER, dtype=np.float32)


def _pool(kind: str, random: Generator, shape: tuple[int, ...]) -> Batch:
    # Fresh random planes cost more than all the rest: a pool is read from random places.
    size = int(np.prod(shape))
    if kind not in _SPARKLE:
        source = np.random.default_rng(11)
        count = 4_000_000
        values = (
            2 * np.cos(2 * np.pi * source.random(count))
            if kind == "phase"
            else source.exponential(1, count)
        )
        _SPARKLE[kind] = values.astype(np.float32)
    pool = _SPARKLE[kind]
    return pool[(start := int(random.integers(0, pool.size - size))) : start + size].reshape(shape)


def microphones(batch: Batch, random: Generator, *, chance: float = 0.7) -> Batch:
    """Colour windows like different microphones: a smooth random response, less bass.

    Parameters
    ----------
    batch : ndarray of shape (batch, 43, 232), float32
        Decibels.
    random : numpy.random.Generator
        Source of chance.
    chance : float
        Share of windows that are coloured.

    Returns
    -------
    ndarray of shape (batch, 43, 232), float32
    """
    count = len(batch)
    knots = random.normal(0, 1, (count, 9)) * random.uniform(0, 6, (count, 1))
    place = np.sqrt(np.arange(BINS) / (BINS - 1)) * 7.999
    low = place.astype(int)
    share = place - low
    response = knots[:, low] * (1 - share) + knots[:, low + 1] * share
    response += random.normal(0, 5, (count, 1)) * (np.arange(BINS) / BINS - 0.5)
    hertz = np.arange(BINS) * _BIN_HZ + 1
    corner_hz = random.uniform(20, 350, (count, 1)) * (random.random((count, 1)) < 0.5)
    response -= 10 * np.log10(1 + (corner_hz / hertz) ** random.choice([2, 4, 8], (count, 1)))
    response *= random.random((count, 1)) < chance
    return np.asarray(batch + response[:, None, :].astype(np.float32))


def cut_bands(batch: Batch, random: Generator, *, chance: float = 0.35) -> Batch:
    """Cut high frequencies off, steeply as telephony does, and let the device's own noise in.

    Parameters
    ----------
    batch : ndarray of shape (batch, 43, 232), float32
        Decibels.
    random : numpy.random.Generator
        Source of chance.
    chance : float
        Share of windows that are cut; 8 kHz telephony ends at 3.4 to 4 kHz.

    Returns
    -------
    ndarray of shape (batch, 43, 232), float32
    """
    count = len(batch)
    hertz = np.arange(BINS) * _BIN_HZ
    corner = np.where(
        random.random(count) < 0.75,
        random.uniform(3300, 4000, count),
        random.uniform(2600, 5000, count),
    )
    width = np.exp(random.uniform(np.log(20), np.log(500), count))
    depth = random.uniform(15, 95, count)
    depth = np.where(random.random(count) < chance, depth, 0)
    fall = np.clip((hertz - corner[:, None]) / width[:, None], 0, 1) * depth[:, None]
    out = batch - fall[:, None, :].astype(np.float32)
    peak = np.sort(batch.max(axis=2), axis=1)[:, -4]
    under = np.where(
        random.random(count) < 0.12, random.uniform(40, 60, count), random.uniform(60, 105, count)
    )
    floor = np.exp((peak - under.astype(np.float32)) * _POWER)[:, None, None]
    noise = floor * _pool("power", random, batch.shape)
    return np.asarray(np.log(np.exp(out * _POWER) + noise + 1e-20) / _POWER, dtype=np.float32)


def normalised(batch: Batch) -> Batch:
    """Return windows minus their mean, divided by their standard deviation plus 1e-4."""
    flat = batch.reshape(len(batch), -1)
    mean = flat.mean(axis=1, dtype=np.float32)[:, None, None]
    spread = flat.std(axis=1, dtype=np.float32)[:, None, None]
    return np.asarray((batch - mean) / (spread + _EPSILON), dtype=np.float32)


def spec_augment(batch: Batch, random: Generator, *, chance: float = 0.5) -> Batch:
    """Hide a strip of time and a strip of frequency, in place.

    Parameters
    ----------
    batch : ndarray of shape (batch, 43, 232), float32
        Normalised windows.
    random : numpy.random.Generator
        Source of chance.
    chance : float
        Of each strip in each window.

    Returns
    -------
    ndarray of shape (batch, 43, 232), float32
        The same array.
    """
    for window in batch:
        fill = np.float32(random.normal(-0.5, 0.5))
        if random.random() < chance:
            width = int(random.integers(1, 6))
            start = int(random.integers(0, FRAMES - width))
            window[start : start + width] = fill
        if random.random() < chance:
            width = int(random.integers(4, 40))
            start = int(random.integers(0, BINS - width))
            window[:, start : start + width] = fill
    return batch
