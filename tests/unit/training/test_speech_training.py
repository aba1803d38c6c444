"""Training batches of the speech model follow their mix; a grown network goes on as before."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from core.speech.model import SpeechModel
from models.training.speech import streams
from models.training.speech.batches import Batches
from models.training.speech.grow import grow
from models.training.speech.hard import _found
from models.training.speech.labels import LABELS, TARGETS, UNKNOWN
from models.training.speech.mixes import MIXES, SOURCES
from models.training.speech.network import build
from models.training.speech.spectra import BINS, FRAMES, ROW_BINS, ROW_FRAMES
from models.training.speech.streams import negative_files
from models.training.speech.synthesis import Line
from models.training.speech.voices import Voice
from models.training.speech.weights import mean_of, read_weights, shift_label

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
def test_the_mean_of_trained_weights_is_taken_variable_by_variable(tmp_path: Path) -> None:
    import keras

    paths = []
    for place in range(3):
        keras.utils.set_random_seed(place)
        paths.append(tmp_path / f"{place}.weights.h5")
        build("fine").save_weights(paths[-1])
    parts = [read_weights("fine", path) for path in paths]
    assert np.ptp([part["words/kernel"] for part in parts], axis=0).max() > 0.01
    mean = read_weights("fine", mean_of("fine", paths, tmp_path / "runs" / "mean.weights.h5"))
    for name, values in mean.items():
        np.testing.assert_allclose(values, np.mean([p[name] for p in parts], axis=0), atol=1e-6)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Keras' variables with NumPy 2
def test_a_shifted_label_is_less_likely_and_the_others_keep_their_odds(tmp_path: Path) -> None:
    path = tmp_path / "one.weights.h5"
    model = build("fine")
    model.save_weights(path)
    windows = np.random.default_rng(1).normal(size=(3, FRAMES, BINS, 1)).astype(np.float32)
    before = np.asarray(model(windows, training=False))
    out = tmp_path / "runs" / "shifted.weights.h5"
    model.load_weights(shift_label("fine", path, UNKNOWN, -0.5, out))
    change = np.asarray(model(windows, training=False)) - before
    np.testing.assert_allclose(change[:, UNKNOWN], -0.5, atol=1e-5)
    np.testing.assert_allclose(np.delete(change, UNKNOWN, axis=1), 0, atol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Keras' variables with NumPy 2
def test_normalisation_in_one_operation_trains_as_keras_does() -> None:
    import keras

    ours = build("fine").get_layer("norm_1")
    plain = keras.layers.BatchNormalization(momentum=ours.momentum, epsilon=ours.epsilon)
    random = np.random.default_rng(2)
    x = random.normal(3, 2, (8, 43, 58, 24)).astype(np.float32)
    plain.build(x.shape)
    for weight in ("gamma", "beta"):
        value = random.uniform(0.5, 1.5, 24).astype(np.float32)
        getattr(ours, weight).assign(value)
        getattr(plain, weight).assign(value)
    for _ in range(3):
        mine, theirs = ours(x, training=True), plain(x, training=True)
        np.testing.assert_allclose(np.asarray(mine), np.asarray(theirs), atol=1e-4)
    for weight in ("moving_mean", "moving_variance"):
        # Its variance is of a sample, n / (n - 1) of Keras'.
        np.testing.assert_allclose(
            np.asarray(getattr(ours, weight)), np.asarray(getattr(plain, weight)), rtol=1e-4
        )
    mine, theirs = ours(x, training=False), plain(x, training=False)
    np.testing.assert_allclose(np.asarray(mine), np.asarray(theirs), atol=2e-3)


def test_speech_for_thresholds_is_known_before_the_rest_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "negatives"
    folder.mkdir()
    for place in (0, 4, 8, 9):
        (folder / f"{place:02d}_espeak-ng_en-us.flac").touch()
    chosen = negative_files(tmp_path, thresholds=True)
    assert [path.name[:2] for path in chosen] == ["00", "04", "08"]
    assert [path.name[:2] for path in negative_files(tmp_path, thresholds=False)] == ["09"]


def test_what_tests_is_no_sentence_that_training_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cookie").write_text("The early bird gets the worm.\n%\nPigs have wings today.")
    (tmp_path / "art").write_text("A painter needs good light.\n%\nThe EARLY bird gets the worm!")
    monkeypatch.setattr(streams, "FORTUNES", tmp_path)
    monkeypatch.setattr(streams, "EVALUATION_TEXTS", "art absent")
    monkeypatch.setattr(streams, "MINED_TEXTS", ("cookie",))
    monkeypatch.setattr(streams, "jargon_text", lambda: "Hackers drink much coffee here.")
    assert streams._unread_texts(1) == ["A painter needs good light."]
