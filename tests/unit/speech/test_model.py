"""Speech models from files: the original's layout, Teachable Machine's, and what fits neither."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.audio import BrowserFft
from core.errors import ModelError
from core.speech import QUIET_FLOOR_DB, SpeechModel, read_speech_model
from tests.speech_kit import CHINESE, WORDS, babble, model_files, write_model


def features(count: int = 3) -> np.ndarray:
    return BrowserFft().features(babble(count).reshape(count, -1))


def changed(**changes: Callable[[dict], None]) -> dict[str, bytes]:
    files = model_files()
    for name, change in changes.items():
        document = json.loads(files[f"{name}.json"])
        change(document)
        files[f"{name}.json"] = json.dumps(document).encode()
    return files


@pytest.mark.parametrize("number", range(5))
def test_the_official_weights_give_the_reference_logits(shared_data: Path, number: int) -> None:
    folder = shared_data / "speech"
    model = read_speech_model(folder / "official_18w_approx")
    waveform = np.load(folder / "reference" / f"waveform_{number}.npy")
    expected = np.load(folder / "reference" / f"logits_{number}.npy")
    logits = model.run(BrowserFft().features(waveform[np.newaxis])).logits
    assert logits is not None
    assert np.abs(logits[0] - expected).max() < 0.5
    assert logits[0].argmax() == expected.argmax()
    assert model.labels[2:4] == ("down", "eight")
    assert model.embedding_units == 2_000


def test_a_folder_a_file_a_zip_and_uploads_are_the_same_model(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in model_files().items():
            archive.writestr(f"export/{name}", content)
    models = [
        read_speech_model(source)
        for source in (folder, folder / "model.json", buffer.getvalue(), model_files())
    ]
    inputs = features()
    for model in models:
        assert model.labels == WORDS
        assert model.words == ("down", "left", "right", "up")
        assert (model.noise_indices, model.unknown_indices) == ((0,), (1,))
        np.testing.assert_array_equal(model.run(inputs).scores, models[0].run(inputs).scores)


def test_scores_logits_and_embedding_belong_together(model: SpeechModel) -> None:
    outputs = model.run(features())
    assert outputs.logits is not None
    assert outputs.embedding is not None
    assert outputs.embedding.shape == (3, 64)
    assert outputs.embedding.min() >= 0
    exponentials = np.exp(outputs.logits - outputs.logits.max(axis=1, keepdims=True))
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(outputs.scores, expected, atol=1e-6)


def test_a_new_head_on_the_trunk_says_other_words(model: SpeechModel) -> None:
    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=(64, 3)), rng.normal(size=3)
    taught = model.with_head(kernel, bias, CHINESE, thresholds={"上一张": 0.8, "没有": 0.1})
    assert taught.words == CHINESE[1:]
    assert taught.noise_indices == (0,)
    assert taught.thresholds == {"上一张": 0.8}
    inputs = features()
    logits = taught.run(inputs).logits
    np.testing.assert_allclose(logits, model.embed(inputs) @ kernel + bias, rtol=1e-4, atol=1e-3)
    np.testing.assert_array_equal(taught.embed(inputs), model.embed(inputs))
    again = taught.with_head(kernel[:, :2], bias[:2], ("a", "b"))
    assert again.labels == ("a", "b")


def test_a_head_that_does_not_fit_is_refused(model: SpeechModel) -> None:
    with pytest.raises(ModelError):
        model.with_head(np.zeros((63, 2)), np.zeros(2), ("a", "b"))
    with pytest.raises(ModelError) as caught:
        model.with_head(np.zeros((64, 2)), np.zeros(2), ("a", "b", "c"))
    assert caught.value.code == "speech.label_count"


def test_a_teachable_machine_export_has_words_of_its_own() -> None:
    model = read_speech_model(model_files(CHINESE, legacy=False))
    assert model.words == ("上一张", "下一张")
    assert model.noise_indices == (0,)
    assert model.unknown_indices == ()
    assert model.title == "TMv2"


def test_teachable_machines_own_topology_is_read(shared_data: Path) -> None:
    source = shared_data / "tfjs-zoo" / "tm-audio-modeljson-only"
    document = json.loads((source / "model.json").read_text())
    rng = np.random.default_rng(0)
    content = b"".join(
        rng.normal(0, 0.05, spec["shape"]).astype("<f4").tobytes()
        for group in document["weightsManifest"]
        for spec in group["weights"]
    )
    files = {name: (source / name).read_bytes() for name in ("model.json", "metadata.json")}
    model = read_speech_model({**files, "weights.bin": content})
    assert len(model.labels) == model.run(features(1)).scores.shape[1]
    assert model.embedding_units == 2_000


def test_metadata_may_carry_thresholds_and_the_front_end() -> None:
    def change(metadata: dict) -> None:
        metadata["thresholds"] = {"up": 0.7, "left": 3, "other": 0.5, "down": True}
        metadata["frontEnd"] = {"floor_db": None, "epsilon": 1e-7}
        metadata["title"] = "Mine"

    model = read_speech_model(changed(metadata=change))
    assert model.thresholds == {"up": 0.7}
    assert [note.code for note in model.notes] == ["speech.note_thresholds"]
    assert model.front_end == BrowserFft(floor_db=None, epsilon=1e-7)
    assert model.title == "Mine"
    assert read_speech_model(model_files()).front_end == BrowserFft(floor_db=QUIET_FLOOR_DB)


def without(document: dict, key: str) -> None:
    del document[key]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda m: without(m, "words"), "speech.no_words"),
        (lambda m: m.update(words=[]), "speech.bad_words"),
        (lambda m: m.update(words="down"), "speech.bad_words"),
        (lambda m: m.update(words=[1, 2, 3, 4, 5, 6]), "speech.bad_words"),
        (lambda m: m.update(words=["a" * 200] * 6), "speech.bad_words"),
        (lambda m: m.update(words=["a", "b", "a", "d", "e", "f"]), "speech.word_twice"),
        (lambda m: m.update(words=["a", "b"]), "speech.label_count"),
        (lambda m: m.update(frameSize=100), "speech.frame_size"),
        (lambda m: m.update(frontEnd={"bins": 100}), "speech.front_end"),
        (lambda m: m.update(frontEnd={"window": "hann"}), "speech.front_end_setting"),
        (lambda m: m.update(frontEnd=7), "speech.front_end_setting"),
    ],
)
def test_metadata_that_does_not_match_is_refused(change: Callable[[dict], None], code: str) -> None:
    with pytest.raises(ModelError) as caught:
        read_speech_model(changed(metadata=change))
    assert caught.value.code == code


def first_layer(document: dict) -> dict[str, Any]:
    return document["modelTopology"]["model_config"]["config"][0]["config"]


@pytest.mark.parametrize("missing", ["metadata.json", "group1-shard2of2", "model.json"])
def test_a_missing_file_is_named(missing: str) -> None:
    files = model_files()
    del files[missing]
    with pytest.raises(ModelError):
        read_speech_model(files)


def test_a_picture_model_is_told_from_a_speech_model() -> None:
    files = model_files()
    document = json.loads(files["model.json"])
    layers = document["modelTopology"]["model_config"]["config"]
    first_layer(document)["batch_input_shape"] = [None, 43, 232, 3]
    kernel = document["weightsManifest"][0]["weights"][0]
    assert kernel["shape"] == [2, 8, 1, 8]
    kernel["shape"] = [2, 8, 3, 8]
    files["model.json"] = json.dumps(document).encode()
    files["group1-shard1of2"] = bytes(2 * 8 * 2 * 8 * 4) + files["group1-shard1of2"]
    assert layers
    with pytest.raises(ModelError) as caught:
        read_speech_model(files)
    assert caught.value.code == "speech.input_channels"


def test_another_size_of_spectrogram_is_taken_from_the_model() -> None:
    files = model_files()
    document = json.loads(files["model.json"])
    layers = document["modelTopology"]["model_config"]["config"]
    flat = next(i for i, layer in enumerate(layers) if layer["class_name"] == "Flatten")
    layers[flat] = {"class_name": "GlobalAveragePooling2D", "config": {"name": "pooled"}}
    first_layer(document)["batch_input_shape"] = [None, 60, 200, 1]
    specs = document["weightsManifest"][0]["weights"]
    at = next(i for i, spec in enumerate(specs) if spec["name"] == "dense_1/kernel")
    before = sum(4 * int(np.prod(spec["shape"])) for spec in specs[:at])
    specs[at]["shape"] = [32, 64]
    content = files["group1-shard1of2"] + files["group1-shard2of2"]
    content = content[: before + 32 * 64 * 4] + content[before + 704 * 64 * 4 :]
    document["weightsManifest"][0]["paths"] = ["all.bin"]
    metadata = {"wordLabels": list(WORDS)}
    model = read_speech_model(
        {
            "model.json": json.dumps(document).encode(),
            "metadata.json": json.dumps(metadata).encode(),
            "all.bin": content,
        }
    )
    assert model.input_shape == (60, 200, 1)
    assert model.front_end.window_samples == 60 * 1024
    assert model.run(model.front_end.features(babble(2)[np.newaxis])).scores.shape == (1, 6)


def test_weights_that_are_not_numbers_are_refused() -> None:
    files = model_files()
    files["group1-shard1of2"] = np.float32(np.nan).tobytes() + files["group1-shard1of2"][4:]
    with pytest.raises(ModelError):
        read_speech_model(files)
