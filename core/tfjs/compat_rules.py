"""Layers of Keras that TensorFlow.js lacks or computes otherwise, one rule a layer.

A rule returns the layers that compute exactly the same there, ``None`` where the layer is the same
already, or a refusal with the reason. Every rule was checked against TensorFlow.js 4.22 and 1.3.1
by its numbers (tests/tfjs).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from core.tfjs.compat_conv import CONVOLUTION_RULES, old_depthwise
from core.tfjs.compat_recurrent import RECURRENT_RULES, wrapper_rules
from core.tfjs.compat_steps import (
    LayerRule,
    Result,
    is_channels_first,
    keep,
    nothing,
    refuse,
    shape_of,
    step,
    without,
)
from core.tfjs.rewrite import Call, Step

__all__ = ["AUGMENTATION", "OLD_RULES", "RULES"]


def _leaky_relu(call: Call, _: str) -> Result:
    return keep(call, alpha=float(call.config.get("alpha", 0.3)))


def _relu(call: Call, _: str) -> Result:
    config = call.config
    highest = config.get("max_value")
    slope = _number(config.get("negative_slope"))
    threshold = _number(config.get("threshold"))
    call = without(call, "negative_slope", "threshold")
    if slope == 0.0 and threshold == 0.0:
        return keep(call)
    call = without(call, "max_value")
    if slope and threshold == 0.0 and highest is None:
        return keep(call, "LeakyReLU", alpha=slope)
    if slope == 0.0 and threshold > 0.0:
        steps = keep(call, "ThresholdedReLU", theta=threshold)
        if highest is not None:
            steps.append(step("ReLU", "_clip", -1, max_value=highest))
        return steps
    return refuse("relu_options", call, slope=slope, threshold=threshold)


def _number(value: Any) -> float:
    return 0.0 if value is None else float(value)


def _elu(call: Call, _: str) -> Result:
    alpha = _number(call.config.get("alpha", 1.0))
    return keep(call, alpha=1) if alpha == 1.0 else refuse("elu_alpha", call, alpha=alpha)


def _move_axis_last(call: Call, axis: int, rank: int, inner: Step) -> list[Step]:
    """Wrap a layer that works along the last axis into two Permutes."""
    order = [n for n in range(1, rank) if n != axis] + [axis]
    back = [order.index(n) + 1 for n in range(1, rank)]
    return [
        step("Permute", "_axis_last", 0, dims=order),
        replace(inner, inputs=(-1,)),
        step("Permute", "_axis_back", -2, dims=back),
    ]


def _single_axis(call: Call, default: int) -> tuple[int, int] | None:
    """Return a layer's one axis, counted from the front, and the rank of its input."""
    axis = call.config.get("axis", default)
    if isinstance(axis, list | tuple):
        axis = axis[0] if len(axis) == 1 else None
    shape = shape_of(call)
    if axis is None or shape is None:
        return None
    return int(axis) % len(shape), len(shape)


def _softmax(call: Call, _: str) -> Result:
    axis = call.config.get("axis", -1)
    found = _single_axis(call, -1)
    if axis in (-1, [-1]):
        return keep(call, axis=-1)
    if isinstance(axis, list | tuple) and len(axis) > 1:
        return keep(call)
    if found is None:
        return refuse("softmax_axes", call)
    position, rank = found
    if position == rank - 1:
        return keep(call, axis=-1)
    if position == 0:
        return refuse("softmax_axes", call)
    return _move_axis_last(call, position, rank, keep(call, axis=-1)[0])


def _batch_normalization(call: Call, _: str) -> Result:
    found = _single_axis(call, -1)
    if found is None:
        return None if call.config.get("axis", -1) == -1 else refuse("batch_norm_axis", call)
    position, rank = found
    if rank not in (2, 3, 4):
        return refuse("batch_norm_rank", call, rank=rank)
    if position == rank - 1:
        return keep(call, axis=call.config.get("axis", -1))
    return _move_axis_last(call, position, rank, keep(call, axis=-1)[0])


def _layer_normalization(call: Call, _: str) -> Result:
    shape = shape_of(call)
    if call.config.get("rms_scaling"):
        return refuse("layer_norm_rms", call)
    if shape is not None and len(shape) > 4:
        return refuse("batch_norm_rank", call, rank=len(shape))
    return None


def _normalization(call: Call, _: str) -> Result:
    if call.config.get("invert"):
        return refuse("normalization", call)
    mean = call.weights.get("mean", call.config.get("mean"))
    variance = call.weights.get("variance", call.config.get("variance"))
    shape = shape_of(call)
    if mean is None or variance is None:
        return refuse("needs_weights", call)
    mean64 = np.asarray(mean, np.float64)
    # Keras divides by max(sqrt(variance), 1e-7).
    deviation = np.maximum(np.sqrt(np.asarray(variance, np.float64)), 1e-7)
    if mean64.size == 1 and (shape is None or shape[-1] is None or len(shape) not in (2, 3, 4)):
        scale = 1.0 / float(deviation.reshape(()))
        return [Step("Rescaling", {"scale": scale, "offset": -float(mean64.reshape(())) * scale})]
    if shape is None or shape[-1] is None or len(shape) not in (2, 3, 4):
        return refuse("needs_shape", call)
    channels = shape[-1]
    if mean64.size not in (1, channels) or (mean64.size > 1 and mean64.shape[-1] != channels):
        return refuse("normalization", call)
    weights = {
        "moving_mean": np.broadcast_to(mean64.reshape(-1), channels).astype(np.float32),
        "moving_variance": np.broadcast_to(deviation.reshape(-1) ** 2, channels).astype(np.float32),
    }
    config = {"axis": -1, "epsilon": 0.0, "center": False, "scale": False, "momentum": 0.99}
    return [Step("BatchNormalization", {**config, "trainable": False}, weights=weights)]


def _resizing(call: Call, _: str) -> Result:
    shape = shape_of(call)
    if shape is not None and shape[1:3] == (call.config["height"], call.config["width"]):
        return nothing(call)
    return refuse("resize_grid", call, interpolation=str(call.config.get("interpolation")))


def _center_crop(call: Call, _: str) -> Result:
    shape = shape_of(call)
    if shape is None or len(shape) != 4 or None in shape[1:3] or is_channels_first(call):
        return refuse("needs_shape", call)
    crops = []
    for length, target in zip(
        shape[1:3], (call.config["height"], call.config["width"]), strict=True
    ):
        spare = int(length or 0) - int(target)
        if spare < 0:
            return refuse("resize_grid", call, interpolation="bilinear")
        crops.append([spare // 2, spare - spare // 2])
    return [Step("Cropping2D", {"cropping": crops, "data_format": "channels_last"})]


def _global_pooling(call: Call, _: str) -> Result:
    call_plain = without(call, "keepdims")
    if not call.config.get("keepdims"):
        return keep(call_plain)
    shape = shape_of(call)
    channels = None if shape is None else shape[1 if is_channels_first(call) else -1]
    if shape is None or channels is None:
        return refuse("needs_shape", call)
    ones = [1] * (len(shape) - 2)
    target = [channels, *ones] if is_channels_first(call) else [*ones, channels]
    return [*keep(call_plain), step("Reshape", "_keepdims", -1, target_shape=target)]


def _flatten(call: Call, _: str) -> Result:
    shape = shape_of(call)
    if shape is None or len(shape) > 2:
        return None
    return nothing(call) if len(shape) == 2 else refuse("no_chain", call)


def _reshape(call: Call, _: str) -> Result:
    target = list(call.config["target_shape"])
    shape = shape_of(call)
    if not any(n is None or n < 0 for n in target):
        return None
    if shape is None or None in shape[1:]:
        return None
    rest = math.prod(n for n in target if n is not None and n > 0)
    total = math.prod(n for n in shape[1:] if n is not None)
    filled = [total // rest if n is None or n < 0 else n for n in target]
    return keep(call, target_shape=filled)


def _subtract(_: Call, __: str) -> Result:
    return [
        step("Rescaling", "_negative", 1, scale=-1.0, offset=0.0),
        Step("Add", {}, (0, -1)),
    ]


def _dot(call: Call, _: str) -> Result:
    if any(shape is not None and len(shape) > 3 for shape in call.inputs):
        return refuse("dot_rank", call)
    return None


def _spatial_dropout(call: Call, _: str) -> Result:
    axes = 2 if call.class_name == "SpatialDropout2D" else 3
    shape = [None, *([1] * axes), None]
    return [Step("Dropout", {"rate": call.config.get("rate", 0.5), "noise_shape": shape})]


def _rescaling(call: Call, _: str) -> Result:
    scale, offset = (
        _plain(call.config.get(key, default)) for key, default in (("scale", 1.0), ("offset", 0.0))
    )
    if offset is None or (isinstance(offset, list) and not offset):
        offset = 0.0
    return keep(call, scale=scale, offset=offset)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return value.get("config", value).get("value")
    return value


def _category_encoding(call: Call, _: str) -> Result:
    # The layer of TensorFlow.js changes the shape of its own input; rows of ones do the same.
    mode = call.config.get("output_mode", "multi_hot")
    shape = shape_of(call)
    if mode not in ("one_hot", "multi_hot") or call.config.get("sparse"):
        return refuse("category_encoding", call, mode=str(mode))
    if shape is None or len(shape) != 2:
        return refuse("needs_shape", call)
    count = int(call.config["num_tokens"])
    rows = {"input_dim": count, "output_dim": count, "trainable": False}
    look_up = Step("Embedding", rows, (0,), weights={"embeddings": np.eye(count, dtype=np.float32)})
    if mode == "multi_hot":
        return [look_up, step("GlobalMaxPooling1D", "_any", -1)]
    return (
        [look_up, step("Reshape", "_flat", -1, target_shape=[count])]
        if shape[1] == 1
        else [look_up]
    )


def _augmentation(call: Call, _: str) -> Result:
    return refuse("augmentation", call)


AUGMENTATION = frozenset(
    [
        "RandomBrightness",
        "RandomContrast",
        "RandomCrop",
        "RandomFlip",
        "RandomHeight",
        "RandomRotation",
        "RandomShear",
        "RandomTranslation",
        "RandomWidth",
        "RandomZoom",
        "RandomColorDegeneration",
        "RandomColorJitter",
        "RandomErasing",
        "RandomGaussianBlur",
        "RandomGrayscale",
        "RandomHue",
        "RandomInvert",
        "RandomPerspective",
        "RandomPosterization",
        "RandomSaturation",
        "RandomSharpness",
        "RandAugment",
        "AugMix",
        "CutMix",
        "MixUp",
        "AutoContrast",
        "Equalization",
        "Solarization",
    ]
)


def _old_softmax(call: Call, dialect: str) -> Result:
    axis = call.config.get("axis", -1)
    several = isinstance(axis, list | tuple) and len(axis) > 1
    return refuse("softmax_axes", call) if several else _softmax(call, dialect)


def _old_layer_normalization(call: Call, dialect: str) -> Result:
    if not (call.config.get("center", True) and call.config.get("scale", True)):
        return refuse("old_release", call)
    return _layer_normalization(call, dialect)


def _old_flatten(call: Call, dialect: str) -> Result:
    return refuse("channels_first", call) if is_channels_first(call) else _flatten(call, dialect)


def _old_spatial_dropout_1d(call: Call, _: str) -> Result:
    shape = [None, 1, None]
    return [Step("Dropout", {"rate": call.config.get("rate", 0.5), "noise_shape": shape})]


RULES: dict[str, LayerRule] = {
    **CONVOLUTION_RULES,
    **RECURRENT_RULES,
    "LeakyReLU": _leaky_relu,
    "ReLU": _relu,
    "ELU": _elu,
    "Softmax": _softmax,
    "BatchNormalization": _batch_normalization,
    "LayerNormalization": _layer_normalization,
    "Normalization": _normalization,
    "Resizing": _resizing,
    "CenterCrop": _center_crop,
    **dict.fromkeys(
        (f"Global{kind}Pooling{n}D" for kind in ("Average", "Max") for n in (1, 2)), _global_pooling
    ),
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Subtract": _subtract,
    "Dot": _dot,
    **dict.fromkeys(("SpatialDropout2D", "SpatialDropout3D"), _spatial_dropout),
    **dict.fromkeys(("ActivityRegularization", "Identity"), nothing),
    "Rescaling": _rescaling,
    "CategoryEncoding": _category_encoding,
    **dict.fromkeys(AUGMENTATION, _augmentation),
}
RULES.update(wrapper_rules(RULES))

# What TensorFlow.js 1.3.1 computes otherwise than 4.22.
OLD_RULES: dict[str, LayerRule] = {
    **RULES,
    "Softmax": _old_softmax,
    "LayerNormalization": _old_layer_normalization,
    "Flatten": _old_flatten,
    "SpatialDropout1D": _old_spatial_dropout_1d,
    **{
        name: old_depthwise(RULES[name])
        for name in ("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D")
    },
}
OLD_RULES.update(wrapper_rules(OLD_RULES))
