"""Speak the demo set of Chinese words: 上一张 (previous), 下一张 (next), and background noise.

    .venv/bin/python -m models.training.spoken_chinese

Needs the program ``espeak-ng`` (Debian and Ubuntu: ``apt install espeak-ng``). Writes
``models/demo_sets/words_zh.zip``: a folder for each word, 16 kHz FLAC, one second each. Several
synthetic voices, each with its own pitch, pace, loudness and room.
"""

from __future__ import annotations

import io
import subprocess
import wave
import zipfile
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from core.audio.flac import encode_flac

__all__ = ["RATE_HZ", "TARGET", "VOICES", "WORDS", "make_zip"]

RATE_HZ = 16_000
TARGET = Path(__file__).resolve().parents[1] / "demo_sets" / "words_zh.zip"
WORDS = {"上一张": "shang4 yi1 zhang1", "下一张": "xia4 yi1 zhang1"}
VOICES = ("m1", "m3", "m5", "f1", "f2", "f4")
TAKES_A_VOICE = 2
NOISES = 12

_SEED = 20_261_125
_SECOND = RATE_HZ
_ZIP_DATE = (2026, 1, 1, 0, 0, 0)
_SILENT = 0.02

Sound = NDArray[np.float64]


def speak(text: str, variant: str, *, pitch: int, words_a_minute: int) -> Sound:
    """Return a word as a voice says it, trimmed, 16 kHz, peak 1."""
    command = ["espeak-ng", "-v", f"cmn-latn-pinyin+{variant}", "-p", str(pitch)]
    command += ["-s", str(words_a_minute), "--stdout", text]
    spoken = subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603
    # Written to a pipe, the header does not know how long the sound is.
    with wave.open(io.BytesIO(spoken), "rb") as file:
        rate_hz, data = file.getframerate(), file.readframes(10 * file.getframerate())
    samples = np.frombuffer(data, "<i2").astype(np.float64)
    samples = soxr.resample(samples, rate_hz, RATE_HZ)
    samples /= np.abs(samples).max()
    loud = np.flatnonzero(np.abs(samples) > _SILENT)
    trimmed: Sound = samples[loud[0] : loud[-1] + 1]
    return trimmed


def coloured_noise(rng: np.random.Generator, slope: float) -> Sound:
    """Return a second of noise whose power falls with the frequency, RMS 1."""
    spectrum = np.fft.rfft(rng.normal(size=_SECOND))
    frequency = np.fft.rfftfreq(_SECOND, 1 / RATE_HZ)
    spectrum *= np.maximum(frequency, 40.0) ** (-slope / 2)
    noise = np.fft.irfft(spectrum, _SECOND)
    scaled: Sound = noise / np.sqrt(np.square(noise).mean())
    return scaled


def take(rng: np.random.Generator, text: str, variant: str) -> Sound:
    """Return one second with the word somewhere in it, in a room with some noise."""
    word = speak(
        text,
        variant,
        pitch=int(rng.integers(38, 66)),
        words_a_minute=int(rng.integers(165, 215)),
    )[: round(0.9 * _SECOND)]
    second = np.zeros(_SECOND)
    begin = int(rng.integers(0, _SECOND - len(word) + 1))
    second[begin : begin + len(word)] = word
    length = int(rng.uniform(0.02, 0.12) * RATE_HZ)
    room = rng.normal(size=length) * np.exp(-np.linspace(0, 6, length))
    room = 0.25 * room / np.sqrt(np.square(room).sum())
    room[0] = 1.0
    second = np.convolve(second, room)[:_SECOND]
    second *= rng.uniform(0.25, 0.7) / np.abs(second).max()
    quiet = 10 ** (rng.uniform(-72, -56) / 20)
    mixed: Sound = second + quiet * coloured_noise(rng, rng.uniform(0, 2))
    return mixed


def background(rng: np.random.Generator, number: int) -> Sound:
    """Return one second without a word: noise of many colours, some with a hum or clicks."""
    sound = 10 ** (rng.uniform(-66, -40) / 20) * coloured_noise(rng, rng.uniform(0, 2))
    time_s = np.arange(_SECOND) / RATE_HZ
    if number % 3 == 1:
        hum = sum(np.sin(2 * np.pi * 50 * k * time_s + rng.uniform(0, 6)) / k for k in (1, 2, 3))
        sound += 10 ** (rng.uniform(-46, -32) / 20) * hum
    elif number % 3 == 2:
        for at in rng.integers(0, _SECOND - 400, size=3):
            sound[at : at + 400] += rng.normal(size=400) * np.exp(-np.linspace(0, 8, 400)) * 0.15
    quiet: Sound = np.clip(sound, -1, 1)
    return quiet


def make_zip() -> bytes:
    """Return the whole set."""
    rng = np.random.default_rng(_SEED)
    sounds: dict[str, Sound] = {}
    for word, text in WORDS.items():
        takes = [take(rng, text, voice) for voice in VOICES for _ in range(TAKES_A_VOICE)]
        sounds |= {f"{word}/{number:02}.flac": sound for number, sound in enumerate(takes, start=1)}
    for number in range(NOISES):
        sounds[f"_background_noise_/{number + 1:02}.flac"] = background(rng, number)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, sound in sounds.items():
            archive.writestr(zipfile.ZipInfo(name, _ZIP_DATE), encode_flac(sound, RATE_HZ))
    return buffer.getvalue()


def main() -> None:
    """Write the set."""
    TARGET.write_bytes(make_zip())


if __name__ == "__main__":
    main()
