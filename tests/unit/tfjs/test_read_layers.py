from __future__ import annotations

import json

import numpy as np
import pytest

from core.errors import ModelError
from core.tfjs.files import MemoryFiles
from core.tfjs.quantize import dequantize, quantize
from core.tfjs.read import read_model
from core.tfjs.read_layers import read_layers
from core.tfjs.weights import encode_weights

RNG = np.random.default_rng(7)
KERNEL = RNG.normal(size=(4, 3)).astype(np.float32)
BIAS = RNG.normal(size=3).astype(np.float32)
WEIGHTS = {"dense_1/kernel": KERNEL, "dense_1/bias": BIAS}
DENSE = {
    "class_name": "Dense",
    "config": {
        "name": "dense_1",
        "units": 3,
        "activation": "relu",
        "batch_input_shape": [None, 4],
        "dtype": "float32",
    },
}
LIST = {"class_name": "Sequential", "config": [DENSE]}
DICT = {"class_name": "Sequential", "config": {"name": "s", "layers": [DENSE]}}
FUNCTIONAL = {
    "class_name": "Model",
    "config": {
        "name": "m",
        "layers": [
            {
                "class_name": "InputLayer",
                "name": "in",
                "config": {"name": "in", "batch_input_shape": [None, 4]},
                "inbound_nodes": [],
            },
            {**DENSE, "name": "dense_1", "inbound_nodes": [[["in", 0, 0, {}]]]},
        ],
        "input_layers": [["in", 0, 0]],
        "output_layers": [["dense_1", 0, 0]],
    },
}


def converter(model, version="2.2.4"):
    return {"keras_version": version, "backend": "tensorflow", "model_config": model}


def saved_by_tfjs(model):
    return {**model, "keras_version": "tfjs-layers 1.3.2", "backend": "tensor_flow.js"}


def files_of(topology, *, weights=WEIGHTS, rename=None, shard_bytes=4_194_304, **fields):
    manifest, shards = encode_weights(weights, shard_bytes=shard_bytes)
    rename = rename or (lambda path: path)
    manifest[0]["paths"] = [rename(path) for path in manifest[0]["paths"]]
    document = {"modelTopology": topology, "weightsManifest": manifest, **fields}
    renamed = {rename(path).removeprefix("./"): content for path, content in shards.items()}
    return {"model.json": json.dumps(document).encode(), **renamed}


@pytest.mark.parametrize(
    ("topology", "class_name"),
    [
        (converter(LIST), "Sequential"),
        (converter(DICT), "Sequential"),
        (converter(FUNCTIONAL), "Functional"),
        (saved_by_tfjs(LIST), "Sequential"),
        (saved_by_tfjs(FUNCTIONAL), "Functional"),
    ],
)
def test_every_wrapping_and_class_is_read(topology, class_name):
    model = read_layers(MemoryFiles(files_of(topology)))
    assert model.topology["class_name"] == class_name
    assert [entry["class_name"] for entry in model.layers] == ["InputLayer", "Dense"]
    assert model.layers[0]["config"]["batch_input_shape"] == [None, 4]
    for name, array in WEIGHTS.items():
        assert model.weights[name].tobytes() == array.tobytes()


def test_files_of_the_first_converter_are_read():
    files = files_of(converter(LIST), rename=lambda path: path.removesuffix(".bin"), shard_bytes=13)
    assert b"format" not in files["model.json"]
    assert "group1-shard1of5" in files
    model = read_layers(MemoryFiles(files))
    assert model.weights["dense_1/kernel"].tobytes() == KERNEL.tobytes()
    assert model.origin.generated_by is None


def test_where_a_model_came_from_is_kept():
    files = files_of(
        converter(DICT, "2.6.0"),
        format="layers-model",
        generatedBy="keras v2.6.0",
        convertedBy="TensorFlow.js Converter v3.9.0",
        userDefinedMetadata={"labels": ["a"]},
        trainingConfig={"loss": "mse"},
    )
    files["metadata.json"] = b'{"tmVersion": "2.4.5"}'
    model = read_layers(MemoryFiles(files))
    assert model.origin.format == "tfjs_layers_model"
    assert model.origin.keras_version == "2.6.0"
    assert model.origin.generated_by == "keras v2.6.0"
    assert model.origin.converted_by == "TensorFlow.js Converter v3.9.0"
    assert model.metadata == {"labels": ["a"], "metadata.json": {"tmVersion": "2.4.5"}}
    assert model.training_config == {"loss": "mse"}


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16"])
def test_quantised_weights_are_read_and_remembered(dtype):
    manifest, shards = encode_weights(WEIGHTS, quantization={"dense_1/kernel": dtype})
    document = {"modelTopology": converter(DICT), "weightsManifest": manifest}
    model = read_layers(MemoryFiles({"model.json": json.dumps(document).encode(), **shards}))
    codes, quantization = quantize(KERNEL, dtype)
    expected = dequantize(codes, quantization)
    assert model.weights["dense_1/kernel"].tobytes() == expected.tobytes()
    assert model.origin.quantization == {"dense_1/kernel": quantization}


def test_a_renamed_weights_file_is_found_by_its_size():
    files = files_of(saved_by_tfjs(LIST), rename=lambda path: "./brand.weights.bin")
    files["model.weights.bin"] = files.pop("brand.weights.bin")
    model = read_layers(MemoryFiles(files))
    assert model.weights["dense_1/bias"].tobytes() == BIAS.tobytes()
    assert "'brand.weights.bin'" in model.notices[0].message


def test_two_candidates_for_a_missing_file_are_not_guessed():
    files = files_of(saved_by_tfjs(LIST), rename=lambda path: "a.bin")
    files["b.bin"] = files["c.bin"] = files.pop("a.bin")
    with pytest.raises(ModelError, match=r"missing, such as a\.bin"):
        read_layers(MemoryFiles(files))


def test_names_with_a_cell_lose_it():
    rnn = {
        "class_name": "LSTM",
        "config": {"name": "lstm", "units": 2, "batch_input_shape": [None, 5, 3]},
    }
    weights = {
        "lstm/lstm_cell_3/kernel": np.ones((3, 8), np.float32),
        "lstm/lstm_cell_3/recurrent_kernel": np.ones((2, 8), np.float32),
        "lstm/lstm_cell_3/bias": np.ones(8, np.float32),
    }
    model = read_layers(
        MemoryFiles(files_of({"class_name": "Sequential", "config": [rnn]}, weights=weights))
    )
    assert list(model.weights) == ["lstm/kernel", "lstm/recurrent_kernel", "lstm/bias"]


def test_names_with_a_counter_too_many_are_matched():
    weights = {name.replace("dense_1", "dense_1_1"): array for name, array in WEIGHTS.items()}
    model = read_layers(MemoryFiles(files_of(converter(DICT), weights=weights)))
    assert list(model.weights) == list(WEIGHTS)


def test_weights_of_no_layer_are_left_out_with_a_notice():
    weights = {**WEIGHTS, "ghost/kernel": BIAS, "seed_generator/seed_generator_state": BIAS}
    model = read_layers(MemoryFiles(files_of(converter(DICT), weights=weights)))
    assert list(model.weights) == list(WEIGHTS)
    assert "ghost/kernel" in model.notices[0].message
    assert "seed_generator" not in model.notices[0].message


@pytest.mark.parametrize(
    ("name", "parameters", "layers"),
    [
        ("tfjs-zoo/abalone-dense", 3051, 4),
        ("tfjs-zoo/conv2d-maxpool-doodle", 126564, 12),
        ("tfjs-zoo/embedding-simplernn-bn-dropout", 3539, 6),
        ("tfjs-zoo/keras3-dense-dropout", 657670, 6),
        ("tfjs-zoo/mobilenet-layers-quantized", 475544, 93),
        ("tfjs-zoo/tm-image-masknomask", 538508, 161),
        ("brand/web_model", 125483, 4),
        ("speech/official_18w_approx", 1468684, 14),
        ("mobilenet_v1_025_224/web_model", 475544, 93),
    ],
)
def test_real_models_are_read(shared_data, name, parameters, layers):
    model = read_model(shared_data / name)
    assert model.parameters == parameters
    assert len(model.layers) == layers
    assert all(np.isfinite(array).all() for array in model.weights.values())
    assert len(model.notices) == (1 if name.startswith("brand") else 0)


def test_a_real_teachable_machine_export_keeps_its_labels(shared_data):
    model = read_model(shared_data / "tfjs-zoo" / "tm-image-masknomask")
    assert len(model.metadata["metadata.json"]["labels"]) == 2


def test_a_real_model_without_its_weights_says_which_are_missing(shared_data):
    with pytest.raises(ModelError, match=r"missing, such as weights\.bin"):
        read_model(shared_data / "tfjs-zoo" / "tm-audio-modeljson-only")


def test_a_real_graph_model_is_refused_by_its_name(shared_data):
    with pytest.raises(ModelError, match="graph models cannot be read yet"):
        read_model(shared_data / "tfjs-zoo" / "mobilenet-graph-model")
