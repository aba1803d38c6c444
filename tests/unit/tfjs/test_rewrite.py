"""Layers are replaced in every kind of model, and what read them reads the new ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.tfjs.inline import inline_nested
from core.tfjs.model import LayersModel
from core.tfjs.rewrite import Call, Step, rewrite_layers
from core.tfjs.shapes import infer_shapes


def node(class_name: str, name: str, *calls: list[list[Any]], **config: Any) -> dict[str, Any]:
    config = {"name": name, **config}
    return {
        "class_name": class_name,
        "name": name,
        "config": config,
        "inbound_nodes": [[[*reference, {}] for reference in call] for call in calls],
    }


def functional(layers: list[dict[str, Any]], inputs: list[Any], outputs: list[Any]) -> Any:
    config = {"name": "m", "layers": layers, "input_layers": inputs, "output_layers": outputs}
    return {"class_name": "Functional", "config": config}


def source(name: str, *shape: int) -> dict[str, Any]:
    return node("InputLayer", name, batch_input_shape=[None, *shape], dtype="float32")


def split_dense(call: Call) -> list[Step] | None:
    if call.class_name != "Dense":
        return None
    return [
        Step("Dense", {"units": call.config["units"]}, weights=call.weights),
        Step("ReLU", {}, (-1,), "_relu"),
    ]


def joints(model: LayersModel) -> dict[str, list[list[tuple[str, int]]]]:
    return {
        entry["name"]: [[(r[0], r[1]) for r in call] for call in entry["inbound_nodes"]]
        for entry in model.topology["config"]["layers"]
    }


def test_a_shared_layer_and_its_steps_are_called_as_often() -> None:
    topology = functional(
        [
            source("a", 3),
            source("b", 3),
            node("Dense", "d", [["a", 0, 0]], [["b", 0, 0]], units=3),
            node("Add", "sum", [["d", 0, 0], ["d", 1, 0]]),
        ],
        [["a", 0, 0], ["b", 0, 0]],
        [["sum", 0, 0]],
    )
    model = LayersModel(topology, {"d/kernel": np.ones((3, 3), np.float32)})
    rewritten, refusals = rewrite_layers(model, split_dense)
    assert refusals == ()
    assert joints(rewritten)["d"] == [[("a", 0)], [("b", 0)]]
    assert joints(rewritten)["d_relu"] == [[("d", 0)], [("d", 1)]]
    assert joints(rewritten)["sum"] == [[("d_relu", 0), ("d_relu", 1)]]
    assert list(rewritten.weights) == ["d/kernel"]
    assert joints(model)["sum"] == [[("d", 0), ("d", 1)]]


def test_an_output_moves_to_the_last_step() -> None:
    topology = functional(
        [source("a", 3), node("Dense", "d", [["a", 0, 0]], units=3)], [["a", 0, 0]], [["d", 0, 0]]
    )
    rewritten, _ = rewrite_layers(LayersModel(topology, {}), split_dense)
    assert rewritten.topology["config"]["output_layers"] == [["d_relu", 0, 0]]


def test_a_sequential_becomes_functional_only_where_steps_branch() -> None:
    layers = [
        {"class_name": "InputLayer", "config": {"name": "a", "batch_input_shape": [None, 3]}},
        {"class_name": "Activation", "config": {"name": "act"}},
    ]
    model = LayersModel({"class_name": "Sequential", "config": {"name": "s", "layers": layers}}, {})

    def gate(call: Call) -> list[Step] | None:
        if call.class_name != "Activation":
            return None
        return [Step("ReLU", {}, (0,), "_relu"), Step("Multiply", {}, (0, -1))]

    rewritten, _ = rewrite_layers(model, gate)
    assert rewritten.topology["class_name"] == "Functional"
    assert joints(rewritten)["act"] == [[("a", 0), ("act_relu", 0)]]
    chained, _ = rewrite_layers(model, lambda call: None)
    assert chained.topology["class_name"] == "Sequential"


def test_new_names_do_not_collide() -> None:
    topology = functional(
        [
            source("a", 3),
            node("Dense", "d", [["a", 0, 0]], units=3),
            node("ReLU", "d_relu", [["d", 0, 0]]),
        ],
        [["a", 0, 0]],
        [["d_relu", 0, 0]],
    )
    rewritten, _ = rewrite_layers(LayersModel(topology, {}), split_dense)
    assert joints(rewritten)["d_relu"] == [[("d_relu_", 0)]]


def nested_twice() -> LayersModel:
    inner = functional(
        [
            source("in", 3),
            node("Dense", "d", [["in", 0, 0]], units=3),
            node("ReLU", "r", [["d", 0, 0]]),
        ],
        [["in", 0, 0]],
        [["r", 0, 0]],
    )
    inner["config"]["name"] = "inner"
    topology = functional(
        [
            source("in2", 3),
            {
                **inner,
                "name": "inner",
                "inbound_nodes": [[["in2", 0, 0, {}]], [["inner", 0, 0, {}]]],
            },
            node("Dense", "out", [["inner", 1, 0]], units=2),
        ],
        [["in2", 0, 0]],
        [["out", 0, 0]],
    )
    return LayersModel(topology, {})


def test_a_nested_model_that_is_called_twice_is_put_into_its_outer_one() -> None:
    inlined = inline_nested(nested_twice())
    assert joints(inlined) == {
        "in2": [],
        "d": [[("in2", 0)], [("r", 0)]],
        "r": [[("d", 0)], [("d", 1)]],
        "out": [[("r", 1)]],
    }
    assert [note.code for note in inlined.notices] == ["compat.note_inlined"]


def test_shapes_are_inferred_through_nested_models() -> None:
    calls = infer_shapes(nested_twice().topology)
    assert [call.outputs for call in calls["inner"]] == [((None, 3),), ((None, 3),)]
    assert calls["out"][0].outputs == ((None, 2),)
