"""Speak the sample clips of "Recognise speech" with synthetic voices.

    .venv/bin/python -m models.training.spoken_samples

Needs the program ``flite`` (Debian and Ubuntu: ``apt install flite``). Writes
``models/demo_sets/speech/*.flac``, the same every time. Words stand apart, in order, over a faint
noise as every microphone has it.
"""

from __future__ import annotations

import subprocess
import tempfile
import wave
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

__all__ = ["CLIPS", "RATE_HZ", "TARGET", "speak"]

RATE_HZ = 16_000
TARGET = Path(__file__).resolve().parents[1] / "demo_sets" / "speech"

_DIGITS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
# Name of the clip: the voice, how long it takes (1 is its own pace), and what it says. ``slt`` and
# ``awb`` were made from the CMU ARCTIC recordings, ``kal16`` is Flite's own; all are free for any
# use. Voices and paces are those of which the model hears most.
CLIPS: dict[str, tuple[str, float, tuple[str, ...]]] = {
    "directions": ("slt", 0.9, ("left", "right", "up", "down", "go", "stop")),
    "digits": ("awb", 1.2, _DIGITS),
    "among_others": ("kal16", 1.0, ("yes", "banana", "no", "library", "zero", "window")),
}

_SEED = 20_261_125
_PAUSE_S = 0.75
_LEAD_S = 0.6
_PEAK = 0.5
_NOISE = 1e-3  # -60 dB of full scale
_SILENT = 0.02
_EDGE_S = 0.03


def speak(voice: str, stretch: float, word: str) -> NDArray[np.float32]:
    """Return a word as a voice says it, trimmed, shape (n,), 16 kHz, peak 0.5."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "word.wav"
        pace = f"duration_stretch={stretch}"
        command = ["flite", "-voice", voice, "--setf", pace, "-t", word, "-o", str(path)]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603
        with wave.open(str(path), "rb") as file:
            if file.getframerate() != RATE_HZ:
                raise ValueError(f"{voice} speaks at {file.getframerate()} Hz, not {RATE_HZ}")
            data = file.readframes(file.getnframes())
    samples = np.frombuffer(data, "<i2").astype(np.float32) / 32768
    samples *= _PEAK / np.abs(samples).max()
    loud = np.flatnonzero(np.abs(samples) > _SILENT)
    edge = round(_EDGE_S * RATE_HZ)
    return samples[max(0, loud[0] - edge) : loud[-1] + edge]


def clip(voice: str, stretch: float, words: tuple[str, ...]) -> NDArray[np.float32]:
    """Return words with pauses between them over a faint noise."""
    pause = np.zeros(round(_PAUSE_S * RATE_HZ), np.float32)
    parts = [np.zeros(round(_LEAD_S * RATE_HZ), np.float32)]
    for word in words:
        parts += [speak(voice, stretch, word), pause]
    samples = np.concatenate(parts)
    rng = np.random.default_rng(_SEED)
    return samples + rng.normal(0, _NOISE, len(samples)).astype(np.float32)


def write_flac(path: Path, samples: NDArray[np.float32]) -> None:
    """Write samples as 16-bit FLAC."""
    pcm = np.round(np.clip(samples, -1, 1) * 32767).astype(np.int16)
    with av.open(str(path), "w", format="flac") as container:
        stream = container.add_stream("flac", rate=RATE_HZ)
        stream.codec_context.layout = "mono"
        stream.codec_context.format = "s16"
        stream.codec_context.options = {"compression_level": "8"}
        frame = av.AudioFrame.from_ndarray(pcm[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = RATE_HZ
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def main() -> None:
    """Write all clips."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, (voice, stretch, words) in CLIPS.items():
        write_flac(TARGET / f"{name}.flac", clip(voice, stretch, words))


if __name__ == "__main__":
    main()
