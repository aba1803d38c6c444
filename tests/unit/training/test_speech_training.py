"""Training batches of the speech model follow their mix; a grown network goes on as before."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from core.speech.model import SpeechModel
from models.training.speech.batches import Batches
from models.training.speech.grow import grow
from models.training.speech.hard import _found
from models.training.speech.labels import LABELS, TARGETS, UNKNOWN
from models.training.speech.mixes import MIXES, SOURCES
from models.training.speech.network import build
from models.training.speech.spectra import BINS, FRAMES, ROW_BINS, ROW_FRAMES
from models.training.speech.synthesis import Line
from models.training.speech.voices import Voice
from models.training.speech.weights import blend, read_weights

OTHERS = ("on", "off", "bed", "cat", "happy", "marvin")
LEFT_OUT = "nobody"


def _write(folder: Path, name: str, rows: list[tuple[str, str, str]]) -> None:
    random = np.random.default_rng(len(rows))
    codes = random.integers(60, 160, (len(rows), ROW_FRAMES, ROW_BINS), np.uint8)
    # What this speaker says is silence that stands out from all the rest.
    codes[[row[2] == LEFT_OUT for row in rows]] = 0
    codes.tofile(folder / f"{name}.u8")
    with (folder / f"{name}.tsv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(["source", "word", "speaker", "first", "last"])
        writer.writerows([*row, 25, 50] for row in rows)


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("banks")
    words = [
        (source, word, speaker)
        for source in SOURCES
        for word in (*TARGETS, *OTHERS)
        for speaker in (("one", LEFT_OUT) if source == "train" else (source,))
    ]
    _write(folder, "words", words)
    _write(folder, "running", [("running", "", "voice")] * 8)
    _write(folder, "hard", [("running", kind, "voice") for kind in ("heard", "any") * 4])
    _write(folder, "hard_again", [("running", "heard", "voice")] * 8)
    _write(folder, "noise", [("noise", kind, "") for kind in ("background", "made") * 4])
    return folder


@pytest.mark.parametrize("mix", sorted(MIXES))
def test_a_batch_has_the_shares_of_its_mix_and_every_word_as_often(banks: Path, mix: str) -> None:
    inputs, targets = Batches(banks, seed=3, size=200, mix=mix).batch(5)
    assert inputs.shape == (200, FRAMES, BINS, 1)
    assert targets.shape == (200, len(LABELS))
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)
    assert np.isfinite(inputs).all()
    # A tenth is mixed with another window, which never outweighs it.
    counts = np.bincount(targets.argmax(axis=1), minlength=len(LABELS))
    assert counts[UNKNOWN] == round(200 * MIXES[mix].unknown)
    assert counts[LABELS.index("_background_noise_")] == round(200 * MIXES[mix].noise)
    words = [counts[LABELS.index(word)] for word in TARGETS]
    assert max(words) - min(words) <= 1


def test_a_step_is_the_same_whenever_it_is_made(banks: Path) -> None:
    first = Batches(banks, seed=3, size=32, mix="babble")
    again = Batches(banks, seed=3, size=32, mix="babble")
    again.batch(1)
    for one, other in zip(first.batch(7), again.batch(7), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(first.batch(7)[0], first.batch(8)[0])


def test_speakers_that_are_left_out_are_not_heard(banks: Path) -> None:
    source = Batches(banks, seed=3, without=(LEFT_OUT,))
    rows = np.concatenate([*source._rows.values(), *source._unknown.values()])
    speakers = source._words.speaker[rows]
    assert LEFT_OUT not in speakers
    assert LEFT_OUT in source._words.speaker


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Keras' variables with NumPy 2
def test_where_a_word_was_heard_in_other_speech_is_kept_once_in_the_middle_of_its_row() -> None:
    random = np.random.default_rng(5)
    # Two seconds of hiss in which one tone of 150 ms stands out.
    sound = random.normal(0, 300, 32000)
    tone_at = 18000
    sound[tone_at : tone_at + 2400] += 9000 * np.sin(np.arange(2400) * 2 * np.pi * 1000 / 16000)

    def run(inputs: np.ndarray) -> SimpleNamespace:
        """Hear "go" the better, the nearer the tone is to the middle of the window."""
        tone = inputs[:, :, 40:53, 0].mean(axis=2) > inputs.mean(axis=(1, 2, 3))[:, None] + 1
        middle = np.arange(FRAMES) - FRAMES // 2
        away = np.abs((tone * middle).sum(axis=1)) / np.maximum(tone.sum(axis=1), 1)
        scores = np.zeros((len(inputs), len(LABELS)), np.float32)
        scores[:, LABELS.index("go")] = np.where(tone.any(axis=1), 1 - away / 12, 0)
        return SimpleNamespace(scores=scores)

    line = Line("hiss", "", Voice("espeak-ng", "en-us"))
    model = cast(SpeechModel, SimpleNamespace(run=run))
    rows, seconds = _found(model, line, sound.astype(np.int16), 0.2, random)
    assert seconds == pytest.approx(4, abs=0.2)
    (heard,) = [row for row in rows if row[0].word == "heard"]
    clip, codes, first, last = heard
    assert (clip.source, clip.speaker) == ("running", "espeak-ng en-us")
    assert last - first == FRAMES
    loudest = int(codes[:, 40:53].astype(float).mean(axis=1).argmax())
    assert loudest == pytest.approx(ROW_FRAMES // 2, abs=6)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Keras' variables with NumPy 2
def test_a_grown_network_begins_with_the_same_answers(tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(1)
    random = np.random.default_rng(1)
    old = build("fine")
    for layer in old.layers:
        if layer.name.startswith("norm_"):
            for variable in layer.weights:
                variable.assign(random.uniform(0.5, 1.5, variable.shape))
    old.save_weights(tmp_path / "old.weights.h5")
    batch = random.standard_normal((16, FRAMES, BINS, 1)).astype(np.float32)
    grow("fine", tmp_path / "old.weights.h5", "deep", 6, batch, tmp_path / "new.weights.h5", seed=2)
    new = build("deep")
    new.load_weights(tmp_path / "new.weights.h5")
    before, after = (model(batch, training=False).numpy() for model in (old, new))
    assert new.count_params() > 1.8 * old.count_params()
    # New channels have weak links only, so what changes is small beside what the answers spread.
    assert np.abs(after - before).max() < 0.5 * before.std()
    with pytest.raises(ValueError, match="one convolution more"):
        grow("deep", tmp_path / "new.weights.h5", "wide", 6, batch, tmp_path / "x", seed=2)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Keras' variables with NumPy 2
def test_a_blend_is_the_mean_by_shares(tmp_path: Path) -> None:
    import keras

    paths = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        paths.append(tmp_path / f"{seed}.weights.h5")
        build("fine").save_weights(paths[-1])
    first, second = (read_weights("fine", path) for path in paths)
    shares = [(0.25, paths[0]), (0.75, paths[1])]
    mean = read_weights("fine", blend("fine", shares, tmp_path / "runs" / "mean.weights.h5"))
    for name, value in mean.items():
        np.testing.assert_allclose(value, 0.25 * first[name] + 0.75 * second[name], atol=1e-6)
    with pytest.raises(ValueError, match="add up to 1"):
        blend("fine", shares[:1], tmp_path / "no.weights.h5")
