"""Rooms, pauses and levels: what surrounds a word before a microphone hears it."""

from __future__ import annotations

import numpy as np
import scipy.signal
from numpy.random import Generator
from numpy.typing import NDArray

from models.training.speech.audio import RATE_HZ, trimmed
from models.training.speech.spectra import ROW_SAMPLES

__all__ = ["Placed", "floor_noise", "in_a_room", "place"]

_QUIET = 1024


class Placed:
    """A word in the middle of a row's sound.

    Parameters
    ----------
    sound : ndarray of shape (samples,), float32
        The whole row.
    start, stop : int
        Where the word itself is, in samples.
    """

    def __init__(self, sound: NDArray[np.float32], start: int, stop: int) -> None:
        self.sound = sound
        self.start = start
        self.stop = stop


def floor_noise(
    sound: NDArray[np.float32], count: int, random: Generator, *, made: bool
) -> NDArray[np.float32]:
    """Return noise like the quietest part of a recording.

    Parameters
    ----------
    sound : ndarray of shape (samples,), float32
        The recording.
    count : int
        How many samples are wanted.
    random : numpy.random.Generator
        Source of chance.
    made : bool
        True for trimmed or synthesised speech, which has no floor of its own: it gets noise of
        a random colour, 35 to 75 dB under the speech.

    Returns
    -------
    ndarray of shape (count,), float32
    """
    bins = count // 2 + 1
    blocks = sound[: sound.size // _QUIET * _QUIET].reshape(-1, _QUIET)
    levels = (blocks**2).mean(axis=1) if blocks.size else np.zeros(0, np.float32)
    heard = np.flatnonzero(levels > 1e-10)
    if made or not heard.size:
        slope = random.uniform(-1.2, 0.2)
        magnitude = np.linspace(1 / bins, 1, bins) ** slope
        loudness = np.sqrt((sound**2).mean() + 1e-12) * 10 ** (-random.uniform(35, 75) / 20)
    else:
        quiet = blocks[heard[np.argmin(levels[heard])]]
        own = np.abs(np.fft.rfft(quiet * np.hanning(_QUIET)))
        smooth = np.convolve(own, np.ones(5) / 5, mode="same")
        magnitude = np.interp(np.linspace(0, 1, bins), np.linspace(0, 1, smooth.size), smooth)
        loudness = np.sqrt((quiet**2).mean())
    phases = random.standard_normal((2, bins)).astype(np.float32)
    noise = np.fft.irfft(magnitude * (phases[0] + 1j * phases[1]), n=count)
    noise *= loudness / np.sqrt((noise**2).mean() + 1e-20)
    return noise.astype(np.float32)


def place(
    sound: NDArray[np.int16], random: Generator, *, whole_clip: bool, longest_s: float = 0.95
) -> Placed:
    """Put a word into the middle of a row, with noise like its own around it.

    Parameters
    ----------
    sound : ndarray of shape (samples,), int16
        A recording of a second or a trimmed word.
    random : numpy.random.Generator
        Source of chance.
    whole_clip : bool
        True for recordings that hold the pauses around the word.
    longest_s : float
        Longer trimmed words are cut there.

    Returns
    -------
    Placed
        Peak 0.5, so that little is lost to rounding later.
    """
    wave = sound.astype(np.float32) / 32768
    if not whole_clip:
        wave = wave[: int(longest_s * RATE_HZ)]
        fade = min(160, wave.size // 4)
        wave[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)
        wave[wave.size - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    wave = wave[:ROW_SAMPLES]
    wave = wave * np.float32(0.5 / max(np.abs(wave).max(), 1e-4))
    left = (ROW_SAMPLES - wave.size) // 2 + int(random.integers(-180, 181))
    left = int(np.clip(left, 0, ROW_SAMPLES - wave.size))
    row = floor_noise(wave, ROW_SAMPLES, random, made=not whole_clip)
    if whole_clip:
        # The recording has its own noise: 10 ms of crossfade, then nothing is added to it.
        edge = min(160, wave.size // 4)
        shape = np.ones(wave.size, np.float32)
        shape[:edge] = np.linspace(0, 1, edge)
        shape[wave.size - edge :] = np.linspace(1, 0, edge)
        row[left : left + wave.size] = row[left : left + wave.size] * (1 - shape) + wave * shape
    else:
        row[left : left + wave.size] += wave
    start, stop = _word_in(sound if whole_clip else None, wave.size)
    return Placed(row, left + start, left + stop)


def _word_in(clip: NDArray[np.int16] | None, size: int) -> tuple[int, int]:
    if clip is None:
        return 0, size
    word = trimmed(clip, below_db=22)
    offset = (word.__array_interface__["data"][0] - clip.__array_interface__["data"][0]) // 2
    return offset, min(offset + word.size, size)


def in_a_room(sound: NDArray[np.float32], random: Generator) -> NDArray[np.float32]:
    """Return a sound with the echoes of a made-up room.

    Parameters
    ----------
    sound : ndarray of shape (samples,), float32
        At 16 kHz.
    random : numpy.random.Generator
        Source of chance.

    Returns
    -------
    ndarray of shape (samples,), float32
        With a reverberation time of 0.1 to 0.7 s; the direct sound stays where it was.
    """
    length = int(RATE_HZ * random.uniform(0.05, 0.35))
    decay = np.exp(-6.9 * np.arange(length) / (RATE_HZ * random.uniform(0.1, 0.7)))
    tail = random.standard_normal(length) * decay
    tail[: int(RATE_HZ * random.uniform(0.001, 0.012))] = 0
    if random.random() < 0.7:
        # Walls swallow high tones more.
        tail = scipy.signal.lfilter([1 - (pole := random.uniform(0.2, 0.8))], [1, -pole], tail)
    tail *= 10 ** (-random.uniform(-3, 12) / 20) / np.sqrt((tail**2).sum() + 1e-12)
    tail[0] = 1
    echoed = scipy.signal.oaconvolve(sound, tail.astype(np.float32))[: sound.size]
    return np.asarray(echoed, dtype=np.float32)
