"""Each supported Keras layer as nodes of a network.

A layer outside :data:`SUPPORTED_LAYERS`, or with a setting that would make it another function,
is refused by name; nothing is approximated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from core.errors import ModelError
from core.inference.keras_graph import LayerCall
from core.inference.keras_reader import LayerReader

__all__ = ["SUPPORTED_LAYERS", "add_layer"]

# Keras's own defaults, for configurations that leave them out.
_LEAKY_RELU_ALPHA = 0.3
_NORMALIZATION_EPSILON = 1e-7


def add_layer(reader: LayerReader, call: LayerCall) -> None:
    """Add the nodes of one call to the reader's builder; the last one carries its name.

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
        raise reader.refuse(call, "inputs", "1", len(call.inputs))
    reader.only(call, "data_format", None, "channels_last")
    add(reader, call)


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
    alpha = r.number(call, "negative_slope", r.number(call, "alpha", _LEAKY_RELU_ALPHA))
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
    r.builder.zero_pad(call.name, call.inputs[0], _sides(r, call, "padding"))


def _cropping(r: LayerReader, call: LayerCall) -> None:
    r.builder.crop(call.name, call.inputs[0], _sides(r, call, "cropping"))


def _sides(r: LayerReader, call: LayerCall, key: str) -> list[Any]:
    value = call.config.get(key, 1)
    if isinstance(value, int):
        value = [value, value]
    if isinstance(value, list | tuple) and len(value) == 2:
        sides = [[side, side] if isinstance(side, int) else side for side in value]
        if all(isinstance(side, list | tuple) and len(side) == 2 for side in sides):
            return sides
    raise r.refuse(call, key, "[[top, bottom], [left, right]]", value)


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
    "Cropping2D": _cropping,
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
