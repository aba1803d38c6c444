"""The recogniser against the real @tensorflow-models/speech-commands under Node."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import numpy as np
import pytest

from core.audio import BrowserFft
from core.errors import TeachdeckError, UsageError
from core.speech import ScoreTrack, SpeechCommands, SpeechModel, TfjsMode, decide, read_speech_model
from core.speech.scorer import StreamScorer
from tests.speech_kit import babble, write_model
from tests.tfjs.oracle import FOLDER, require_node

pytestmark = pytest.mark.node

# The library on the processor; browsers have 1e-4.
EPSILON = 1e-7
SECONDS = 10
LISTENS = (
    {},
    {"overlap_factor": 0.3, "probability_threshold": 0.5},
    {"overlap_factor": 0.95, "suppression_time_millis": 1000},
    {"overlap_factor": 0.75, "invoke_callback_on_noise_and_unknown": True},
    {"overlap_factor": 0.9, "include_embedding": True, "probability_threshold": 0.9},
    {"overlap_factor": 0.0, "suppression_time_millis": 300},
)


def camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> SpeechModel:
    folder = write_model(tmp_path_factory.mktemp("speech") / "model")
    metadata = json.loads((folder / "metadata.json").read_text())
    metadata["frontEnd"] = {"epsilon": EPSILON, "floor_db": None}
    (folder / "metadata.json").write_text(json.dumps(metadata))
    return read_speech_model(folder, model_id=str(folder))


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    samples = babble(SECONDS, seed=3)
    samples[5 * 44_100 : 7 * 44_100] = 0  # as a noise gate leaves it
    return samples


@pytest.fixture(scope="module")
def features(sound: np.ndarray) -> np.ndarray:
    return BrowserFft(epsilon=EPSILON).features(sound[: 4 * 44_100].reshape(4, -1))


@pytest.fixture(scope="module")
def original(
    model: SpeechModel,
    sound: np.ndarray,
    features: np.ndarray,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """Return what the real library says about the same spectrograms and columns."""
    require_node()
    folder = tmp_path_factory.mktemp("node")
    whole = BrowserFft(bins=1024, epsilon=EPSILON).columns(sound)
    ticks = whole.decibels.copy()
    ticks[whole.silent] = -np.inf
    (folder / "columns").write_bytes(ticks.astype("<f4").tobytes())
    (folder / "features").write_bytes(features.astype("<f4").tobytes())
    job = {
        "model": f"{model.model_id}/model.json",
        "metadata": f"{model.model_id}/metadata.json",
        "features": {"file": str(folder / "features"), "count": len(features)},
        "columns": {"file": str(folder / "columns"), "count": len(ticks)},
        "listens": [{camel(key): value for key, value in options.items()} for options in LISTENS],
    }
    (folder / "job.json").write_text(json.dumps(job))
    command = ["node", str(FOLDER / "run_speech.mjs"), str(folder / "job.json")]
    command.append(str(folder / "results.json"))
    run = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads((folder / "results.json").read_text())


def test_labels_parameters_and_shape_are_the_originals(
    model: SpeechModel, original: dict[str, Any]
) -> None:
    recognizer = SpeechCommands(model)
    assert list(recognizer.word_labels()) == original["labels"]
    assert list(recognizer.model_input_shape()) == original["shape"]
    params = recognizer.params()
    assert original["params"] == {
        "sampleRateHz": params.sample_rate_hz,
        "fftSize": params.fft_size,
        "spectrogramDurationMillis": pytest.approx(params.spectrogram_duration_millis),
    }


def test_scores_and_embeddings_are_the_originals(
    model: SpeechModel, original: dict[str, Any], features: np.ndarray
) -> None:
    result = SpeechCommands(model).recognize(features, include_embedding=True)
    np.testing.assert_allclose(result.scores, original["scores"], rtol=1e-5, atol=1e-8)
    assert result.embedding is not None
    np.testing.assert_allclose(
        result.embedding.ravel(), original["embedding"], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("number", range(len(LISTENS)))
def test_listening_decides_as_the_original_at_every_tick(
    model: SpeechModel, original: dict[str, Any], sound: np.ndarray, number: int
) -> None:
    options = dict(LISTENS[number])
    expected = original["listens"][number]
    assert len(expected) > 1
    results = []
    recognizer = SpeechCommands(model)
    recognizer.listen(results.append, **options)
    recognizer.push(sound)
    assert len(results) == len(expected)
    for result, event in zip(results, expected, strict=True):
        np.testing.assert_allclose(result.scores, event["scores"], rtol=1e-3, atol=1e-5)

    if options.pop("include_embedding", False):
        options.update(probability_threshold=0.0, invoke_callback_on_noise_and_unknown=True)
    scored = StreamScorer(model, browser_period=1).push(sound)
    track = ScoreTrack(
        labels=model.labels,
        scores=scored.scores,
        browser_scores=scored.browser_scores,
        silent=scored.columns.silent,
        hop_s=model.front_end.hop_s,
        frames=43,
        duration_s=SECONDS,
    )
    decided = decide(track, TfjsMode(**options))
    ticks = [round(event.time_s / model.front_end.hop_s) - 1 for event in decided]
    assert ticks == [event["tick"] for event in expected]


def test_errors_say_what_the_originals_say(model: SpeechModel, original: dict[str, Any]) -> None:
    recognizer = SpeechCommands(model)
    ours: dict[str, str] = {}
    for name, action in {
        "length": lambda: recognizer.recognize(np.zeros(9_975, np.float32)),
        "rank": lambda: recognizer.recognize(np.zeros((43, 232, 1), np.float32)),
        "shape": lambda: recognizer.recognize(np.zeros((1, 42, 232, 1), np.float32)),
        "stop": recognizer.stop_listening,
        "threshold": lambda: recognizer.listen(print, probability_threshold=1.1),
        "overlap": lambda: recognizer.listen(print, overlap_factor=1.5),
        "suppression": lambda: recognizer.listen(print, suppression_time_millis=-1),
    }.items():
        with pytest.raises(TeachdeckError) as caught:
            action()
        ours[name] = caught.value.message
    recognizer.listen(print)
    with pytest.raises(UsageError) as caught:
        recognizer.listen(print)
    ours["again"] = caught.value.message
    key_words = {
        "length": ("9975", "not divisible by", "9976"),
        "rank": ("to have rank 4", "rank 3"),
        "shape": ("Expected", "[null,43,232,1]", "but got shape [null,42,232,1]"),
        "stop": ("Cannot stop streaming when streaming is not ongoing.",),
        "again": ("Cannot start streaming again when streaming is ongoing.",),
        "threshold": ("value: 1.1",),
        "overlap": ("to be >= 0 and < 1, but got 1.5",),
        "suppression": ("to be >= 0, but got -1",),
    }
    for name, parts in key_words.items():
        for part in parts:
            assert part in original["errors"][name], name
            assert part in ours[name], name
