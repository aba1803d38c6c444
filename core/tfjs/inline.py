"""Put nested models into the model around them.

In .h5 files tf.keras 2 counts the calls of a nested model from 1 and Keras 3 from 0, so a nested
model inside a Functional cannot be written for both. Its layers can.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.errors import Note
from core.tfjs.model import Config, LayersModel, is_model
from core.tfjs.rewrite import to_functional

__all__ = ["inline_nested"]

Reference = list[Any]


def inline_nested(model: LayersModel) -> LayersModel:
    """Return a model whose Functional models contain no models.

    Parameters
    ----------
    model : LayersModel

    Returns
    -------
    LayersModel
        With the same weights, whose names do not name nested models, and a notice for each model
        that was put into another. Models in a Sequential stay.
    """
    notices: list[Note] = []
    topology = _inline(model.topology, notices)
    return replace(model, topology=topology, notices=(*model.notices, *notices))


def _inline(topology: Config, notices: list[Note]) -> Config:
    layers = [
        {**layer, **_inline(layer, notices)} if is_model(layer) else layer
        for layer in topology["config"]["layers"]
    ]
    topology = {**topology, "config": {**topology["config"], "layers": layers}}
    if topology["class_name"] == "Sequential" or not any(map(is_model, layers)):
        return topology
    taken = {layer["config"]["name"] for layer in layers}
    flat: list[Config] = []
    moved: dict[tuple[str, int, int], Reference] = {}
    for layer in layers:
        if not is_model(layer):
            flat.append(layer)
            continue
        name = layer["config"]["name"]
        notices.append(Note("compat.note_inlined", {"layer": name}))
        inner = to_functional(layer) if layer["class_name"] == "Sequential" else layer
        flat.extend(_copies(inner, layer["inbound_nodes"], name, taken, moved))

    def resolve(reference: Reference) -> Reference:
        key = (reference[0], reference[1], reference[2])
        while key in moved:
            key = (moved[key][0], moved[key][1], moved[key][2])
        return [*key, {}]

    for layer in flat:
        layer["inbound_nodes"] = [
            [resolve(reference) for reference in node] for node in layer["inbound_nodes"]
        ]
    ends = {
        key: [resolve(reference)[:3] for reference in topology["config"][key]]
        for key in ("input_layers", "output_layers")
    }
    return {**topology, "config": {**topology["config"], "layers": flat, **ends}}


def _copies(
    inner: Config,
    calls: list[list[Reference]],
    name: str,
    taken: set[str],
    moved: dict[tuple[str, int, int], Reference],
) -> list[Config]:
    """Return a nested model's layers, each called as often as the model was."""
    config = inner["config"]
    inputs = {reference[0]: k for k, reference in enumerate(config["input_layers"])}
    names: dict[str, str] = {}
    counts: dict[str, int] = {}
    for layer in config["layers"]:
        own = str(layer["config"]["name"])
        counts[own] = len(layer.get("inbound_nodes") or [])
        names[own] = own
        if own in inputs:
            continue
        while names[own] in taken:  # layers with weights have names of their own already
            names[own] = f"{name}_{names[own]}"
        taken.add(names[own])

    def outside(reference: Reference, call: int) -> Reference:
        if reference[0] in inputs:
            return list(calls[call][inputs[reference[0]]])
        node = int(reference[1]) + call * counts[reference[0]]
        return [names[reference[0]], node, reference[2], {}]

    copies = []
    for layer in config["layers"]:
        own = layer["config"]["name"]
        if own in inputs:
            continue
        nodes = [
            [outside(reference, call) for reference in node]
            for call in range(len(calls))
            for node in layer["inbound_nodes"]
        ]
        entry = {**layer, "config": {**layer["config"], "name": names[own]}}
        copies.append({**entry, "name": names[own], "inbound_nodes": nodes})
    for call in range(len(calls)):
        for tensor, reference in enumerate(config["output_layers"]):
            moved[name, call, tensor] = outside(reference, call)
    return copies
