"""The exported Python script gives the same scores and hears the same words."""

from __future__ import annotations

import json
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from core.audio import encode_wav
from core.speech import SmoothMode, SpeechModel, decide, score_sound
from core.speech.exports import export_words
from core.speech.exports.script import script_source
from tests.speech_kit import babble

# Where the rate is changed, by another resampler; most at the ends of the recording.
TOLERANCE, RESAMPLED, RESAMPLED_ENDS = 1e-6, 0.005, 0.1


@pytest.fixture(scope="module")
def folder(base: SpeechModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("script")
    for name, content in export_words(base, "script").files.items():
        (folder / name).write_bytes(content)
    sound = babble(4, seed=1)
    sound[2 * 44_100 : 3 * 44_100] = 0
    (folder / "plain.wav").write_bytes(encode_wav(sound))
    with wave.open(str(folder / "deep.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(3)
        file.setframerate(48_000)
        whole = (babble(4, seed=3) * (2**23 - 1)).astype("<i4")
        both = np.stack([whole, np.roll(whole, 100)], axis=1).reshape(-1, 1)
        file.writeframes(both.view(np.uint8)[:, :3].tobytes())
    return folder


@pytest.mark.parametrize("name", ["plain.wav", "deep.wav"])
def test_the_script_answers_as_the_recogniser(base: SpeechModel, folder: Path, name: str) -> None:
    command = [sys.executable, "-W", "error", str(folder / "listen.py"), str(folder / name)]
    done = subprocess.run(
        [*command, "--scores"], capture_output=True, text=True, timeout=120, check=True
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    scores = np.array([line["scores"] for line in lines if "scores" in line])
    track = score_sound(base, folder / name, browser_period=None).track
    assert scores.shape == track.scores.shape
    difference = np.abs(scores - track.scores)
    exact = name == "plain.wav"
    assert difference.max() <= (TOLERANCE if exact else RESAMPLED_ENDS)
    assert difference[5:-8].max() <= (TOLERANCE if exact else RESAMPLED)
    events = decide(track, SmoothMode(thresholds=base.thresholds))
    heard = [line for line in lines if "word" in line]
    assert len(events) >= 1
    assert [(one["time_s"], one["word"]) for one in heard] == [(e.time_s, e.word) for e in events]
    assert [one["probability"] for one in heard] == pytest.approx(
        [event.probability for event in events], abs=0.005
    )


def test_the_script_is_short() -> None:
    lines = [line for line in script_source().decode().splitlines() if line.strip()]
    assert len(lines) <= 48
    assert max(map(len, lines)) <= 110
