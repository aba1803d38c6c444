"""Speaks words and sentences with free voices, each with another pitch and pace."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import soxr
from numpy.typing import NDArray

from models.training.speech.audio import RATE_HZ, read_audio
from models.training.speech.voices import Voice

__all__ = ["Line", "speak", "speak_many"]

_FESTIVAL_BATCH = 40


@dataclass(frozen=True)
class Line:
    """Something to say.

    Parameters
    ----------
    text : str
        A word or a sentence.
    word : str
        The word as which it is filed; ``""`` for running speech.
    voice : Voice
        Who says it.
    pace : float
        1 is the voice's own pace, larger is faster.
    pitch : float
        1 is the voice's own pitch.
    """

    text: str
    word: str
    voice: Voice
    pace: float = 1.0
    pitch: float = 1.0


def _espeak(line: Line, path: Path) -> list[str]:
    pitch = int(np.clip(50 + 90 * (line.pitch - 1), 5, 95))
    pace = int(np.clip(165 * line.pace, 85, 320))
    head = ["espeak-ng", "-v", line.voice.name, "-p", str(pitch), "-s", str(pace)]
    return [*head, "-w", str(path), "--", line.text]


def _flite(line: Line, path: Path) -> list[str]:
    base = {"slt": 170}.get(line.voice.name, 105)
    settings = ["--setf", f"duration_stretch={1 / line.pace:.3f}"]
    settings += ["--setf", f"int_f0_target_mean={base * line.pitch:.1f}"]
    return ["flite", "-voice", line.voice.name, *settings, "-t", line.text, "-o", str(path)]


def speak(line: Line, folder: Path) -> NDArray[np.int16]:
    """Speak one line with eSpeak NG or flite.

    Parameters
    ----------
    line : Line
        What to say.
    folder : pathlib.Path
        For the temporary WAV file.

    Returns
    -------
    ndarray of shape (samples,), int16
        At 16 kHz; empty if the voice said nothing.
    """
    path = folder / "line.wav"
    command = _espeak(line, path) if line.voice.engine == "espeak-ng" else _flite(line, path)
    path.unlink(missing_ok=True)
    subprocess.run(command, check=True, capture_output=True, timeout=600)  # noqa: S603 - our own words
    return read_audio(path) if path.exists() else np.zeros(0, np.int16)


def _festival(lines: list[Line], folder: Path) -> Iterator[NDArray[np.int16]]:
    # Festival needs half a second to start, so many lines go through one process.
    script = []
    for place, line in enumerate(lines):
        path = folder / f"{place}.wav"
        path.unlink(missing_ok=True)
        text = line.text.replace("\\", "").replace('"', "")
        script.append(f"(voice_{line.voice.name})")
        script.append(f"(Parameter.set 'Duration_Stretch {1 / line.pace:.3f})")
        script.append(f'(set! spoken (utt.synth (Utterance Text "{text}")))')
        script.append(f'(utt.save.wave spoken "{path}" \'riff)')
    source = folder / "lines.scm"
    source.write_text("\n".join(script))
    subprocess.run(  # noqa: S603 - our own words
        ["festival", "-b", str(source)],  # noqa: S607 - found where Debian puts it
        check=False,  # an utterance that fails leaves the rest of its batch out, no more
        capture_output=True,
        timeout=600,
    )
    for place, line in enumerate(lines):
        path = folder / f"{place}.wav"
        sound = read_audio(path) if path.exists() else np.zeros(0, np.int16)
        # Its voices have a fixed pitch: resampling moves pitch and formants together.
        if sound.size and abs(line.pitch - 1) > 0.02:
            sound = soxr.resample(sound, RATE_HZ * line.pitch, RATE_HZ, quality="MQ")
        yield sound


def speak_many(lines: Iterable[Line]) -> Iterator[tuple[Line, NDArray[np.int16]]]:
    """Speak lines one after another.

    Parameters
    ----------
    lines : iterable of Line
        What to say.

    Yields
    ------
    line : Line
        In any order.
    sound : ndarray of shape (samples,), int16
        At 16 kHz; lines that gave no sound are left out.
    """
    waiting: list[Line] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for line in lines:
            if line.voice.engine == "festival":
                waiting.append(line)
            else:
                sound = speak(line, folder)
                if sound.size > RATE_HZ // 20:
                    yield line, sound
        for start in range(0, len(waiting), _FESTIVAL_BATCH):
            batch = waiting[start : start + _FESTIVAL_BATCH]
            for line, sound in zip(batch, _festival(batch, folder), strict=True):
                if sound.size > RATE_HZ // 20:
                    yield line, sound


def vary(text: str, word: str, voice: Voice, random: Random) -> Line:
    """Return a line with random punctuation, pace and pitch.

    Parameters
    ----------
    text, word, voice
        As in :class:`Line`.
    random : random.Random
        Source of chance.

    Returns
    -------
    Line
        Pace 0.75 to 1.35, pitch 0.8 to 1.3.
    """
    ending = random.choice(("", "", ".", "!", "?", ",")) if word else ""
    return Line(
        text=text + ending,
        word=word,
        voice=voice,
        pace=random.uniform(0.75, 1.35) if word else random.uniform(0.85, 1.25),
        pitch=random.uniform(0.8, 1.3),
    )
