"""A canonical description in the words that Keras itself reads."""

from __future__ import annotations

from typing import Any

from core.tfjs.model import Config, is_model
from core.tfjs.shapes import CallShapes, infer_shapes

__all__ = ["keras_topology"]

_INITIALIZERS = {"LeCunNormal": "LecunNormal", "LeCunUniform": "LecunUniform"}
_RECURRENT = frozenset(("LSTM", "GRU", "SimpleRNN", "ConvLSTM2D", "Bidirectional", "RNN"))


def keras_topology(topology: Config, *, keras3_calls: bool) -> Config:
    """Return a model's description for Keras.

    Parameters
    ----------
    topology : dict
        Canonical, adapted to Keras.
    keras3_calls : bool
        Whether a recurrent layer that is given its first state may say so as Keras 3 does;
        tf.keras 2 does not read that.

    Returns
    -------
    dict
        Layers name their module, without which Keras 3 does not find those inside wrappers and
        reads lists of axes wrongly; tf.keras 2 writes the same or ignores it.
    """
    shapes = infer_shapes(topology) if keras3_calls else {}
    return _model(topology, shapes, keras3_calls)


def _model(topology: Config, shapes: dict[str, list[CallShapes]], keras3_calls: bool) -> Config:
    layers = []
    for layer in topology["config"]["layers"]:
        if is_model(layer):
            layers.append({**layer, **_model(layer, shapes, keras3_calls)})
            continue
        entry = {**layer, **_layer(layer)}
        nodes = layer.get("inbound_nodes") or []
        if keras3_calls and layer["class_name"] in _RECURRENT and any(len(n) > 1 for n in nodes):
            entry["inbound_nodes"] = [_call(node, shapes) for node in nodes]
        layers.append(entry)
    # A model's own flag would override those of its layers when it is loaded.
    config = {key: value for key, value in topology["config"].items() if key != "trainable"}
    for key in ("input_layers", "output_layers"):
        # A list of one would make Keras 3 hand on lists; tf.keras 2 reads both.
        if len(config.get(key, ())) == 1:
            config[key] = config[key][0]
    return {**topology, "config": {**config, "layers": layers}}


def _layer(layer: Config) -> Config:
    config = {key: _value(value) for key, value in layer["config"].items()}
    inner = config.get("layer")
    if isinstance(inner, dict) and not is_model(inner):
        config["layer"] = _layer(inner)
    return {
        "module": "keras.layers",
        "class_name": layer["class_name"],
        "config": config,
        "registered_name": None,
    }


def _value(value: Any) -> Any:
    if isinstance(value, dict) and value.get("class_name") in _INITIALIZERS:
        return {**value, "class_name": _INITIALIZERS[value["class_name"]]}
    return value


def _call(node: list[list[Any]], shapes: dict[str, list[CallShapes]]) -> Config:
    """Write a call with states as Keras 3 does: the states have a name of their own."""
    tensors = []
    for name, number, tensor, *_ in node:
        shape = shapes[name][number].outputs[tensor]
        history = {"shape": shape, "dtype": "float32", "keras_history": [name, number, tensor]}
        tensors.append({"class_name": "__keras_tensor__", "config": history})
    return {"args": tensors[:1], "kwargs": {"initial_state": tensors[1:]}}
