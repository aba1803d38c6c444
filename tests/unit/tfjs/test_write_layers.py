"""model.json and its shards, as TensorFlow.js reads them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from core.errors import ModelError, UsageError
from core.tfjs.model import LayersModel, Origin
from core.tfjs.write_layers import (
    LayersOptions,
    layers_model_files,
    quantization_by_name,
    stored_bytes,
)

WEIGHTS = {
    "a/kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a/bias": np.zeros(3, np.float32),
    "b/kernel": np.ones((3, 1), np.float32),
}


def model(**fields: Any) -> LayersModel:
    layers = [
        {"class_name": "InputLayer", "config": {"name": "i", "batch_input_shape": [None, 2]}},
        {"class_name": "Dense", "config": {"name": "a", "units": 3}},
        {"class_name": "Dense", "config": {"name": "b", "units": 1, "use_bias": False}},
    ]
    topology = {"class_name": "Sequential", "config": {"name": "m", "layers": layers}}
    return LayersModel(topology, WEIGHTS, **fields)


def described(files: dict[str, bytes]) -> dict[str, Any]:
    return json.loads(files["model.json"])


def test_the_shards_hold_every_weight_in_order() -> None:
    files = layers_model_files(model(), LayersOptions(shard_bytes=16))
    names = [name for name in files if name != "model.json"]
    assert names == [f"group1-shard{i}of3.bin" for i in (1, 2, 3)]
    content = b"".join(files[name] for name in names)
    assert content == b"".join(weight.tobytes() for weight in WEIGHTS.values())
    (group,) = described(files)["weightsManifest"]
    assert [entry["name"] for entry in group["weights"]] == list(WEIGHTS)


def test_a_number_of_shards_can_be_chosen() -> None:
    files = layers_model_files(model(), LayersOptions(shard_count=4))
    sizes = [len(content) for name, content in files.items() if name != "model.json"]
    assert sizes == [12, 12, 12, 12]


def test_weights_can_be_split_by_layer() -> None:
    files = layers_model_files(model(), LayersOptions(split_by_layer=True))
    groups = described(files)["weightsManifest"]
    assert [[w["name"] for w in group["weights"]] for group in groups] == [
        ["a/kernel", "a/bias"],
        ["b/kernel"],
    ]


@pytest.mark.parametrize(
    "options",
    [
        LayersOptions(shard_count=2, split_by_layer=True),
        LayersOptions(shard_count=0),
        LayersOptions(shard_bytes=0),
    ],
)
def test_contradicting_options_are_refused(options: LayersOptions) -> None:
    with pytest.raises(UsageError):
        layers_model_files(model(), options)


def test_patterns_choose_the_type_of_each_weight() -> None:
    chosen = quantization_by_name(WEIGHTS, {"uint8": ("*kernel",), "float16": ("*",)})
    assert chosen == {"a/kernel": "uint8", "a/bias": "float16", "b/kernel": "uint8"}
    assert quantization_by_name(WEIGHTS, {"uint16": ("b/*",)}) == {"b/kernel": "uint16"}


def test_two_types_for_one_weight_or_for_the_rest_are_errors() -> None:
    with pytest.raises(UsageError) as conflict:
        quantization_by_name(WEIGHTS, {"uint8": ("a/*",), "uint16": ("*kernel",)})
    assert conflict.value.code == "convert.quantize_conflict"
    with pytest.raises(UsageError) as rest:
        quantization_by_name(WEIGHTS, {"uint8": ("*",), "uint16": ("*",)})
    assert rest.value.code == "convert.two_fall_throughs"


def test_the_size_of_the_shards_is_known_beforehand() -> None:
    for quantize in (None, {"uint8": ("*",)}, {"float16": ("a/*",)}):
        options = LayersOptions(quantize=quantize)
        files = layers_model_files(model(), options)
        written = sum(len(c) for name, c in files.items() if name != "model.json")
        assert stored_bytes(model(), options) == written


def test_functional_models_are_called_model_for_old_releases() -> None:
    nested = {"class_name": "Functional", "config": {"name": "f", "layers": []}}
    outer = {"class_name": "Functional", "config": {"name": "o", "layers": [nested]}}
    for old, name in ((False, "Functional"), (True, "Model")):
        files = layers_model_files(LayersModel(outer, {}), LayersOptions(old_tensorflowjs=old))
        config = described(files)["modelTopology"]["model_config"]
        assert config["class_name"] == name
        assert config["config"]["layers"][0]["class_name"] == name


def test_calls_of_nested_models_are_counted_from_one_as_tensorflowjs_does() -> None:
    inner = {"class_name": "Functional", "config": {"name": "in", "layers": []}, "name": "in"}
    layers = [
        {**inner, "inbound_nodes": [[["x", 0, 0, {}]]]},
        {"class_name": "ReLU", "config": {"name": "r"}, "inbound_nodes": [[["in", 0, 0, {}]]]},
    ]
    config = {"name": "o", "layers": layers, "output_layers": [["r", 0, 0], ["in", 0, 0]]}
    files = layers_model_files(
        LayersModel({"class_name": "Functional", "config": config}, {}), LayersOptions()
    )
    written = described(files)["modelTopology"]["model_config"]["config"]
    assert written["layers"][1]["inbound_nodes"] == [[["in", 1, 0, {}]]]
    assert written["output_layers"] == [["r", 0, 0], ["in", 1, 0]]


def test_metadata_is_kept_and_added_to() -> None:
    with_metadata = model(metadata={"labels": ["x"], "kept": 1})
    files = layers_model_files(with_metadata, LayersOptions(metadata={"labels": ["y"]}))
    assert described(files)["userDefinedMetadata"] == {"labels": ["y"], "kept": 1}


def test_a_training_configuration_stands_where_its_library_puts_it() -> None:
    config = {"loss": "mse"}
    tfjs = Origin("tfjs_layers_model", generated_by="TensorFlow.js tfjs-layers v1.3.2")
    from_tfjs = described(
        layers_model_files(model(training_config=config, origin=tfjs), LayersOptions())
    )
    assert from_tfjs["trainingConfig"] == config
    keras = model(training_config=config, origin=Origin("keras", keras_version="2.4.0"))
    from_keras = described(layers_model_files(keras, LayersOptions()))
    assert from_keras["modelTopology"]["training_config"] == config


def test_a_description_that_json_cannot_hold_is_refused() -> None:
    with pytest.raises(ModelError) as error:
        layers_model_files(model(metadata={"x": float("nan")}), LayersOptions())
    assert error.value.code == "convert.not_finite"
