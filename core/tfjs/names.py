"""Names of weights: what TensorFlow.js, tf.keras 2 and Keras 3 each call the same variable."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from core.tfjs.model import Config, LayersModel, is_model

__all__ = ["WeightKey", "tfjs_weight_names", "variable_order", "weight_key"]

# The order in which Keras creates the variables of a layer: those that train, then the others.
_ORDER = (
    *("depthwise_kernel", "pointwise_kernel", "kernel", "recurrent_kernel", "embeddings", "alpha"),
    *("gamma", "beta", "bias", "moving_mean", "moving_variance", "mean", "variance", "count"),
)


class WeightKey(NamedTuple):
    """A weight's identity whatever the names of the models, wrappers and cells around it.

    Attributes
    ----------
    layer : str
    direction : {"", "forward", "backward"}
        Of a Bidirectional layer.
    variable : str
        Such as ``"kernel"``.
    """

    layer: str
    direction: str
    variable: str


def weight_key(name: str) -> WeightKey:
    """Return the identity of a weight from its canonical name.

    Parameters
    ----------
    name : str
        ``"dense/kernel"``, ``"lstm/lstm_cell/kernel"``, ``"bidirectional/forward_lstm/bias"`` ...
    """
    layer, *between, variable = name.split("/")
    direction = ""
    for token in between:
        for side in ("forward", "backward"):
            if token.startswith(f"{side}_"):
                direction = direction or side
    return WeightKey(layer, direction, variable)


def variable_order(name: str) -> tuple[int, int]:
    """Return a sort key that puts the weights of one layer into Keras' order."""
    key = weight_key(name)
    position = _ORDER.index(key.variable) if key.variable in _ORDER else len(_ORDER)
    return (int(key.direction == "backward"), position)


def tfjs_weight_names(model: LayersModel) -> LayersModel:
    """Return a model whose weights have exactly the names that TensorFlow.js gives them.

    Old releases match names strictly: no cell (``lstm/kernel``), no wrapped layer
    (``time_distributed/kernel``), and ``bidirectional/forward_<name>/kernel``.
    """
    inner_names: dict[str, str] = {}
    topology = _plain_wrapped_names(model.topology, inner_names)
    weights = {}
    for name, weight in model.weights.items():
        key = weight_key(name)
        if key.direction:
            inner = inner_names.get(key.layer, "layer")
            name = f"{key.layer}/{key.direction}_{inner}/{key.variable}"
        else:
            name = f"{key.layer}/{key.variable}"
        weights[name] = weight
    return replace(model, topology=topology, weights=weights)


def _plain_wrapped_names(topology: Config, names: dict[str, str]) -> Config:
    layers = []
    for layer in topology["config"]["layers"]:
        if is_model(layer):
            layer = _plain_wrapped_names(layer, names)
        elif layer["class_name"] == "Bidirectional":
            inner = layer["config"]["layer"]
            # Keras 3 writes the forward copy's name; TensorFlow.js would prefix it once more.
            name = str(inner["config"].get("name", "layer")).removeprefix("forward_")
            names[layer["config"]["name"]] = name
            inner = {**inner, "config": {**inner["config"], "name": name}}
            layer = {**layer, "config": {**layer["config"], "layer": inner}}
        layers.append(layer)
    return {**topology, "config": {**topology["config"], "layers": layers}}
