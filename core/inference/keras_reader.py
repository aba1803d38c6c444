"""Checked reading of a Keras layer's settings, weights and activation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from core.inference.builder import NetworkBuilder
from core.inference.keras_graph import LayerCall
from core.inference.node import Shape

__all__ = ["LayerReader"]

# Keras 2 and TensorFlow.js: clip(0.2 x + 0.5, 0, 1); Keras 3: relu6(x + 3) / 6.
_HARD_SIGMOID_SLOPES = {False: 0.2, True: 1 / 6}
# Of the activation function; the layer has another default.
_LEAKY_RELU_ACTIVATION_ALPHA = 0.2


class LayerReader:
    """Reads layer calls for a network builder.

    Parameters
    ----------
    builder : NetworkBuilder
    weights : mapping of str to ndarray
        By ``"<layer>/<variable>"``.
    keras3 : bool
        Whether ``hard_sigmoid`` means Keras 3's function.
    """

    def __init__(
        self, builder: NetworkBuilder, weights: Mapping[str, NDArray[Any]], *, keras3: bool
    ) -> None:
        self.builder = builder
        self._weights = weights
        self._keras3 = keras3

    def shape(self, call: LayerCall) -> Shape:
        """Return the shape of a call's first input."""
        return self.builder.shape(call.inputs[0])

    def weight(self, call: LayerCall, *variables: str) -> NDArray[np.float32]:
        """Return the weight found under the first of `variables` that exists."""
        for path in call.paths:
            for variable in variables:
                array = self._weights.get(f"{path}/{variable}")
                if array is None:
                    continue
                if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
                    raise ModelError("keras.weight_not_finite", name=call.name, weight=variable)
                return np.ascontiguousarray(array, dtype=np.float32)
        raise ModelError("network.weight_missing", name=call.name, weight=variables[0])

    def kernel(self, call: LayerCall, shape: Sequence[int], *variables: str) -> NDArray[np.float32]:
        """Return a weight that must be of the shape that the configuration says."""
        array = self.weight(call, *variables)
        if array.shape != tuple(shape):
            raise ModelError(
                "network.bad_weight",
                name=call.name,
                weight=variables[0],
                expected=f"float32 {list(shape)}",
                received=f"{array.dtype} {list(array.shape)}",
            )
        return array

    def bias(self, call: LayerCall) -> NDArray[np.float32] | None:
        """Return the bias where the layer uses one."""
        return self.weight(call, "bias") if call.config.get("use_bias", True) else None

    def integer(self, call: LayerCall, key: str, default: int | None = None) -> int:
        """Return a setting that must be a whole number of at least 1."""
        value = call.config.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self.refuse(call, key, "a whole number of at least 1", value)
        return value

    def pair(self, call: LayerCall, key: str, default: object) -> tuple[int, int]:
        """Return a setting that must be one or two whole numbers of at least 1."""
        value = call.config.get(key, default)
        entries = [value, value] if isinstance(value, int) else value
        good = isinstance(entries, list | tuple) and len(entries) == 2
        if not good or any(not isinstance(n, int) or isinstance(n, bool) or n < 1 for n in entries):
            raise self.refuse(call, key, "two whole numbers of at least 1", value)
        return entries[0], entries[1]

    def numbers(self, call: LayerCall, key: str, default: float) -> NDArray[np.float64]:
        """Return a setting that is a finite number or a list of them."""
        value = call.config.get(key, default)
        entries = value if isinstance(value, list | tuple) else [value]
        good = all(isinstance(n, int | float) and math.isfinite(n) for n in entries)
        if not entries or not good:
            raise self.refuse(call, key, "a number or a list of numbers", value)
        return np.asarray(entries, dtype=np.float64)

    def number(self, call: LayerCall, key: str, default: float) -> float:
        """Return a setting that must be a finite number; null means the default."""
        if call.config.get(key) is None:
            return default
        values = self.numbers(call, key, default)
        if values.size != 1:
            raise self.refuse(call, key, "one number", call.config[key])
        return float(values[0])

    def only(self, call: LayerCall, key: str, *allowed: object) -> None:
        """Refuse any setting but those in `allowed`; the first stands for a missing one."""
        value = call.config.get(key, allowed[0])
        if value not in allowed:
            raise self.refuse(call, key, " or ".join(map(repr, allowed)), value)

    def refuse(self, call: LayerCall, setting: str, expected: str, received: object) -> ModelError:
        """Return the error that names the layer, its class and the setting."""
        return ModelError(
            "keras.unsupported_setting",
            name=call.name,
            class_name=call.class_name,
            setting=setting,
            expected=expected,
            received=repr(received)[:80],
        )

    def activated(self, call: LayerCall, add: Callable[[str], object]) -> None:
        """Add a layer by `add(name)` and then the activation of its configuration, if any.

        The values before the activation stay readable as ``"<layer>/linear"``.
        """
        activation = self._activation_name(call)
        if activation == "linear":
            add(call.name)
            return
        before = f"{call.name}/linear"
        add(before)
        self._activate(call, activation, before)

    def activation(self, call: LayerCall) -> None:
        """Add an Activation layer."""
        self._activate(call, self._activation_name(call), call.inputs[0])

    def _activation_name(self, call: LayerCall) -> str:
        value = call.config.get("activation")
        if isinstance(value, Mapping):
            # Keras 3 writes a function as {"class_name": "function", "config": "relu6", ...}.
            value = value.get("config")
        if value is None:
            return "linear"
        if not isinstance(value, str):
            raise self.refuse(call, "activation", "the name of an activation", value)
        return value

    def _activate(self, call: LayerCall, activation: str, x: str) -> None:
        b, name = self.builder, call.name
        plain: dict[str, Callable[[str, str], str]] = {
            "linear": b.identity,
            "relu": b.relu,
            "relu6": b.relu6,
            "elu": b.elu,
            "sigmoid": b.sigmoid,
            "tanh": b.tanh,
            "softmax": b.softmax,
            "swish": b.swish,
            "silu": b.swish,
            "hard_swish": b.hard_swish,
            "hard_silu": b.hard_swish,
        }
        if activation in plain:
            plain[activation](name, x)
        elif activation == "hard_sigmoid":
            b.hard_sigmoid(name, x, slope=_HARD_SIGMOID_SLOPES[self._keras3], offset=0.5)
        elif activation == "leaky_relu":
            b.leaky_relu(name, x, alpha=_LEAKY_RELU_ACTIVATION_ALPHA)
        else:
            known = ", ".join([*plain, "hard_sigmoid", "leaky_relu"])
            raise self.refuse(call, "activation", known, activation)
