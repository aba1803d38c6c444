"""The model in models/speech keeps its contract: words, sizes, layers, golden pairs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.inference.flatbuffer import to_litert
from core.inference.from_keras import network_from_keras
from core.inference.litert import LiteRtModel
from core.tfjs.read import read_model

MODEL = Path(__file__).resolve().parents[3] / "models" / "speech"
WORDS = (
    "down",
    "eight",
    "five",
    "four",
    "go",
    "left",
    "nine",
    "no",
    "one",
    "right",
    "seven",
    "six",
)
ORIGINAL_ORDER = ["_background_noise_", "_unknown_", *WORDS]
ORIGINAL_ORDER += ["stop", "three", "two", "up", "yes", "zero"]
TFJS_LAYERS = {"InputLayer", "Conv2D", "GlobalAveragePooling2D", "Dense"}


@pytest.fixture(scope="module")
def metadata() -> dict[str, Any]:
    return json.loads((MODEL / "metadata.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(MODEL / "golden.npz") as saved:
        return {name: saved[name] for name in saved.files}


def test_it_knows_the_originals_words_in_the_originals_order(metadata: dict[str, Any]) -> None:
    assert metadata["words"] == metadata["wordLabels"] == ORIGINAL_ORDER
    assert metadata["frameSize"] == 232


def test_every_word_has_a_threshold_that_can_be_met(metadata: dict[str, Any]) -> None:
    assert sorted(metadata["thresholds"]) == sorted(ORIGINAL_ORDER[2:])
    assert all(0.5 <= value <= 0.97 for value in metadata["thresholds"].values())


def test_its_weights_take_at_most_six_megabytes_of_float32() -> None:
    model = json.loads((MODEL / "model.json").read_text(encoding="utf-8"))
    (group,) = model["weightsManifest"]
    assert {weight["dtype"] for weight in group["weights"]} == {"float32"}
    assert not any("quantization" in weight for weight in group["weights"])
    on_disk = sum((MODEL / name).stat().st_size for name in group["paths"])
    values = sum(int(np.prod(weight["shape"])) for weight in group["weights"])
    assert on_disk == 4 * values <= 6_000_000
    assert (MODEL / "model.tflite").stat().st_size <= 6_000_000


def test_it_is_plain_layers_that_end_in_an_embedding_and_twenty_words() -> None:
    model = json.loads((MODEL / "model.json").read_text(encoding="utf-8"))
    layers = model["modelTopology"]["model_config"]["config"]["layers"]
    assert {layer["class_name"] for layer in layers} <= TFJS_LAYERS
    assert layers[0]["config"]["batch_input_shape"] == [None, 43, 232, 1]
    embedding, words = (layer["config"] for layer in layers[-2:])
    assert (embedding["activation"], words["activation"]) == ("relu", "softmax")
    assert words["units"] == 20


def test_the_litert_file_gives_the_golden_outputs(golden: dict[str, np.ndarray]) -> None:
    outputs = LiteRtModel((MODEL / "model.tflite").read_bytes(), threads=1).run(golden["features"])
    np.testing.assert_allclose(outputs["dense_2"], golden["probabilities"], atol=1e-5)
    np.testing.assert_allclose(outputs["dense_2/linear"], golden["logits"], atol=1e-3)


def test_the_layers_model_gives_the_golden_outputs_too(golden: dict[str, np.ndarray]) -> None:
    model = read_model(MODEL / "model.json")
    network = network_from_keras(model.topology, model.weights)
    outputs = LiteRtModel(to_litert(network, outputs=("dense_2",)), threads=1).run(
        golden["features"]
    )
    np.testing.assert_allclose(outputs["dense_2"], golden["probabilities"], atol=1e-5)


def test_the_golden_inputs_are_every_word_in_a_made_voice_and_then_noise_and_silence(
    golden: dict[str, np.ndarray],
) -> None:
    features, best = golden["features"], golden["probabilities"].argmax(axis=1)
    assert features.shape == (24, 43, 232, 1)
    np.testing.assert_allclose(features.mean(axis=(1, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(features[:-1].std(axis=(1, 2, 3)), 1, atol=1e-3)
    assert not features[-1].any(), "digital silence is flat"
    assert len({int(label) for label in best[:18]}) >= 16
    assert list(best[20:]) == [0, 0, 0, 0]
