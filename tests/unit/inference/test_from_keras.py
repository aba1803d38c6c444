"""Keras configurations of every dialect become the network that they describe."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from core.errors import ModelError
from core.inference.flatbuffer import to_litert
from core.inference.from_keras import network_from_keras
from core.inference.keras_layers import SUPPORTED_LAYERS
from core.inference.litert import LiteRtModel
from core.inference.network import Network

Config = dict[str, Any]
Weights = dict[str, NDArray[np.float32]]
rng = np.random.default_rng(17)


def layer(class_name: str, name: str, **config: object) -> Config:
    return {"class_name": class_name, "config": {"name": name, **config}}


def sequential(*layers: Config, name: str = "model") -> Config:
    return {"class_name": "Sequential", "config": {"name": name, "layers": list(layers)}}


def start(*shape: int | None) -> Config:
    return layer("InputLayer", "start", batch_input_shape=[None, *shape])


def values(*shape: int) -> NDArray[np.float32]:
    return rng.normal(size=shape).astype(np.float32)


def run(network: Network, x: NDArray[np.float32], *names: str) -> list[NDArray[np.float32]]:
    wanted = names or network.outputs
    results = LiteRtModel(to_litert(network, outputs=wanted)).run(x)
    return [results[name] for name in wanted]


def dense(name: str, units: int, **config: object) -> Config:
    return layer("Dense", name, units=units, **config)


HEAD = sequential(start(4), dense("hidden", 3, activation="relu"), dense("scores", 2))
HEAD_WEIGHTS: Weights = {
    "hidden/kernel": values(4, 3),
    "hidden/bias": values(3),
    "scores/kernel": values(3, 2),
    "scores/bias": values(2),
}


def head(x: NDArray[np.float32], w: Weights = HEAD_WEIGHTS) -> NDArray[np.float32]:
    hidden = np.maximum(x @ w["hidden/kernel"] + w["hidden/bias"], 0)
    return hidden @ w["scores/kernel"] + w["scores/bias"]


FUNCTIONAL = {
    "class_name": "Model",
    "config": {
        "name": "model",
        "layers": [
            {**layer("InputLayer", "start", batch_input_shape=[None, 4]), "name": "start"}
            | {"inbound_nodes": []},
            {**dense("hidden", 3, activation="relu"), "name": "hidden"}
            | {"inbound_nodes": [[["start", 0, 0, {}]]]},
            {**dense("scores", 2), "name": "scores"}
            | {"inbound_nodes": [[["hidden", 0, 0, {"training": False}]]]},
        ],
        "input_layers": [["start", 0, 0]],
        "output_layers": [["scores", 0, 0]],
    },
}


def keras3_functional() -> Config:
    config = copy.deepcopy(FUNCTIONAL)
    config["class_name"] = "Functional"
    config["module"] = "keras.src.models.functional"
    config["config"]["layers"][0]["config"] = {"batch_shape": [None, 4], "name": "start"}
    for each, read in zip(config["config"]["layers"][1:], ["start", "hidden"], strict=True):
        tensor = {"shape": [None, 4], "dtype": "float32", "keras_history": [read, 0, 0]}
        argument = {"class_name": "__keras_tensor__", "config": tensor}
        each["inbound_nodes"] = [{"args": [argument], "kwargs": {"training": None}}]
    config["config"]["input_layers"] = ["start", 0, 0]
    config["config"]["output_layers"] = ["scores", 0, 0]
    return config


def first_layer_says_shape() -> list[Config]:
    layers = copy.deepcopy(HEAD["config"]["layers"][1:])
    layers[0]["config"]["batch_input_shape"] = [None, 4]
    return layers


DIALECTS = {
    "sequential": HEAD,
    "sequential_as_a_list": {"class_name": "Sequential", "config": first_layer_says_shape()},
    "functional_of_keras_2": FUNCTIONAL,
    "functional_of_keras_3": keras3_functional(),
    "wrapped_as_in_model_json": {"modelTopology": {"model_config": FUNCTIONAL}},
    "wrapped_as_by_tfjs": {"format": "layers-model", "modelTopology": HEAD},
    "out_of_order": {
        "class_name": "Functional",
        "config": {**FUNCTIONAL["config"], "layers": FUNCTIONAL["config"]["layers"][::-1]},
    },
}


@pytest.mark.parametrize(
    ("class_name", "first"), [("Add", True), ("Add", False), ("Multiply", True)]
)
def test_the_operators_of_keras_3_with_a_number_are_not_lost(class_name: str, first: bool) -> None:
    config = keras3_functional()
    tensor = config["config"]["layers"][2]["inbound_nodes"][0]["args"][0]
    config["config"]["layers"][2] = {
        **layer(class_name, "scores"),
        "name": "scores",
        "inbound_nodes": [{"args": [3.0, tensor] if first else [tensor, 3.0], "kwargs": {}}],
    }
    x = values(2, 4)
    hidden, scores = run(network_from_keras(config, HEAD_WEIGHTS), x, "hidden", "scores")
    np.testing.assert_allclose(scores, hidden + 3 if class_name == "Add" else hidden * 3, atol=1e-6)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_gives_the_same_network(dialect: str) -> None:
    x = values(3, 4)
    network = network_from_keras(DIALECTS[dialect], HEAD_WEIGHTS)
    np.testing.assert_allclose(run(network, x, "scores")[0], head(x), atol=1e-5)


def test_values_before_an_activation_stay_readable() -> None:
    x = values(2, 4)
    before, after = run(network_from_keras(HEAD, HEAD_WEIGHTS), x, "hidden/linear", "hidden")
    np.testing.assert_allclose(
        before, x @ HEAD_WEIGHTS["hidden/kernel"] + HEAD_WEIGHTS["hidden/bias"], atol=1e-5
    )
    np.testing.assert_array_equal(after, np.maximum(before, 0))


def test_weights_may_carry_the_suffix_and_the_nested_models_name() -> None:
    x = values(2, 4)
    nested = sequential(start(4), HEAD | {"name": "inner"}, name="outer")
    long_names = {f"inner/{name}:0": array for name, array in HEAD_WEIGHTS.items()}
    for weights in (long_names, HEAD_WEIGHTS):
        network = network_from_keras(nested, weights)
        assert network.outputs == ("inner",)
        np.testing.assert_allclose(run(network, x)[0], head(x), atol=1e-5)


def test_equal_names_in_nested_models_are_told_apart() -> None:
    first = sequential(dense("dense", 4, use_bias=False), name="first")
    second = sequential(dense("dense", 2, use_bias=False), name="second")
    weights = {"first/dense/kernel": values(3, 4), "second/dense/kernel": values(4, 2)}
    network = network_from_keras(sequential(start(3), first, second), weights)
    assert {"dense", "second/dense"} <= {node.name for node in network.nodes}
    x = values(2, 3)
    expected = x @ weights["first/dense/kernel"] @ weights["second/dense/kernel"]
    np.testing.assert_allclose(run(network, x)[0], expected, atol=1e-5)


def test_a_shared_layer_and_a_nested_model_called_late_find_their_inputs() -> None:
    config = {
        "class_name": "Functional",
        "config": {
            "name": "model",
            "layers": [
                {**layer("InputLayer", "start", batch_input_shape=[None, 4]), "inbound_nodes": []},
                {
                    **dense("shared", 4, use_bias=False),
                    "inbound_nodes": [[["start", 0, 0, {}]], [["shared", 0, 0, {}]]],
                },
                # Built alone and then called: Keras counts that call as the second.
                {**HEAD, "name": "inner", "inbound_nodes": [[["shared", 1, 0, {}]]]},
            ],
            "input_layers": [["start", 0, 0]],
            "output_layers": [["inner", 1, 0]],
        },
    }
    weights = {**HEAD_WEIGHTS, "shared/kernel": values(4, 4)}
    x = values(2, 4)
    expected = head(x @ weights["shared/kernel"] @ weights["shared/kernel"])
    np.testing.assert_allclose(run(network_from_keras(config, weights), x)[0], expected, atol=1e-4)


def test_layers_of_training_only_keep_their_names_and_do_nothing() -> None:
    names = ["Dropout", "GaussianNoise", "RandomFlip", "SpatialDropout2D"]
    config = sequential(start(2, 2, 3), *(layer(name, name.lower(), rate=0.5) for name in names))
    x = values(2, 2, 2, 3)
    for result in run(network_from_keras(config, {}), x, "dropout", "spatialdropout2d"):
        np.testing.assert_array_equal(result, x)


@pytest.mark.parametrize(("keras3", "slope"), [(False, 0.2), (True, 1 / 6)])
def test_hard_sigmoid_is_that_of_the_dialect(keras3: bool, slope: float) -> None:
    config = sequential(start(8), layer("Activation", "gate", activation="hard_sigmoid"))
    x = 4 * values(3, 8)
    network = network_from_keras(config, {}, keras3=keras3)
    np.testing.assert_allclose(run(network, x)[0], np.clip(slope * x + 0.5, 0, 1), atol=1e-6)


def test_preprocessing_layers_scale_by_channel() -> None:
    config = sequential(
        start(2, 2, 3),
        layer("Rescaling", "rescaling", scale=[1, 2, 0.5], offset=-1.0),
        layer("Normalization", "normalization", axis=[-1], mean=[0, 1, 2], variance=[1, 4, 0.25]),
    )
    x = values(2, 2, 2, 3)
    expected = (x * [1, 2, 0.5] - 1 - [0, 1, 2]) / [1, 2, 0.5]
    np.testing.assert_allclose(run(network_from_keras(config, {}), x)[0], expected, atol=1e-5)


def test_an_open_input_size_is_refused_and_can_be_given() -> None:
    config = sequential(start(None, None, 3), layer("GlobalAveragePooling2D", "pooled"))
    with pytest.raises(ModelError) as caught:
        network_from_keras(config, {})
    assert caught.value.code == "keras.no_input_shape"
    network = network_from_keras(config, {}, input_shape=(4, 5, 3))
    assert network.output_shape("start") == (4, 5, 3)


def changed(**settings: object) -> Config:
    config = {"filters": 2, "kernel_size": [3, 3], **settings}
    return sequential(start(8, 8, 3), layer("Conv2D", "conv", **config))


CONV_WEIGHTS: Weights = {"conv/kernel": values(3, 3, 3, 2), "conv/bias": values(2)}


@pytest.mark.parametrize(
    "settings",
    [
        {"strides": [-1, -1]},
        {"strides": [0, 1]},
        {"strides": "2"},
        {"dilation_rate": [True, True]},
        {"kernel_size": None},
        {"filters": -2},
        {"filters": 1e9},
        {"groups": 3},
        {"data_format": "channels_first"},
        {"activation": "gelu"},
        {"activation": {"class_name": "Lambda", "config": {"function": "exit"}}},
        {"padding": "causal"},
        {"padding": ["same"]},
    ],
)
def test_a_setting_that_is_wrong_or_another_function_is_named(settings: Config) -> None:
    key = next(iter(settings))
    with pytest.raises(ModelError, match=key) as caught:
        network_from_keras(changed(**settings), CONV_WEIGHTS)
    assert caught.value.fields["name"] == "conv"


@pytest.mark.parametrize(
    ("code", "weights"),
    [
        ("network.weight_missing", {"conv/kernel": values(3, 3, 3, 2)}),
        ("network.weight_missing", {}),
        ("network.bad_weight", CONV_WEIGHTS | {"conv/kernel": values(3, 3, 2, 3)}),
        ("network.bad_weight", CONV_WEIGHTS | {"conv/kernel": values(54)}),
        ("network.bad_weight", CONV_WEIGHTS | {"conv/bias": values(3)}),
        ("keras.weight_not_finite", CONV_WEIGHTS | {"conv/bias": np.array([1, np.nan])}),
        ("keras.weight_not_finite", CONV_WEIGHTS | {"conv/bias": np.array(["a", "b"])}),
    ],
)
def test_weights_that_do_not_fit_are_named(code: str, weights: Weights) -> None:
    with pytest.raises(ModelError, match="conv") as caught:
        network_from_keras(changed(), weights)
    assert caught.value.code == code


def test_an_unsupported_layer_is_named_with_its_class() -> None:
    config = sequential(start(4), layer("Lambda", "mine", function="__import__('os')"))
    with pytest.raises(ModelError, match='"mine" is of the class Lambda') as caught:
        network_from_keras(config, {})
    assert caught.value.code == "keras.unsupported_layer"
    assert "Lambda" not in SUPPORTED_LAYERS


def graph(*layers: tuple[str, list[list[object]]]) -> Config:
    built: list[Config] = [
        {**layer("InputLayer", "start", batch_input_shape=[None, 4]), "inbound_nodes": []}
    ]
    built += [{**layer("ReLU", name), "inbound_nodes": [reads]} for name, reads in layers]
    ends = {"input_layers": [["start", 0, 0]], "output_layers": [[layers[-1][0], 0, 0]]}
    return {"class_name": "Functional", "config": {"name": "m", "layers": built, **ends}}


def deep(levels: int) -> Config:
    config = sequential(start(4), layer("ReLU", "relu"))
    for level in range(levels):
        config = sequential(start(4), config | {"name": f"level{level}"})
    return config


@pytest.mark.parametrize(
    ("code", "config"),
    [
        ("keras.bad_config", {}),
        ("keras.bad_config", {"class_name": "Functional", "config": None}),
        ("keras.bad_config", {"class_name": ["Functional"], "config": {}}),
        ("keras.bad_config", {"class_name": "Sequential", "config": {"layers": "many"}}),
        ("keras.bad_config", {"class_name": "Sequential", "config": []}),
        ("keras.bad_config", {"class_name": "Sequential", "config": [{"class_name": 3}]}),
        ("keras.bad_config", graph(("a", [["start", 0, 1, {}]]))),
        ("keras.bad_config", graph(("a", [["start", 0, 0, {"scale": 3}]]))),
        ("keras.bad_config", graph(("a", [["start"]]))),
        ("keras.circular", graph(("a", [["b", 0, 0, {}]]), ("b", [["a", 0, 0, {}]]))),
        ("keras.circular", graph(("a", [["a", 0, 0, {}]]))),
        ("network.unknown_input", graph(("a", [["nowhere", 0, 0, {}]]))),
        ("network.unknown_input", graph(("a", []))),
        ("network.duplicate_name", graph(("start", [["start", 0, 0, {}]]))),
        ("keras.unsupported_setting", graph(("a", [["start", 0, 0, {}], ["start", 0, 0, {}]]))),
        ("keras.no_input_shape", sequential(layer("ReLU", "relu"))),
        ("keras.no_input_shape", sequential(layer("InputLayer", "x", batch_input_shape="4"))),
        ("network.bad_attribute", sequential(start(-4), layer("ReLU", "relu"))),
        ("network.too_large", sequential(start(100_000, 100_000, 3), layer("ReLU", "relu"))),
        ("network.too_large", sequential(start(4), *(layer("ReLU", str(n)) for n in range(5000)))),
        ("keras.bad_config", deep(20)),
    ],
)
def test_a_damaged_or_hostile_description_is_refused(code: str, config: Config) -> None:
    with pytest.raises(ModelError) as caught:
        network_from_keras(config, {})
    assert caught.value.code == code


def test_upsizing_by_padding_is_refused_before_it_is_allocated() -> None:
    pads = [layer("ZeroPadding2D", f"pad{n}", padding=[[9999, 0], [0, 9999]]) for n in range(9)]
    with pytest.raises(ModelError) as caught:
        network_from_keras(sequential(start(8, 8, 3), *pads), {})
    assert caught.value.code == "network.too_large"


def read_h5(path: Path) -> tuple[Config, Weights]:
    with h5py.File(path) as file:
        config = json.loads(file.attrs["model_config"])
        weights = {
            name.decode(): group[name][()]
            for group in file["model_weights"].values()
            for name in group.attrs["weight_names"]
        }
    return config, weights


def test_the_articles_mobilenet_names_the_pictures(shared_data: Path) -> None:
    folder = shared_data / "mobilenet_v1_025_224"
    config, weights = read_h5(folder / "keras.h5")
    network = network_from_keras(config, weights)
    assert (network.parameters, network.outputs) == (475_544, ("act_softmax",))
    assert network.output_shape("conv_pw_13_relu") == (7, 7, 256)
    topology = json.loads((folder / "web_model" / "model.json").read_text())
    content = to_litert(network, outputs=["act_softmax"])
    assert content == to_litert(network_from_keras(topology, weights), outputs=["act_softmax"])
    model = LiteRtModel(content)
    labels = (folder / "imagenet_classes.txt").read_text().splitlines()
    right = 0
    for path in sorted((shared_data / "pictures").glob("*.jpg")):
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB").resize((224, 224)), np.float32)
        probabilities = model.run((pixels[np.newaxis] - 127.5) / 127.5)["act_softmax"][0]
        best = labels[int(probabilities.argmax())].replace(" ", "_")
        right += best.startswith(path.stem)
    assert right == 8


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("tm-image-masknomask", (224, 224, 3)),
        ("tm-audio-modeljson-only", None),
        ("conv2d-maxpool-doodle", None),
        ("abalone-dense", None),
        ("keras3-dense-dropout", (1024,)),
        ("mobilenet-layers-quantized", (224, 224, 3)),
    ],
)
def test_models_found_in_the_wild_are_rebuilt(
    shared_data: Path, name: str, shape: tuple[int, ...] | None
) -> None:
    topology = json.loads((shared_data / "tfjs-zoo" / name / "model.json").read_text())
    entries = [entry for group in topology["weightsManifest"] for entry in group["weights"]]
    weights = {entry["name"]: np.abs(values(*entry["shape"])) * 0.1 for entry in entries}
    network = network_from_keras(topology, weights)
    assert network.parameters >= sum(array.size for array in weights.values())
    (result,) = run(network, values(1, *network.output_shape(network.inputs[0])))
    assert np.isfinite(result).all()
    assert shape in (None, network.output_shape(network.inputs[0]))
