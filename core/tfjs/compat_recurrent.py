"""Recurrent layers, and the layers that wrap others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from core.tfjs.compat_steps import (
    LayerRule,
    Result,
    changed,
    is_channels_first,
    keep,
    refuse,
    shape_of,
    without,
)
from core.tfjs.model import Weight
from core.tfjs.rewrite import Call, Refusal

__all__ = ["RECURRENT_RULES", "scale_gates", "wrapper_rules"]


def _gated(call: Call, dialect: str) -> Result:
    """LSTM, GRU, SimpleRNN and ConvLSTM2D."""
    config = call.config
    if call.class_name == "GRU":
        if config.get("reset_after", dialect == "keras3"):
            return refuse("gru_reset_after", call)
        call = changed(call, reset_after=False)
    if call.class_name == "ConvLSTM2D" and is_channels_first(call):
        return refuse("channels_first", call)
    if config.get("activation") == "hard_sigmoid" and dialect == "keras3":
        return refuse("activation", call, activation="hard_sigmoid (of Keras 3)")
    gate = config.get("recurrent_activation")
    if gate == "hard_sigmoid" and dialect == "keras3":
        return keep(scale_gates(call, 5 / 6))
    return keep(call)


def scale_gates(call: Call, factor: float) -> Call:
    """Scale what goes into the gates that ``recurrent_activation`` applies to.

    ``clip(0.2 z + 0.5)`` of ``5/6 z`` is ``clip(z / 6 + 0.5)``, the ``hard_sigmoid`` of Keras 3.
    """
    # The columns are i, f, candidate, o in LSTM and update, reset, candidate in GRU.
    gates, candidate = (3, 2) if call.class_name == "GRU" else (4, 2)
    weights: dict[str, Weight] = {}
    for name, weight in call.weights.items():
        columns = np.array(weight, np.float64)
        size = columns.shape[-1] // gates
        for gate in range(gates):
            if gate != candidate:
                columns[..., gate * size : (gate + 1) * size] *= factor
        weights[name] = columns.astype(np.float32)
    return replace(call, weights=weights)


def _unnamed_cells(call: Call, _: str) -> Result:
    return refuse("rnn_cells", call)


RECURRENT_RULES: dict[str, LayerRule] = {
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN", "ConvLSTM2D"), _gated),
    **dict.fromkeys(("RNN", "StackedRNNCells"), _unnamed_cells),
}


def wrapper_rules(rules: Mapping[str, LayerRule]) -> dict[str, LayerRule]:
    """Return the rules of Bidirectional and TimeDistributed, given those of what they wrap."""

    def bidirectional(call: Call, dialect: str) -> Result:
        if call.config["layer"]["config"].get("go_backwards"):
            return refuse("bidirectional_layers", call)
        return _wrapped(without(call, "weights"), dialect, rules)

    return {
        "Bidirectional": bidirectional,
        "TimeDistributed": lambda call, dialect: _wrapped(call, dialect, rules),
    }


def _wrapped(call: Call, dialect: str, rules: Mapping[str, LayerRule]) -> Result:
    """Apply the wrapped layer's own rule; only one layer can stand in a wrapper."""
    layer = call.config["layer"]
    if layer["class_name"] in ("Sequential", "Functional"):
        return refuse("wrapped_model", call)
    shape = shape_of(call)
    if shape is not None and call.class_name == "TimeDistributed":
        shape = (shape[0], *shape[2:])
    inner = Call(layer["class_name"], layer["config"], (shape,), call.weights)
    rule = rules.get(inner.class_name)
    steps = rule(inner, dialect) if rule else None
    if isinstance(steps, Refusal):
        return steps
    if steps is None:
        return keep(call)
    if len(steps) != 1:
        return refuse("wrapped_chain", call, inner=inner.class_name)
    only = steps[0]
    new_layer = {
        "class_name": only.class_name,
        "config": {**only.config, "name": layer["config"].get("name")},
    }
    return keep(replace(call, weights=only.weights), layer=new_layer)
