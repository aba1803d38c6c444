"""Sounds without speech: recorded backgrounds, hum, hiss, tones, music-like chords, knocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.signal
from numpy.random import Generator
from numpy.typing import NDArray

from models.training.speech.audio import RATE_HZ, read_audio
from models.training.speech.spectra import ROW_SAMPLES

__all__ = ["background_pieces", "made_noise"]

# The rest of each background recording is only evaluated on.
TRAINED_PART = 0.8
_TIME = np.arange(ROW_SAMPLES) / RATE_HZ


def background_pieces(folder: Path, random: Generator, count: int) -> list[NDArray[np.float32]]:
    """Return random pieces of the first four fifths of the background recordings.

    Parameters
    ----------
    folder : pathlib.Path
        With FLAC files.
    random : numpy.random.Generator
        Source of chance.
    count : int
        How many pieces of each recording.

    Returns
    -------
    list of ndarray of shape (ROW_SAMPLES,), float32
    """
    pieces = []
    for path in sorted(folder.glob("*.flac")):
        whole = read_audio(path).astype(np.float32) / 32768
        whole = whole[: int(whole.size * TRAINED_PART)]
        for start in random.integers(0, whole.size - ROW_SAMPLES, count):
            pieces.append(whole[start : start + ROW_SAMPLES])
    return pieces


def _coloured(random: Generator) -> NDArray[np.float64]:
    bins = ROW_SAMPLES // 2 + 1
    magnitude = np.linspace(1 / bins, 1, bins) ** random.uniform(-1.5, 0.7)
    knots = random.normal(0, random.uniform(0, 8), 12)
    magnitude *= 10 ** (np.interp(np.linspace(0, 11, bins), np.arange(12), knots) / 20)
    phases = random.standard_normal((2, bins))
    noise = np.fft.irfft(magnitude * (phases[0] + 1j * phases[1]), n=ROW_SAMPLES)
    if random.random() < 0.4:
        rate_hz = random.uniform(0.5, 9)
        noise *= 1 + random.uniform(0.2, 0.9) * np.sin(
            2 * np.pi * rate_hz * _TIME + random.random()
        )
    return np.asarray(noise)


def _hum(random: Generator) -> NDArray[np.float64]:
    base_hz = random.choice([50.0, 60.0, 100.0, 120.0, random.uniform(40, 400)])
    base_hz *= random.uniform(0.99, 1.01)
    hum = np.zeros(ROW_SAMPLES)
    for harmonic in range(1, int(random.integers(3, 40))):
        if harmonic * base_hz < RATE_HZ / 2:
            level = random.random() * harmonic ** -random.uniform(0.3, 1.5)
            hum += level * np.sin(2 * np.pi * harmonic * base_hz * _TIME + 6.28 * random.random())
    return hum


def _note(random: Generator, frequency_hz: float, length_s: float) -> NDArray[np.float64]:
    time = np.arange(int(length_s * RATE_HZ)) / RATE_HZ
    bend = 1 + 0.01 * random.random() * np.sin(2 * np.pi * random.uniform(3, 7) * time)
    tone = np.zeros(time.size)
    for harmonic in range(1, int(random.integers(2, 12))):
        if harmonic * frequency_hz < RATE_HZ / 2:
            level = random.random() * harmonic ** -random.uniform(0.5, 2)
            tone += level * np.sin(2 * np.pi * harmonic * frequency_hz * time * bend)
    decay = np.exp(-time * random.uniform(0, 8))
    return np.asarray(tone * decay * np.minimum(1, time / random.uniform(0.002, 0.08)))


def _music(random: Generator) -> NDArray[np.float64]:
    sound = np.zeros(ROW_SAMPLES)
    beat_s = random.uniform(0.12, 0.7)
    root_hz = random.uniform(80, 500)
    for _ in range(int(random.integers(1, 4))):
        start_s = random.uniform(-0.5, 0)
        while start_s < ROW_SAMPLES / RATE_HZ:
            step = int(random.choice([0, 2, 3, 4, 5, 7, 9, 10, 12, 14, 16]))
            note = _note(random, root_hz * 2 ** (step / 12), beat_s * random.uniform(0.6, 2))
            begin = int(start_s * RATE_HZ)
            inside = note[max(0, -begin) :][: ROW_SAMPLES - max(0, begin)]
            sound[max(0, begin) : max(0, begin) + inside.size] += inside
            start_s += beat_s * float(random.choice([1, 1, 1, 2, 0.5]))
    if random.random() < 0.4:
        sound += 0.3 * np.abs(sound).max() * _knocks(random)
    return sound


def _beeps(random: Generator) -> NDArray[np.float64]:
    start, stop = random.uniform(200, 5000, 2)
    sweep = scipy.signal.chirp(_TIME, start, _TIME[-1], stop if random.random() < 0.5 else start)
    gate = scipy.signal.square(2 * np.pi * random.uniform(0.7, 8) * _TIME, random.uniform(0.2, 0.8))
    return np.asarray(sweep * (gate > 0))


def _knocks(random: Generator) -> NDArray[np.float64]:
    sound = np.zeros(ROW_SAMPLES)
    for begin in random.integers(0, ROW_SAMPLES - 1600, int(random.integers(1, 12))):
        length = int(random.integers(80, 1600))
        burst = random.standard_normal(length) * np.exp(-6 * np.arange(length) / length)
        if random.random() < 0.6:
            low, high = np.sort(random.uniform(0.02, 0.95, 2))
            shape = scipy.signal.butter(2, [low, min(high + 0.04, 0.99)], "band", output="sos")
            burst = scipy.signal.sosfilt(shape, burst)
        sound[begin : begin + length] += burst * 10 ** random.uniform(-1, 0)
    return sound / max(np.abs(sound).max(), 1e-6)


def made_noise(random: Generator) -> NDArray[np.float32]:
    """Return a second and a half of one kind of made noise over a faint hiss.

    Parameters
    ----------
    random : numpy.random.Generator
        Source of chance.

    Returns
    -------
    ndarray of shape (ROW_SAMPLES,), float32
        Root mean square 0.1.
    """
    makers = (_coloured, _hum, _music, _beeps, _knocks)
    sound = makers[random.choice(5, p=[0.34, 0.14, 0.28, 0.1, 0.14])](random)
    sound = sound / np.sqrt((sound**2).mean() + 1e-12)
    hiss = _coloured(random)
    sound += hiss / np.sqrt((hiss**2).mean() + 1e-12) * 10 ** (-random.uniform(5, 60) / 20)
    return np.asarray(0.1 * sound, dtype=np.float32)
