"""From the configuration of any era to the canonical one: one small function a known difference.

The eras are Keras 1, Keras 2, tf.keras 1 and 2, Keras 3, and TensorFlow.js from 0.x to 4.x. What
a function does not know it leaves alone; what could run code or ask for absurd sizes is refused
by :mod:`core.tfjs.checks`, which looks at the result.
"""

from __future__ import annotations

import re
from typing import Any

from core.errors import ModelError, Note
from core.tfjs.model import MODEL_CLASSES, Config
from core.tfjs.repair_graph import repair_graph
from core.tfjs.repair_keras1 import (
    keras1_arguments,
    keras1_class_name,
    keras1_merge,
    keras1_time_distributed_dense,
)
from core.tfjs.repair_settings import (
    axis_number,
    clean_initializer,
    depthwise_leftovers,
    leaky_relu_alpha,
    plain_activation,
    plain_dtype,
    plain_regularizer,
    recurrent_leftovers,
    without_serialization_keys,
)

__all__ = [
    "current_class_name",
    "explicit_input_layer",
    "model_config_of",
    "names_of_bidirectional",
    "plain_input_shape",
    "repair_layer",
    "repair_topology",
    "sequential_as_dict",
]

_OWN_MODULES = ("keras", "tf_keras", "tensorflow", "builtins")


def repair_topology(parsed: object) -> tuple[Config, tuple[Note, ...]]:
    """Return the canonical form of a model's configuration.

    Parameters
    ----------
    parsed : object
        Parsed JSON: ``modelTopology`` of model.json, ``model_config`` of an .h5 file or
        config.json of a .keras archive. It is not changed.

    Returns
    -------
    topology : dict
        See :class:`core.tfjs.model.LayersModel`.
    notices : tuple of Note
        What the repair changed that may matter to a person.

    Raises
    ------
    ModelError
        If the configuration is no layers model, or uses what cannot be made canonical.
    """
    notices: dict[str, Note] = {}
    topology = _repair_model(model_config_of(parsed), None, notices)
    return topology, tuple(notices.values())


def model_config_of(parsed: object) -> Config:
    """Unwrap ``modelTopology`` and ``model_config``; both may or may not be there."""
    for key in ("modelTopology", "model_config"):
        if isinstance(parsed, dict) and key in parsed:
            parsed = parsed[key]
    if not isinstance(parsed, dict) or "class_name" not in parsed or "config" not in parsed:
        raise ModelError("model_file.topology_missing", value=repr(parsed)[:80])
    return parsed


def _repair_model(model: Config, outer_name: object, notices: dict[str, Note]) -> Config:
    class_name = current_class_name(model["class_name"])
    if class_name not in MODEL_CLASSES:
        raise ModelError("model_file.model_class", class_name=repr(model["class_name"])[:80])
    _refuse_custom(model, class_name)
    config = model["config"]
    name = outer_name or (config.get("name") if isinstance(config, dict) else None)
    if class_name == "Sequential":
        config = sequential_as_dict(config)
    if not isinstance(config, dict) or not isinstance(config.get("layers"), list):
        raise ModelError("model_file.topology_missing", value=repr(config)[:80])
    layers = [_repair_entry(entry, notices) for entry in config["layers"]]
    repaired: Config = {"name": name if isinstance(name, str) else class_name.lower()}
    if class_name == "Sequential":
        repaired["layers"] = explicit_input_layer(layers)
        return {"class_name": class_name, "config": repaired}
    repaired["layers"] = [without_inner_input_shape(layer) for layer in layers]
    repaired["input_layers"] = config.get("input_layers")
    repaired["output_layers"] = config.get("output_layers")
    return repair_graph({"class_name": class_name, "config": repaired})


def _repair_entry(entry: object, notices: dict[str, Note]) -> Config:
    if not isinstance(entry, dict) or not isinstance(entry.get("class_name"), str):
        raise ModelError("model_file.layer_entry", value=repr(entry)[:80])
    if current_class_name(entry["class_name"]) in MODEL_CLASSES:
        if "config" not in entry:
            raise ModelError("model_file.layer_entry", value=repr(entry)[:80])
        layer = _repair_model(entry, entry.get("name"), notices)
    else:
        layer = repair_layer(entry, notices)
    name = entry.get("name", layer["config"].get("name"))
    if not isinstance(name, str) or not 0 < len(name) <= 255:
        raise ModelError("model_file.layer_name", value=repr(name)[:80])
    layer["config"]["name"] = name
    if "inbound_nodes" in entry:
        layer = {**layer, "name": name, "inbound_nodes": entry["inbound_nodes"]}
    return layer


def repair_layer(entry: Config, notices: dict[str, Note] | None = None) -> Config:
    """Return the canonical ``{"class_name", "config"}`` of one layer that is no model.

    Parameters
    ----------
    entry : dict
        A layer's JSON, of any era.
    notices : dict of str to Note, optional
        Notices are added here by their code.
    """
    notices = {} if notices is None else notices
    if not isinstance(entry.get("config"), dict) or not isinstance(entry.get("class_name"), str):
        raise ModelError("model_file.layer_entry", value=repr(entry)[:80])
    class_name, config = entry["class_name"], dict(entry["config"])
    class_name, config = keras1_merge(class_name, config)
    class_name, config = keras1_time_distributed_dense(class_name, config)
    class_name = current_class_name(class_name)
    _refuse_custom(entry, class_name)
    config = keras1_arguments(class_name, config)
    config = without_serialization_keys(config)
    config = plain_dtype(config, notices)
    config = plain_input_shape(config)
    for key, value in config.items():
        if key.endswith("initializer"):
            config[key] = clean_initializer(value, notices)
        elif key.endswith(("regularizer", "constraint")):
            config[key] = plain_regularizer(value)
        elif key.endswith("activation"):
            config[key] = plain_activation(value, str(config.get("name")))
    config = axis_number(class_name, config)
    config = depthwise_leftovers(class_name, config)
    config = leaky_relu_alpha(class_name, config)
    config = recurrent_leftovers(class_name, config)
    config = _repair_wrapped(class_name, config, notices)
    return {"class_name": class_name, "config": names_of_bidirectional(class_name, config)}


def _repair_wrapped(class_name: str, config: Config, notices: dict[str, Note]) -> Config:
    """Repair the layers and cells inside wrappers."""
    if class_name == "RNN" and isinstance(config.get("cell"), list):
        # tf.keras accepts a list where it means StackedRNNCells.
        stacked = {"name": "stacked_rnn_cells", "cells": config["cell"]}
        config = {**config, "cell": {"class_name": "StackedRNNCells", "config": stacked}}
    for key in ("layer", "backward_layer", "cell"):
        inner = config.get(key)
        if isinstance(inner, dict):
            config = {**config, key: _repair_entry(inner, notices)}
    if isinstance(config.get("cells"), list):
        cells = [_repair_entry(cell, notices) for cell in config["cells"]]
        config = {**config, "cells": cells}
    return config


def _refuse_custom(entry: Config, class_name: str) -> None:
    """Refuse what only the author's own code can build."""
    registered = entry.get("registered_name")
    module = entry.get("module")
    own = module is None or (isinstance(module, str) and module.split(".")[0] in _OWN_MODULES)
    if not own or (registered is not None and registered not in (class_name, "Model")):
        # tf.keras registers its own layers under its own package.
        if isinstance(registered, str) and registered.startswith(("keras>", "Keras>")) and own:
            return
        raise ModelError(
            "model_file.layer_custom", class_name=repr(registered or entry["class_name"])[:80]
        )


def sequential_as_dict(config: object) -> object:
    """Return a Sequential's configuration as a dict: TensorFlow.js 1 and Keras 2.2 wrote a list."""
    return {"layers": config} if isinstance(config, list) else config


def current_class_name(class_name: object) -> str:
    """Return today's name of a class: without V1 and V2, Unified, or Keras 1's long names."""
    if not isinstance(class_name, str):
        raise ModelError("model_file.layer_entry", value=repr(class_name)[:80])
    # Of registered names only Keras' own are known: "mine>Dense" may be anything.
    name = re.sub(r"^[Kk]eras>", "", class_name)
    name = re.sub(r"V[12]$", "", name)
    name = re.sub(r"^Unified(?=LSTM$|GRU$)", "", name)
    if name == "Model":
        return "Functional"
    return keras1_class_name(name)


def plain_input_shape(config: Config) -> Config:
    """Return the input's shape as ``batch_input_shape``; Keras 3 calls it ``batch_shape``."""
    config = dict(config)
    if "batch_shape" in config:
        config["batch_input_shape"] = config.pop("batch_shape")
    input_dtype = config.pop("input_dtype", None)
    if isinstance(input_dtype, str):
        config.setdefault("dtype", input_dtype)
    return config


def without_inner_input_shape(layer: Config) -> Config:
    """Drop ``batch_input_shape`` from a layer that has an InputLayer before it."""
    if layer["class_name"] == "InputLayer" or layer["class_name"] in MODEL_CLASSES:
        return layer
    config = {key: v for key, v in layer["config"].items() if key != "batch_input_shape"}
    return {**layer, "config": config}


def explicit_input_layer(layers: list[Config]) -> list[Config]:
    """Put an InputLayer before a Sequential's first layer, which carries the shape in Keras 2.

    A nested model at the first place brings its own input; its shape is taken from there.
    """
    if not layers or layers[0]["class_name"] == "InputLayer":
        return [layers[0], *map(without_inner_input_shape, layers[1:])] if layers else []
    first = layers[0]
    source = first
    while source["class_name"] in MODEL_CLASSES and source["config"]["layers"]:
        inner = source["config"]["layers"]
        inputs = source["config"].get("input_layers")
        wanted = inputs[0][0] if inputs else inner[0]["config"]["name"]
        source = next((e for e in inner if e["config"]["name"] == wanted), inner[0])
    shape = source["config"].get("batch_input_shape")
    if shape is None:
        return layers
    config = {
        "name": f"{first['config']['name']}_input",
        "batch_input_shape": shape,
        # An Embedding's own dtype is that of its output: Keras feeds it floats that it casts.
        "dtype": source["config"].get("dtype", "float32"),
        "sparse": False,
    }
    rest = [without_inner_input_shape(layer) for layer in layers]
    return [{"class_name": "InputLayer", "config": config}, *rest]


def names_of_bidirectional(class_name: str, config: Config) -> Config:
    """Return the wrapped layer under its own name, and drop the copy that runs backwards.

    Keras 3 writes both directions and names them ``forward_x`` and ``backward_x``; TensorFlow.js
    makes the second from the first and adds the prefixes itself.

    Raises
    ------
    ModelError
        If the two directions differ in more than their direction.
    """
    layer = config.get("layer")
    if class_name != "Bidirectional" or not isinstance(layer, dict):
        return config
    own_name = str(layer["config"]["name"]).removeprefix("forward_")
    forward = {**layer, "config": {**layer["config"], "name": own_name}}
    backward = config.get("backward_layer")
    if isinstance(backward, dict) and _without_direction(backward) != _without_direction(layer):
        raise ModelError("model_file.bidirectional", layer=str(config.get("name"))[:80])
    rest = {key: value for key, value in config.items() if key != "backward_layer"}
    return {**rest, "layer": forward}


def _without_direction(layer: Config) -> tuple[Any, Config]:
    config = layer["config"]
    return layer["class_name"], {
        key: value
        for key, value in config.items()
        if key not in ("name", "go_backwards", "batch_input_shape") and "initializer" not in key
    }
