"""Write Keras .h5 files in the layout that tf.keras 2 and Keras 3 both load, with h5py alone.

Both libraries fill a model's layers in order and not by name, so the order of layers and of the
weights in each layer has to be the one that they would build themselves.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np

from core.tfjs.keras_config import keras_topology
from core.tfjs.model import Config, LayersModel, Weights, is_model
from core.tfjs.variables import Variable, layer_variables

__all__ = ["h5_bytes", "keras_layer_order"]

KERAS_VERSION = "2.15.0"
# HDF5 keeps an attribute in the object's header, which holds 64 kB.
_HEADER_LIMIT = 64_512


def h5_bytes(model: LayersModel) -> bytes:
    """Return a model as the bytes of an .h5 file.

    Parameters
    ----------
    model : LayersModel
        Adapted to Keras by :func:`core.tfjs.compat.adapt` with the target ``"keras"``.

    Returns
    -------
    bytes
        Architecture and weights; the optimiser's state is not in it.
    """
    buffer = io.BytesIO()
    description = json.dumps(keras_topology(model.topology, keras3_calls=False))
    with h5py.File(buffer, "w") as file:
        file.attrs["keras_version"] = KERAS_VERSION.encode()
        file.attrs["backend"] = b"tensorflow"
        file.attrs["converted_by"] = "Teachdeck"
        file.attrs["model_config"] = description.encode()
        if model.training_config is not None and "optimizer_config" in model.training_config:
            file.attrs["training_config"] = json.dumps(model.training_config).encode()
        group = file.create_group("model_weights")
        group.attrs["keras_version"] = KERAS_VERSION.encode()
        group.attrs["backend"] = b"tensorflow"
        layers = keras_layer_order(model.topology)
        _write_names(group, "layer_names", [layer["config"]["name"] for layer in layers])
        for layer in layers:
            layer_group = group.create_group(layer["config"]["name"])
            names = _weights_of(layer, model.weights)
            _write_names(layer_group, "weight_names", [f"{name}:0" for name in names])
            for name in names:
                layer_group.create_dataset(f"{name}:0", data=np.asarray(model.weights[name]))
    return buffer.getvalue()


def _weights_of(layer: Config, weights: Weights) -> list[str]:
    """Return a layer's weights in Keras' order: those that train, then the others."""
    names = [
        (variable.name, _trains(variable, flat))
        for flat in _flat_layers(layer)
        for variable in layer_variables(flat)
        if variable.name in weights
    ]
    return [name for name, trains in names if trains] + [
        name for name, trains in names if not trains
    ]


def _trains(variable: Variable, layer: Config) -> bool:
    return bool(layer["config"].get("trainable", True)) and (
        variable.short_name not in ("moving_mean", "moving_variance", "mean", "variance", "count")
    )


def _flat_layers(layer: Config) -> list[Config]:
    if not is_model(layer):
        return [layer]
    return [flat for inner in keras_layer_order(layer) for flat in _flat_layers(inner)]


def _write_names(group: Any, key: str, names: Sequence[str]) -> None:
    encoded = [name.encode() for name in names]
    if not encoded:
        group.attrs[key] = np.zeros(0, "S1")
        return
    parts = 1
    while any(len(part) * part.itemsize > _HEADER_LIMIT for part in _parts(encoded, parts)):
        parts += 1
    for number, part in enumerate(_parts(encoded, parts)):
        group.attrs[key if parts == 1 else f"{key}{number}"] = part


def _parts(names: list[bytes], count: int) -> list[Any]:
    return list(np.array_split(np.array(names), count))


def keras_layer_order(topology: Config) -> list[Config]:
    """Return a model's layers in the order in which Keras lists them once it is built.

    Parameters
    ----------
    topology : dict
        A canonical model.

    Returns
    -------
    list of dict
        A Sequential's as they are; a Functional's from the inputs on, by the longest path to an
        output, ties in the order in which a walk from the outputs meets them (``map_graph_network``
        of Keras).
    """
    layers: list[Config] = topology["config"]["layers"]
    if topology["class_name"] == "Sequential":
        return list(layers)
    by_name = {layer["config"]["name"]: layer for layer in layers}
    met, sorted_calls = _walk(topology, by_name)
    depth_of_call: dict[tuple[str, int], int] = {}
    depth_of_layer: dict[str, int] = {}
    for call in reversed(sorted_calls):
        depth = max(depth_of_call.get(call, 0), depth_of_layer.get(call[0], 0))
        depth_of_call[call] = depth_of_layer[call[0]] = depth
        for source in _call_sources(by_name, call):
            depth_of_call[source] = max(depth_of_call.get(source, 0), depth + 1)
    for reference in topology["config"]["input_layers"]:
        if reference[0] not in depth_of_layer:  # an input that nothing reads
            depth_of_layer[reference[0]] = 0
            met.setdefault(reference[0], -1)
    names = sorted(depth_of_layer, key=lambda name: (-depth_of_layer[name], met[name]))
    return [by_name[name] for name in names]


def _walk(
    topology: Config, by_name: dict[str, Config]
) -> tuple[dict[str, int], list[tuple[str, int]]]:
    """Walk from the outputs; return when each layer was met, and the calls, sources first."""
    met: dict[str, int] = {}
    done: set[tuple[str, int]] = set()
    sorted_calls: list[tuple[str, int]] = []
    for reference in topology["config"]["output_layers"]:
        # A stack of its own: models are deeper than Python's recursion goes.
        stack = [((str(reference[0]), int(reference[1])), False)]
        while stack:
            call, finished = stack.pop()
            if call in done:
                continue
            if finished:
                done.add(call)
                sorted_calls.append(call)
                continue
            met.setdefault(call[0], len(met))
            stack.append((call, True))
            stack.extend((source, False) for source in reversed(_call_sources(by_name, call)))
    return met, sorted_calls


def _call_sources(by_name: dict[str, Config], call: tuple[str, int]) -> list[tuple[str, int]]:
    nodes = by_name[call[0]].get("inbound_nodes") or []
    if call[1] >= len(nodes):
        return []
    return [(str(reference[0]), int(reference[1])) for reference in nodes[call[1]]]
