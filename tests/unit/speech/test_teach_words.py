import dataclasses
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.cli import main
from core.errors import TeachdeckError, UsageError
from core.inference.flatbuffer import to_litert
from core.inference.litert import LiteRtModel
from core.speech import SpeechModel, load_model, read_speech_model
from core.speech.decide import SmoothMode, decide
from core.speech.examples import Example, write_examples
from core.speech.exports import export_words
from core.speech.scorer import score_sound
from core.speech.teach import WordTeacher, score_words, teach_words
from core.speech.train_words import TfjsSettings, teach_as_tfjs
from core.speech.trunk import TakeFeatures, WordTrunk, listening_front_end
from core.speech.word_files import read_words
from core.worker import KerasWorker

DEMO = Path(__file__).parents[3] / "models" / "demo_sets" / "words_zh.zip"
SPEECH = DEMO.parent / "speech"
NOISE = "_background_noise_"


@pytest.fixture(scope="module")
def base() -> SpeechModel:
    return load_model(None)


@pytest.fixture(scope="module")
def takes(base: SpeechModel) -> tuple[Example, ...]:
    found = read_words(DEMO.read_bytes(), listening_front_end(base), name=DEMO.name)
    assert not found.skipped
    return found.examples


@pytest.fixture(scope="module")
def kept() -> TakeFeatures:
    return TakeFeatures()


def _of(takes: tuple[Example, ...], label: str, count: int) -> list[Example]:
    return [take for take in takes if take.label == label][:count]


def test_the_demo_set_is_learned_and_judged_by_takes_that_were_not_heard(
    base: SpeechModel, takes: tuple[Example, ...], kept: TakeFeatures
) -> None:
    taught = teach_words(takes, base, kept=kept)
    assert taught.model.labels == (NOISE, "_unknown_", "上一张", "下一张")
    assert taught.score is not None
    assert taught.score.score.count == len(takes)
    assert taught.score.accuracy is not None
    assert taught.score.accuracy >= 0.8
    assert taught.score.noise_recall == 1.0
    assert taught.score.pair is not None
    assert set(taught.score.pair[:2]) == {"上一张", "下一张"}


@pytest.mark.parametrize("spoken", sorted(path.name for path in SPEECH.glob("*.flac")))
def test_other_words_are_not_taken_for_the_taught_ones(
    base: SpeechModel, takes: tuple[Example, ...], kept: TakeFeatures, spoken: str
) -> None:
    taught = teach_words(takes, base, kept=kept)
    mode = SmoothMode(thresholds=taught.model.thresholds)
    track = score_sound(taught.model, SPEECH / spoken, browser_period=None).track
    assert decide(track, mode) == ()
    # The words themselves are still heard.
    said = [take for take in takes if take.label != NOISE]
    windows = np.stack([take.spectrogram for take in said])[..., np.newaxis]
    scores = taught.model.run(windows).scores
    own = scores[range(len(said)), [taught.model.labels.index(take.label) for take in said]]
    assert (own >= 0.7).mean() >= 0.95


def test_words_are_heard_by_where_in_pitch_they_differ(base: SpeechModel) -> None:
    trunk = WordTrunk.of(base)
    maps = [trunk.network.output_shape(f"conv2d_{number}") for number in (4, 6, 7)]
    assert trunk.units == sum(rows * channels for _, rows, channels in maps)
    window = np.random.default_rng(0).normal(size=(1, 43, 232)).astype(np.float32)
    read = base.network.upto("conv2d_4")
    found = LiteRtModel(to_litert(read, outputs=("conv2d_4",))).run(window[..., np.newaxis])
    expected = found["conv2d_4"].mean(axis=1).reshape(-1)
    assert np.abs(trunk.run(window)[0, : len(expected)] - expected).max() < 1e-4


def test_without_other_speech_there_is_no_label_for_it(
    base: SpeechModel, takes: tuple[Example, ...], kept: TakeFeatures
) -> None:
    taught = teach_words(takes, base, kept=kept, other_speech=False)
    assert taught.model.labels == (NOISE, "上一张", "下一张")
    own = [*takes, *[dataclasses.replace(t, label="_unknown_") for t in _of(takes, NOISE, 3)]]
    assert teach_words(own, base, kept=kept).model.labels.count("_unknown_") == 1


def test_copies_of_a_take_never_help_to_judge_it(
    base: SpeechModel, takes: tuple[Example, ...]
) -> None:
    # Words of chance: whoever saw a copy of the take would know the answer.
    generator = np.random.default_rng(3)
    noise = _of(takes, NOISE, 10)
    mixed = [
        dataclasses.replace(take, label=str(generator.integers(2)))
        for take in (*_of(takes, "上一张", 12), *_of(takes, "下一张", 12))
    ]
    score = score_words([*noise, *mixed], WordTrunk.of(base), TakeFeatures())
    assert score.accuracy is not None
    assert score.accuracy < 0.8


def test_equal_takes_are_held_out_together(base: SpeechModel, takes: tuple[Example, ...]) -> None:
    ups, downs = _of(takes, "上一张", 3), _of(takes, "下一张", 3)
    score = score_words([*ups, *ups, *downs], WordTrunk.of(base), TakeFeatures())
    once = score_words([*ups, *downs], WordTrunk.of(base), TakeFeatures())
    assert score.score.interval[1] - score.score.interval[0] >= 0.9 * (
        once.score.interval[1] - once.score.interval[0]
    )


def test_a_saved_model_answers_the_same_when_it_is_read_back(
    base: SpeechModel, takes: tuple[Example, ...], kept: TakeFeatures
) -> None:
    model = teach_words(takes, base, kept=kept, scored=False).model
    read = read_speech_model(export_words(model, "tfjs").content)
    windows = np.stack([take.spectrogram for take in takes])[..., np.newaxis]
    assert read.labels == model.labels
    assert read.front_end == model.front_end
    assert dict(read.thresholds) == dict(model.thresholds)
    assert np.abs(read.run(windows).scores - model.run(windows).scores).max() < 1e-5


def test_a_teacher_learns_from_samples_files_and_examples(
    base: SpeechModel, takes: tuple[Example, ...]
) -> None:
    with zipfile.ZipFile(DEMO) as archive:
        names = [name for name in archive.namelist() if name.endswith(".flac")]
        files = [archive.read(name) for name in names]
    words = [name.split("/")[-2] for name in names]
    teacher = WordTeacher(base).fit(files, words)
    assert teacher.classes_[0] == NOISE
    probabilities = teacher.predict_proba(list(takes))
    assert probabilities.shape == (len(takes), 3)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    right = [said == take.label for said, take in zip(teacher.predict(takes), takes, strict=True)]
    assert np.mean(right) > 0.95
    assert takes[0].audio is not None
    assert np.allclose(teacher.predict_proba([takes[0].audio])[0], probabilities[0], atol=0.05)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda t: _of(t, "上一张", 4), "evaluation.one_class"),
        (lambda t: _of(t, NOISE, 4), "words.no_words"),
        (
            lambda t: [
                *_of(t, "上一张", 3),
                *[dataclasses.replace(take, label="b") for take in _of(t, "上一张", 3)],
            ],
            "evaluation.equal_classes",
        ),
        (
            lambda t: [*_of(t, "上一张", 3), Example("b", np.zeros((43, 100), np.float32))],
            "words.shape",
        ),
        (
            lambda t: [*_of(t, "上一张", 3), Example("b", np.zeros((20, 232), np.float32))],
            "words.shape",
        ),
    ],
    ids=["one word", "noise only", "equal words", "other height", "too short"],
)
def test_what_cannot_be_taught_is_said(
    base: SpeechModel, takes: tuple[Example, ...], make: object, code: str
) -> None:
    with pytest.raises(TeachdeckError) as error:
        teach_words(make(takes), base)  # type: ignore[operator]
    assert error.value.code == code


def test_words_with_one_take_are_taught_without_a_score(
    base: SpeechModel, takes: tuple[Example, ...]
) -> None:
    taught = teach_words([*_of(takes, "上一张", 1), *_of(takes, "下一张", 1)], base)
    assert taught.score is None
    assert [note.code for note in taught.notes] == ["words.note_no_noise", "words.note_no_score"]


def test_one_take_of_other_speech_does_not_end_the_score(
    base: SpeechModel, takes: tuple[Example, ...], kept: TakeFeatures
) -> None:
    *words, alarm = [*_of(takes, "上一张", 4), *_of(takes, "下一张", 5)]
    taught = teach_words([*words, dataclasses.replace(alarm, label="_unknown_")], base, kept=kept)
    assert taught.score is not None
    assert taught.score.accuracy is not None


def test_a_teacher_that_learned_nothing_says_so() -> None:
    with pytest.raises(UsageError) as error:
        WordTeacher().predict_proba([np.zeros(44_100)])
    assert error.value.code == "words.not_fitted"


def test_the_command_line_teaches_a_zip_and_saves_a_model_that_listens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model.zip"
    command = ["teach-words", str(DEMO), "--out", str(model), "--takes", "6", "--json"]
    assert main(command) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["words"] == ["上一张", "下一张"]
    assert document["takes"] == {NOISE: 6, "上一张": 6, "下一张": 6}
    assert 0 <= document["accuracy"] <= 1
    assert document["noise_recall"] == 1.0
    assert sum(document["confusion"]["上一张"].values()) == 6
    assert document["seconds"] > 0
    with zipfile.ZipFile(DEMO) as archive:
        archive.extractall(tmp_path / "takes")
    assert main(["evaluate", str(tmp_path / "takes"), "--model", str(model), "--json"]) == 0
    judged = json.loads(capsys.readouterr().out)
    assert judged["word_accuracy"] > 0.8
    assert judged["noise_recall"] == 1.0
    assert main(command) == 2  # there is a model already


def test_where_no_take_is_left_accuracy_is_null_with_a_warning(
    tmp_path: Path, takes: tuple[Example, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "data.bin"
    source.write_bytes(write_examples([*_of(takes, "上一张", 3), *_of(takes, "下一张", 2)]))
    assert main(["teach-words", str(source), "--takes", "3", "--json"]) == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document["accuracy"] is None
    assert document["noise_recall"] is None
    assert "No take is left" in captured.err


def test_a_zip_of_words_says_which_recordings_it_could_not_use(base: SpeechModel) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(DEMO) as source, zipfile.ZipFile(buffer, "w") as archive:
        for name in source.namelist():
            archive.writestr(name, source.read(name))
        archive.writestr("上一张/broken.wav", b"RIFF....")
        archive.writestr("loose.wav", b"RIFF....")
    found = read_words(buffer.getvalue(), listening_front_end(base), name="z.zip")
    assert {name for name, _ in found.skipped} == {"上一张/broken.wav", "loose.wav"}
    assert len(found.examples) >= 36


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04junk"])
def test_a_file_that_holds_no_words_is_refused(base: SpeechModel, content: bytes) -> None:
    with pytest.raises(TeachdeckError):
        read_words(content, base.front_end, name="x.bin")


@pytest.fixture(scope="module")
def keras() -> Iterator[KerasWorker]:
    with KerasWorker() as worker:
        yield worker


@pytest.mark.slow
def test_the_preset_as_in_tfjs_trains_with_curves_and_tunes(
    base: SpeechModel, takes: tuple[Example, ...], keras: KerasWorker
) -> None:
    updates: list[dict[str, object]] = []
    settings = TfjsSettings(epochs=6, fine_tuning_epochs=2, validation_split=0.25)
    taught = teach_as_tfjs(takes, base, settings, worker=keras, progress=updates.append)
    assert [update["epoch"] for update in updates] == list(range(1, 9))
    assert float(str(updates[-1]["loss"])) < float(str(updates[0]["loss"]))
    assert "val_accuracy" in updates[-1]
    assert taught.model.labels == (NOISE, "_unknown_", "上一张", "下一张")
    windows = np.stack([take.spectrogram for take in takes])[..., np.newaxis]
    assert np.isfinite(taught.model.run(windows).scores).all()
    read = read_speech_model(export_words(taught.model, "tfjs").content)
    assert np.abs(read.run(windows).scores - taught.model.run(windows).scores).max() < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("tuned", [0, 2], ids=["head", "head and layer before"])
@pytest.mark.parametrize("balanced", [False, True], ids=["as they are", "balanced"])
def test_the_preset_goes_down_the_slope_of_the_cross_entropy(
    keras: KerasWorker, tuned: int, balanced: bool
) -> None:
    generator = np.random.default_rng(0)
    wanted = np.repeat([0, 1, 2], [6, 3, 3])
    # Balanced, each of the three classes counts a third, however few its windows are.
    weights = 1 / (3 * np.bincount(wanted))[wanted] if balanced else np.full(12, 1 / 12)
    given = {
        "features": generator.normal(size=(12, 5)).astype(np.float32),
        "trunk_kernel": generator.normal(size=(5, 4)).astype(np.float32),
        "trunk_bias": generator.normal(size=4).astype(np.float32),
        "kernel": generator.normal(size=(4, 3)).astype(np.float32),
        "bias": np.zeros(3, np.float32),
    }
    request = {
        "classes": 3,
        "epochs": 3,
        "fine_tuning_epochs": tuned,
        "batch_size": 18,
        "learning_rate": 0.1,
        "validation_split": 0.0,
        "relu": True,
        "balanced": balanced,
        "seed": 0,
    }
    arrays = {**given, "targets": wanted, "takes": np.arange(12)}
    answer, made = keras.submit("train_words", request, arrays).result(300)
    assert answer["epochs"] == 3 + tuned
    expected = {name: values.astype(np.float64) for name, values in given.items()}
    for epoch in range(3 + tuned):
        before = expected["features"] @ expected["trunk_kernel"] + expected["trunk_bias"]
        hidden = np.maximum(before, 0)
        scores = np.exp(hidden @ expected["kernel"] + expected["bias"])
        slope = scores / scores.sum(axis=1, keepdims=True) - np.eye(3)[wanted]
        slope *= weights[:, np.newaxis]
        below = (slope @ expected["kernel"].T) * (before > 0)
        expected["kernel"] -= 0.1 * hidden.T @ slope
        expected["bias"] -= 0.1 * slope.sum(axis=0)
        if epoch >= 3:
            expected["trunk_kernel"] -= 0.1 * expected["features"].T @ below
            expected["trunk_bias"] -= 0.1 * below.sum(axis=0)
    assert ("trunk_kernel" in made) == (tuned > 0)
    for name, values in made.items():
        assert np.abs(values - expected[name]).max() < 1e-5, name
