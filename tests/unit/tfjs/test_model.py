from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from core.tfjs.model import LayersModel, iterate_layers


def layer(name, class_name="Dense"):
    return {"class_name": class_name, "config": {"name": name}}


TOPOLOGY = {
    "class_name": "Sequential",
    "config": {
        "name": "outer",
        "layers": [
            layer("in", "InputLayer"),
            {
                "class_name": "Functional",
                "config": {"name": "inner", "layers": [layer("a"), layer("b")]},
            },
            layer("c"),
        ],
    },
}


def test_layers_of_nested_models_come_in_the_place_of_their_model():
    names = [entry["config"]["name"] for entry in iterate_layers(TOPOLOGY)]
    assert names == ["in", "a", "b", "c"]


def test_a_model_counts_its_parameters_and_bytes():
    weights = {"a/kernel": np.zeros((3, 4), np.float32), "a/flag": np.zeros(5, np.bool_)}
    model = LayersModel(TOPOLOGY, weights)
    assert model.name == "outer"
    assert model.parameters == 17
    assert model.size_bytes == 53
    assert len(model.layers) == 4


def test_a_model_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        LayersModel(TOPOLOGY, {}).topology = {}
