"""Each supported Keras layer as nodes of a network.

A layer outside :data:`SUPPORTED_LAYERS`, or with a setting that would make it another function,
is refused by name; nothing is approximated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from core.inference.keras_graph import LayerCall
from core.inference.network import NetworkBuilder
from core.inference.node import Shape

__all__ = ["SUPPORTED_LAYERS", "LayerReader"]

# Keras 2 and TensorFlow.js: clip(0.2 x + 0.5, 0, 1); Keras 3: relu6(x + 3) / 6.
_HARD_SIGMOID_SLOPES = {False: 0.2, True: 1 / 6}
# Keras's own defaults, for configurations that leave them out.
_LEAKY_RELU_LAYER_ALPHA = 0.3
_LEAKY_RELU_ACTIVATION_ALPHA = 0.2
_NORMALIZATION_EPSILON = 1e-7


class LayerReader:
    """Adds layer calls to a network builder.

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

    def add(self, call: LayerCall) -> None:
        """Add the nodes of one call; the last one carries its name.

        Raises
        ------
        ModelError
            If the layer, one of its settings or its weights cannot be used.
        """
        add = SUPPORTED_LAYERS.get(call.class_name)
        if add is None:
            raise ModelError(
                "keras.unsupported_layer",
                name=call.name,
                class_name=call.class_name,
                supported=", ".join(SUPPORTED_LAYERS),
            )
        if not call.inputs:
            raise ModelError("network.unknown_input", name=call.name, input="")
        several = call.class_name in ("Add", "Multiply", "Concatenate")
        if len(call.inputs) > 1 and not several:
            raise self.refuse(call, "inputs", "1", len(call.inputs))
        if call.config.get("data_format") not in (None, "channels_last"):
            raise self.refuse(call, "data_format", "channels_last", call.config["data_format"])
        add(self, call)

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


def _identity(r: LayerReader, call: LayerCall) -> None:
    r.builder.identity(call.name, call.inputs[0])


def _relu(r: LayerReader, call: LayerCall) -> None:
    r.only(call, "threshold", 0, None)
    slope = r.number(call, "negative_slope", r.number(call, "alpha", 0.0))
    r.only(call, "max_value", None, *([] if slope else [6]))
    if slope:
        r.builder.leaky_relu(call.name, call.inputs[0], alpha=slope)
    elif call.config.get("max_value") is None:
        r.builder.relu(call.name, call.inputs[0])
    else:
        r.builder.relu6(call.name, call.inputs[0])


def _leaky_relu(r: LayerReader, call: LayerCall) -> None:
    alpha = r.number(call, "negative_slope", r.number(call, "alpha", _LEAKY_RELU_LAYER_ALPHA))
    r.builder.leaky_relu(call.name, call.inputs[0], alpha=alpha)


def _elu(r: LayerReader, call: LayerCall) -> None:
    r.only(call, "alpha", 1)
    r.builder.elu(call.name, call.inputs[0])


def _softmax(r: LayerReader, call: LayerCall) -> None:
    rank = len(r.shape(call))
    r.only(call, "axis", -1, rank, [-1], [rank])
    r.builder.softmax(call.name, call.inputs[0])


def _conv2d(r: LayerReader, call: LayerCall) -> None:
    r.only(call, "groups", 1)
    window = r.pair(call, "kernel_size", None)
    shape = (*window, r.shape(call)[-1], r.integer(call, "filters"))
    kernel = r.kernel(call, shape, "kernel")
    r.activated(
        call,
        lambda name: r.builder.conv2d(
            name, call.inputs[0], kernel=kernel, bias=r.bias(call), **_window(r, call)
        ),
    )


def _depthwise_conv2d(r: LayerReader, call: LayerCall) -> None:
    window = r.pair(call, "kernel_size", None)
    shape = (*window, r.shape(call)[-1], r.integer(call, "depth_multiplier", 1))
    kernel = r.kernel(call, shape, "depthwise_kernel", "kernel")
    r.activated(
        call,
        lambda name: r.builder.depthwise_conv2d(
            name, call.inputs[0], kernel=kernel, bias=r.bias(call), **_window(r, call)
        ),
    )


def _separable_conv2d(r: LayerReader, call: LayerCall) -> None:
    window = r.pair(call, "kernel_size", None)
    channels, multiplier = r.shape(call)[-1], r.integer(call, "depth_multiplier", 1)
    depthwise = r.kernel(call, (*window, channels, multiplier), "depthwise_kernel")
    made = channels * multiplier
    pointwise = r.kernel(call, (1, 1, made, r.integer(call, "filters")), "pointwise_kernel")
    x = r.builder.depthwise_conv2d(
        f"{call.name}/depthwise", call.inputs[0], kernel=depthwise, **_window(r, call)
    )
    r.activated(
        call,
        lambda name: r.builder.conv2d(name, x, kernel=pointwise, bias=r.bias(call)),
    )


def _window(r: LayerReader, call: LayerCall) -> dict[str, Any]:
    return {
        "strides": r.pair(call, "strides", 1),
        "padding": call.config.get("padding", "valid"),
        "dilations": r.pair(call, "dilation_rate", 1),
    }


def _dense(r: LayerReader, call: LayerCall) -> None:
    kernel = r.kernel(call, (r.shape(call)[-1], r.integer(call, "units")), "kernel")
    r.activated(
        call,
        lambda name: r.builder.dense(name, call.inputs[0], kernel=kernel, bias=r.bias(call)),
    )


def _batch_normalization(r: LayerReader, call: LayerCall) -> None:
    rank = len(r.shape(call))
    r.only(call, "axis", -1, rank, [-1], [rank])
    r.builder.batch_norm(
        call.name,
        call.inputs[0],
        gamma=r.weight(call, "gamma") if call.config.get("scale", True) else None,
        beta=r.weight(call, "beta") if call.config.get("center", True) else None,
        mean=r.weight(call, "moving_mean"),
        variance=r.weight(call, "moving_variance"),
        epsilon=r.number(call, "epsilon", 1e-3),
    )


def _rescaling(r: LayerReader, call: LayerCall) -> None:
    scale, offset = r.numbers(call, "scale", 1.0), r.numbers(call, "offset", 0.0)
    r.builder.scale_shift(call.name, call.inputs[0], scale=scale, shift=offset)


def _normalization(r: LayerReader, call: LayerCall) -> None:
    rank = len(r.shape(call))
    r.only(call, "invert", False)
    r.only(call, "axis", -1, rank, [-1], [rank], None)
    mean, variance = (
        (r.numbers(call, key, 0.0) if call.config.get(key) is not None else r.weight(call, key))
        .reshape(-1)
        .astype(np.float64)
        for key in ("mean", "variance")
    )
    if (variance < 0).any():
        raise r.refuse(call, "variance", "0 or more", variance.min())
    scale = 1 / np.maximum(np.sqrt(variance), _NORMALIZATION_EPSILON)
    r.builder.scale_shift(call.name, call.inputs[0], scale=scale, shift=-mean * scale)


def _zero_padding(r: LayerReader, call: LayerCall) -> None:
    value = call.config.get("padding", 1)
    if isinstance(value, int):
        value = [value, value]
    if isinstance(value, list | tuple) and len(value) == 2:
        sides = [[side, side] if isinstance(side, int) else side for side in value]
        if all(isinstance(side, list | tuple) and len(side) == 2 for side in sides):
            r.builder.zero_pad(call.name, call.inputs[0], sides)
            return
    raise r.refuse(call, "padding", "[[top, bottom], [left, right]]", value)


def _max_pool(r: LayerReader, call: LayerCall) -> None:
    r.builder.max_pool(call.name, call.inputs[0], **_pool(r, call))


def _average_pool(r: LayerReader, call: LayerCall) -> None:
    r.builder.average_pool(call.name, call.inputs[0], **_pool(r, call))


def _pool(r: LayerReader, call: LayerCall) -> dict[str, Any]:
    size = r.pair(call, "pool_size", 2)
    strides = size if call.config.get("strides") is None else r.pair(call, "strides", None)
    padding = call.config.get("padding", "valid")
    return {"pool_size": size, "strides": strides, "padding": padding}


def _global_average_pool(r: LayerReader, call: LayerCall) -> None:
    keep = bool(call.config.get("keepdims", False))
    r.builder.global_average_pool(call.name, call.inputs[0], keepdims=keep)


def _global_max_pool(r: LayerReader, call: LayerCall) -> None:
    keep = bool(call.config.get("keepdims", False))
    r.builder.global_max_pool(call.name, call.inputs[0], keepdims=keep)


def _add(r: LayerReader, call: LayerCall) -> None:
    _merge(r.builder.add, r, call)


def _multiply(r: LayerReader, call: LayerCall) -> None:
    _merge(r.builder.multiply, r, call)


def _merge(join: Callable[[str, str, str], str], r: LayerReader, call: LayerCall) -> None:
    if len(call.inputs) < 2:
        raise r.refuse(call, "inputs", "at least 2", len(call.inputs))
    x = call.inputs[0]
    last = len(call.inputs) - 1
    for at, y in enumerate(call.inputs[1:], start=1):
        x = join(call.name if at == last else f"{call.name}/{at}", x, y)


def _concatenate(r: LayerReader, call: LayerCall) -> None:
    rank = len(r.shape(call))
    axis = call.config.get("axis", -1)
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise r.refuse(call, "axis", "a whole number", axis)
    # Keras counts the batch, a network does not.
    r.builder.concatenate(call.name, call.inputs, axis=axis + rank if axis < 0 else axis - 1)


def _flatten(r: LayerReader, call: LayerCall) -> None:
    r.builder.flatten(call.name, call.inputs[0])


def _reshape(r: LayerReader, call: LayerCall) -> None:
    target = call.config.get("target_shape")
    good = isinstance(target, list | tuple) and all(
        isinstance(n, int) and not isinstance(n, bool) and (n > 0 or n == -1) for n in target
    )
    if not good or not isinstance(target, list | tuple) or list(target).count(-1) > 1:
        raise r.refuse(call, "target_shape", "whole numbers, one of which may be -1", target)
    values, known = math.prod(r.shape(call)), math.prod(n for n in target if n != -1)
    r.builder.reshape(
        call.name, call.inputs[0], [values // known if n == -1 else n for n in target]
    )


_Add = Callable[[LayerReader, LayerCall], None]

SUPPORTED_LAYERS: dict[str, _Add] = {
    "Activation": LayerReader.activation,
    "Add": _add,
    "AveragePooling2D": _average_pool,
    "BatchNormalization": _batch_normalization,
    "Concatenate": _concatenate,
    "Conv2D": _conv2d,
    "Dense": _dense,
    "DepthwiseConv2D": _depthwise_conv2d,
    "ELU": _elu,
    "Flatten": _flatten,
    "GlobalAveragePooling2D": _global_average_pool,
    "GlobalMaxPooling2D": _global_max_pool,
    "InputLayer": _identity,  # of a nested model; the outer model's becomes an input
    "LeakyReLU": _leaky_relu,
    "MaxPooling2D": _max_pool,
    "Multiply": _multiply,
    "Normalization": _normalization,
    "ReLU": _relu,
    "Rescaling": _rescaling,
    "Reshape": _reshape,
    "SeparableConv2D": _separable_conv2d,
    "Softmax": _softmax,
    "ZeroPadding2D": _zero_padding,
    # These act in training only.
    **dict.fromkeys(
        (
            "ActivityRegularization",
            "AlphaDropout",
            "Dropout",
            "GaussianDropout",
            "GaussianNoise",
            "RandomBrightness",
            "RandomContrast",
            "RandomFlip",
            "RandomRotation",
            "RandomTranslation",
            "RandomZoom",
            "SpatialDropout2D",
        ),
        _identity,
    ),
}
"""How each supported class becomes nodes."""
