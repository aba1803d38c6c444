"""Figures over folders of recordings, and the two commands that people type."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.audio import encode_wav, fit_clip
from core.cli import main
from core.errors import UsageError
from core.speech import SpeechModel, evaluate_folder
from tests.speech_kit import WORDS, babble, write_model

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def clips(model: SpeechModel) -> list[tuple[str, bytes]]:
    """Return clips with what the model calls them."""
    sounds = babble(40).reshape(40, -1)
    features = model.front_end.features(np.stack([fit_clip(clip, 44_032) for clip in sounds]))
    answers = model.run(features).scores.argmax(axis=1)
    return [(model.labels[at], encode_wav(clip)) for at, clip in zip(answers, sounds, strict=True)]


def write(folder: Path, word: str, clips: list[bytes]) -> None:
    (folder / word).mkdir(parents=True)
    for number, clip in enumerate(clips):
        (folder / word / f"{number}.wav").write_bytes(clip)


def test_every_figure_is_what_it_says(
    model: SpeechModel, clips: list[tuple[str, bytes]], tmp_path: Path
) -> None:
    named = {word: [clip for label, clip in clips if label == word] for word in WORDS}
    ups, rights, unknown = named["up"], named["right"], named["_unknown_"]
    assert min(len(ups), len(rights), len(unknown)) >= 2
    write(tmp_path, "up", [*ups[:2], rights[0]])
    write(tmp_path, "right", [rights[1]])
    write(tmp_path, "bird", [unknown[0], ups[-1]])
    write(tmp_path, "_unknown_", [unknown[1]])
    write(tmp_path, "_silence_", [unknown[0]])
    result = evaluate_folder(model, tmp_path)
    assert result.count == 8
    assert result.word_accuracy == pytest.approx(3 / 4)
    assert result.word_accuracy_macro == pytest.approx((2 / 3 + 1) / 2)
    assert result.unknown_recall == pytest.approx(2 / 3)
    assert result.unknown_recall_by_word == {"bird": 0.5}
    assert result.noise_recall == 0
    assert result.per_word["up"].count == 3
    assert result.per_word["up"].recall == pytest.approx(2 / 3)
    assert result.per_word["up"].precision == pytest.approx(2 / 3)
    assert result.per_word["right"].precision == pytest.approx(1 / 2)
    assert (result.per_word["left"].count, result.per_word["left"].recall) == (0, None)


def test_a_long_noise_counts_by_the_second_and_a_bad_file_is_named(
    model: SpeechModel, tmp_path: Path
) -> None:
    write(tmp_path, "_background_noise_", [encode_wav(babble(5)), b"no sound at all"])
    result = evaluate_folder(model, tmp_path)
    assert result.count == 5
    assert result.word_accuracy is None
    assert [(name, error.code) for name, error in result.failed] == [
        ("_background_noise_/1.wav", "audio.text")
    ]


def test_a_folder_without_recordings_is_named(model: SpeechModel, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "bad", "up", [b"words"])
    for folder, code in (
        (tmp_path / "none", "speech.no_folder"),
        (tmp_path / "empty", "speech.no_word_folders"),
        (tmp_path / "bad", "speech.no_clips"),
    ):
        with pytest.raises(UsageError) as caught:
            evaluate_folder(model, folder)
        assert caught.value.code == code


def test_the_official_weights_name_unseen_speakers(shared_data: Path, tmp_path: Path) -> None:
    speech = shared_data / "speech"
    rows = [line.split("\t") for line in (speech / "words.tsv").read_text().splitlines()[1:]]
    for word in ("up", "left", "stop", "yes"):
        files = [Path(row[2]).name for row in rows if row[0] == "val" and row[1] == word][:12]
        (tmp_path / word).mkdir()
        for name in files:
            shutil.copy(speech / "words" / word / name, tmp_path / word)
    from core.speech import read_speech_model

    result = evaluate_folder(read_speech_model(speech / "official_18w_approx"), tmp_path)
    assert result.count == 48
    assert result.word_accuracy is not None
    assert result.word_accuracy > 0.85


def test_the_commands_print_the_documents_that_programs_read(
    clips: list[tuple[str, bytes]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_model(tmp_path / "model")
    write(tmp_path / "data", "up", [clip for word, clip in clips if word == "up"])
    (tmp_path / "clip.wav").write_bytes(encode_wav(babble(8)))
    assert main(["evaluate", str(tmp_path / "data"), "--model", str(folder), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document) == [
        "count",
        "word_accuracy",
        "word_accuracy_macro",
        "unknown_recall",
        "unknown_recall_by_word",
        "noise_recall",
        "per_word",
    ]
    assert document["word_accuracy"] == 1.0
    assert set(document["per_word"]["up"]) == {"count", "recall", "precision"}
    base = ["listen", str(tmp_path / "clip.wav"), "--model", str(folder), "--json"]
    for options in ([], ["--mode", "tfjs", "--threshold", "0.3"], ["--threshold", "0.3"]):
        assert main([*base, *options]) == 0
        document = json.loads(capsys.readouterr().out)
        assert list(document) == ["events"]
        for event in document["events"]:
            assert set(event) == {"time_s", "word", "probability"}
            assert event["word"] in WORDS[2:]
        assert document["events"] or not options
    assert main(["listen", str(folder / "model.json"), "--model", str(folder)]) == 1
    assert "text, not sound" in capsys.readouterr().err
    assert main([*base, "--mode", "tfjs", "--overlap", "1.5"]) == 2
    assert "overlap_factor" in capsys.readouterr().err


def test_listening_imports_neither_tensorflow_nor_streamlit(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    (tmp_path / "clip.wav").write_bytes(encode_wav(babble(2)))
    code = (
        "import sys; from core.cli import main; "
        f"status = main(['listen', {str(tmp_path / 'clip.wav')!r}, '--model', {str(folder)!r}]); "
        "heavy = {'tensorflow', 'keras', 'streamlit', 'librosa', 'sklearn'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else status)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "TEACHDECK_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
