"""The .h5 layout that tf.keras 2 and Keras 3 both load, written without either."""

from __future__ import annotations

import io
import json
from typing import Any

import h5py
import numpy as np

from core.tfjs.model import LayersModel
from core.tfjs.proof import prove_topology, prove_weights
from core.tfjs.read import read_model
from core.tfjs.write_h5 import h5_bytes, keras_layer_order


def entry(class_name: str, name: str, *sources: str, **config: Any) -> dict[str, Any]:
    return {
        "class_name": class_name,
        "name": name,
        "config": {"name": name, **config},
        "inbound_nodes": [[[source, 0, 0, {}] for source in sources]] if sources else [],
    }


def model_with_norm() -> LayersModel:
    layers = [
        {
            "class_name": "InputLayer",
            "config": {"name": "i", "batch_input_shape": [None, 2], "dtype": "float32"},
        },
        {"class_name": "BatchNormalization", "config": {"name": "n", "axis": -1}},
        {"class_name": "Dense", "config": {"name": "d", "units": 3, "activation": "linear"}},
    ]
    # As TensorFlow.js saves them: what trains first.
    weights = {
        "n/gamma": np.float32([1, 2]),
        "n/beta": np.float32([3, 4]),
        "d/kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
        "d/bias": np.zeros(3, np.float32),
        "n/moving_mean": np.float32([5, 6]),
        "n/moving_variance": np.float32([7, 8]),
    }
    topology = {"class_name": "Sequential", "config": {"name": "m", "layers": layers}}
    return LayersModel(topology, weights)


def test_what_is_written_reads_back_bit_for_bit() -> None:
    model = model_with_norm()
    read = read_model(h5_bytes(model), name="model.h5")
    prove_weights(model, read)
    prove_topology(model, read)


def test_weights_stand_in_the_order_in_which_keras_fills_a_layer() -> None:
    with h5py.File(io.BytesIO(h5_bytes(model_with_norm())), "r") as file:
        group = file["model_weights"]
        assert list(group.attrs["layer_names"]) == [b"i", b"n", b"d"]
        assert list(group["n"].attrs["weight_names"]) == [
            b"n/gamma:0",
            b"n/beta:0",
            b"n/moving_mean:0",
            b"n/moving_variance:0",
        ]
        assert group["d/d/kernel:0"].shape == (2, 3)
        config = json.loads(file.attrs["model_config"])
        assert config["class_name"] == "Sequential"


def test_long_lists_of_names_are_split_as_keras_reads_them() -> None:
    layers = [
        {
            "class_name": "Activation",
            "config": {"name": f"{'x' * 200}{i:04}", "activation": "linear"},
        }
        for i in range(400)
    ]
    topology = {"class_name": "Sequential", "config": {"name": "m", "layers": layers}}
    with h5py.File(io.BytesIO(h5_bytes(LayersModel(topology, {}))), "r") as file:
        attributes = file["model_weights"].attrs
        assert "layer_names" not in attributes
        names = [*attributes["layer_names0"], *attributes["layer_names1"]]
        assert [name.decode() for name in names] == [la["config"]["name"] for la in layers]


def test_layers_are_ordered_by_their_depth_as_keras_does() -> None:
    layers = [
        entry("InputLayer", "a"),
        entry("Dense", "short", "a"),
        entry("Dense", "long1", "a"),
        entry("Dense", "long2", "long1"),
        entry("Add", "sum", "short", "long2"),
        entry("InputLayer", "unused"),
    ]
    config = {
        "name": "m",
        "layers": layers,
        "input_layers": [["a", 0, 0], ["unused", 0, 0]],
        "output_layers": [["sum", 0, 0]],
    }
    ordered = keras_layer_order({"class_name": "Functional", "config": config})
    names = [layer["name"] for layer in ordered]
    # `short` and `long2` are both one step from the end; the walk meets `short` first.
    assert names == ["a", "long1", "short", "long2", "unused", "sum"]


def test_a_very_deep_model_is_ordered() -> None:
    layers = [entry("InputLayer", "l0")]
    layers += [entry("ReLU", f"l{i}", f"l{i - 1}") for i in range(1, 3_000)]
    config = {
        "name": "m",
        "layers": layers,
        "input_layers": [["l0", 0, 0]],
        "output_layers": [["l2999", 0, 0]],
    }
    ordered = keras_layer_order({"class_name": "Functional", "config": config})
    assert [layer["name"] for layer in ordered] == [f"l{i}" for i in range(3_000)]
