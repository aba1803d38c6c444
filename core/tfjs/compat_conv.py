"""Convolutions of Keras in those of TensorFlow.js, 1-D ones in 2-D ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from core.tfjs.compat_steps import (
    LayerRule,
    Result,
    as_list,
    is_channels_first,
    keep,
    refuse,
    shape_of,
    step,
    without,
)
from core.tfjs.model import Config
from core.tfjs.rewrite import Call, Refusal, Step
from core.tfjs.shapes import per_axis

__all__ = ["CONVOLUTION_RULES", "old_depthwise"]


def _conv(call: Call, _: str) -> Result:
    dilated = any(n > 1 for n in as_list(call.config.get("dilation_rate")))
    strided = any(n > 1 for n in as_list(call.config.get("strides")))
    if is_channels_first(call) and call.class_name != "Conv2D":
        return refuse("channels_first", call)
    if call.config.get("padding") == "causal":
        return _causal(call)
    call, dense = _dense_groups(call)
    if not dense:
        return refuse("needs_weights", call)
    if dilated and strided:
        call = _zeros_for_dilation(call, "kernel")
    return keep(call)


def _dense_groups(call: Call) -> tuple[Call, bool]:
    """Write a grouped convolution's kernel as the full one with zeros between the groups."""
    groups = int(call.config.get("groups") or 1)
    call = without(call, "groups")
    if groups == 1 or "kernel" not in call.weights:
        return call, groups == 1
    kernel = np.asarray(call.weights["kernel"])
    inputs, filters = kernel.shape[-2], kernel.shape[-1]
    full = np.zeros((*kernel.shape[:-2], inputs * groups, filters), kernel.dtype)
    width = filters // groups
    for group in range(groups):
        rows = slice(group * inputs, (group + 1) * inputs)
        columns = slice(group * width, (group + 1) * width)
        full[..., rows, columns] = kernel[..., columns]
    return replace(call, weights={**call.weights, "kernel": full}), True


def _zeros_for_dilation(call: Call, variable: str) -> Call:
    """Write a dilated kernel as the wide one with zeros between its taps."""
    kernel = np.asarray(call.weights[variable])
    axes = kernel.ndim - 2
    rates = [per_axis(call.config.get("dilation_rate"), axis) for axis in range(axes)]
    sizes = [(kernel.shape[axis] - 1) * rates[axis] + 1 for axis in range(axes)]
    wide = np.zeros((*sizes, *kernel.shape[-2:]), kernel.dtype)
    wide[tuple(slice(None, None, rate) for rate in rates)] = kernel
    config = {**call.config, "kernel_size": sizes, "dilation_rate": [1] * axes}
    return replace(call, config=config, weights={**call.weights, variable: wide})


def _depthwise(call: Call, dialect: str) -> Result:
    if is_channels_first(call):
        return refuse("channels_first", call)
    if any(n > 1 for n in as_list(call.config.get("dilation_rate"))):
        if dialect == "tfjs":
            return keep(call, dilation_rate=[1, 1])  # TensorFlow.js ignores it
        if "depthwise_kernel" not in call.weights:
            return refuse("needs_weights", call)
        call = _zeros_for_dilation(call, "depthwise_kernel")
    return keep(without(call, "groups"))


def _separable(call: Call, _: str) -> Result:
    if is_channels_first(call):
        return refuse("channels_first", call)
    dilated = any(n > 1 for n in as_list(call.config.get("dilation_rate")))
    strided = any(n > 1 for n in as_list(call.config.get("strides")))
    if dilated and strided:
        call = _zeros_for_dilation(call, "depthwise_kernel")
    keys = ("groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint")
    return keep(without(call, *keys))


def _transpose(call: Call, _: str) -> Result:
    if is_channels_first(call):
        return refuse("channels_first", call)
    padding = call.config.get("output_padding")
    if padding is not None:
        return refuse("output_padding", call)
    if any(n > 1 for n in as_list(call.config.get("dilation_rate"))):
        if "kernel" not in call.weights:
            return refuse("needs_weights", call)
        call = _zeros_for_dilation(call, "kernel")
    return keep(without(call, "output_padding", "groups"))


def _causal(call: Call) -> Result:
    """Zeros in front and a valid convolution."""
    shape = shape_of(call)
    if shape is None or shape[-1] is None:
        return refuse("needs_shape", call)
    call, _ = _dense_groups(call)
    kernel = per_axis(call.config["kernel_size"], 0)
    front = (kernel - 1) * per_axis(call.config.get("dilation_rate"), 0)
    steps = _along_height(
        shape[-1],
        shape[1],
        lambda: Step("ZeroPadding2D", {"padding": [[front, 0], [0, 0]]}, suffix="_pad"),
        shape[-1],
        None if shape[1] is None else shape[1] + front,
    )
    (inner,) = keep(call, padding="valid")
    return [*steps, replace(inner, inputs=(-len(steps),))]


def _along_height(
    channels: int | None,
    length: int | None,
    make: Callable[[], Step],
    channels_after: int | None,
    length_after: int | None,
) -> list[Step]:
    """Do with a 2-D layer, along the height of a picture one pixel wide, what a 1-D layer does."""
    before = [-1 if length is None else length, 1, channels]
    after = [-1 if length_after is None else length_after, channels_after]
    return [
        step("Reshape", "_to_2d", 0, target_shape=before),
        replace(make(), inputs=(-1,)),
        step("Reshape", "_to_1d", -2, target_shape=after),
    ]


def _one_dimensional(
    class_2d: str, rule_2d: LayerRule | None, variables: Sequence[str] = ()
) -> LayerRule:
    """Make the rule for a 1-D layer of which TensorFlow.js has the 2-D one only."""

    def rule(call: Call, dialect: str) -> Result:
        shape = shape_of(call)
        if is_channels_first(call):
            return refuse("channels_first", call)
        if shape is None or shape[-1] is None or len(shape) != 3:
            return refuse("needs_shape", call)
        config = _two_dimensional_config(call.config, equal_strides="Transpose" not in class_2d)
        if config is None:
            return refuse("no_chain", call)
        weights = {
            name: np.asarray(weight)[:, np.newaxis] if name in variables else weight
            for name, weight in call.weights.items()
        }
        length = shape[1]
        channels_after = _channels_after(call, shape[-1])
        inner = Call(
            class_2d, {**config, "name": call.name}, ((None, length, 1, shape[-1]),), weights
        )
        checked = rule_2d(inner, dialect) if rule_2d else None
        if isinstance(checked, Refusal):
            return checked
        (only,) = checked or keep(inner)
        return _along_height(shape[-1], length, lambda: only, channels_after, None)

    return rule


def _two_dimensional_config(config: Config, *, equal_strides: bool) -> Config | None:
    if config.get("padding") == "causal":
        return None
    two: Config = {key: value for key, value in config.items() if key != "name"}
    for key in ("kernel_size", "strides", "dilation_rate"):
        if key in two:
            # Depthwise convolutions want the same stride both ways; the width is one anyway.
            first = per_axis(two[key], 0)
            two[key] = [first, first if key == "strides" and equal_strides else 1]
    if "size" in two:
        two["size"] = [per_axis(two["size"], 0), 1]
    for key in ("padding", "cropping"):
        if key in two and not isinstance(two[key], str):
            pair = two[key]
            pair = [pair, pair] if isinstance(pair, int) else [int(pair[0]), int(pair[-1])]
            two[key] = [pair, [0, 0]]
    return two


def _channels_after(call: Call, channels: int) -> int:
    if "filters" in call.config:
        return int(call.config["filters"])
    return channels * int(call.config.get("depth_multiplier") or 1)


def _up_sampling_2d(call: Call, _: str) -> Result:
    interpolation = call.config.get("interpolation", "nearest")
    if interpolation != "nearest":
        return refuse("resize_grid", call, interpolation=str(interpolation))
    return None


def old_depthwise(rule: LayerRule) -> LayerRule:
    """Refuse kernels with unequal sides and padding "same", which 1.3.1 pads wrongly."""

    def checked(call: Call, dialect: str) -> Result:
        sides = set(as_list(call.config.get("kernel_size")))
        wrong = call.class_name.endswith("1D") or len(sides) > 1
        if wrong and call.config.get("padding") == "same":
            return refuse("old_release", call)
        return rule(call, dialect)

    return checked


CONVOLUTION_RULES: dict[str, LayerRule] = {
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D"), _conv),
    "DepthwiseConv2D": _depthwise,
    "SeparableConv2D": _separable,
    **dict.fromkeys(("Conv2DTranspose", "Conv3DTranspose"), _transpose),
    "UpSampling2D": _up_sampling_2d,
    "Conv1DTranspose": _one_dimensional("Conv2DTranspose", _transpose, ("kernel",)),
    "DepthwiseConv1D": _one_dimensional("DepthwiseConv2D", _depthwise, ("depthwise_kernel",)),
    "SeparableConv1D": _one_dimensional(
        "SeparableConv2D", _separable, ("depthwise_kernel", "pointwise_kernel")
    ),
    "ZeroPadding1D": _one_dimensional("ZeroPadding2D", None),
    "Cropping1D": _one_dimensional("Cropping2D", None),
    "UpSampling1D": _one_dimensional("UpSampling2D", _up_sampling_2d),
}
