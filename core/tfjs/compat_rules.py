"""Layers of Keras that TensorFlow.js lacks or computes otherwise, one rule a layer.

A rule returns the layers that compute exactly the same there, ``None`` where the layer is the same
already, or a refusal with the reason. Every rule was checked against TensorFlow.js 4.22 by its
numbers (tests/tfjs).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from core.errors import Note
from core.tfjs.model import Config, Weight
from core.tfjs.rewrite import Call, Refusal, Step
from core.tfjs.shapes import Shape, per_axis

__all__ = ["AUGMENTATION", "OLD_RULES", "RULES", "keep", "nothing", "refuse", "scale_gates"]

Result = Sequence[Step] | Refusal | None
LayerRule = Callable[[Call, str], Result]


def refuse(reason: str, call: Call, **fields: str | int | float) -> Refusal:
    """Return the refusal of a layer, with the message ``compat.<reason>``."""
    note = Note(f"compat.{reason}", {"layer": call.name, "class_name": call.class_name, **fields})
    return Refusal(note)


def keep(call: Call, class_name: str | None = None, **changes: Any) -> list[Step]:
    """Return the layer itself under its name, with a changed config or class."""
    config = {key: value for key, value in call.config.items() if key != "name"}
    return [Step(class_name or call.class_name, {**config, **changes}, weights=call.weights)]


def _without(call: Call, *keys: str) -> Call:
    return replace(call, config={k: v for k, v in call.config.items() if k not in keys})


def _shape(call: Call) -> Shape | None:
    return call.inputs[0] if call.inputs else None


def _step(class_name: str, suffix: str, source: int, **config: Any) -> Step:
    return Step(class_name, config, (source,), suffix)


def _leaky_relu(call: Call, _: str) -> Result:
    return keep(call, alpha=float(call.config.get("alpha", 0.3)))


def _relu(call: Call, _: str) -> Result:
    config = call.config
    highest = config.get("max_value")
    slope = _number(config.get("negative_slope"))
    threshold = _number(config.get("threshold"))
    call = _without(call, "negative_slope", "threshold")
    if slope == 0.0 and threshold == 0.0:
        return keep(call)
    call = _without(call, "max_value")
    if slope and threshold == 0.0 and highest is None:
        return keep(call, "LeakyReLU", alpha=slope)
    if slope == 0.0 and threshold > 0.0:
        steps = keep(call, "ThresholdedReLU", theta=threshold)
        if highest is not None:
            steps.append(_step("ReLU", "_clip", -1, max_value=highest))
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
        _step("Permute", "_axis_last", 0, dims=order),
        replace(inner, inputs=(-1,)),
        _step("Permute", "_axis_back", -2, dims=back),
    ]


def _single_axis(call: Call, default: int) -> tuple[int, int] | None:
    """Return a layer's one axis, counted from the front, and the rank of its input."""
    axis = call.config.get("axis", default)
    if isinstance(axis, list | tuple):
        axis = axis[0] if len(axis) == 1 else None
    shape = _shape(call)
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
    shape = _shape(call)
    if call.config.get("rms_scaling"):
        return refuse("layer_norm_rms", call)
    if shape is not None and len(shape) > 4:
        return refuse("batch_norm_rank", call, rank=len(shape))
    return None


def _is_channels_first(call: Call) -> bool:
    return call.config.get("data_format") == "channels_first"


def _dense_groups(call: Call) -> tuple[Call, bool]:
    """Write a grouped convolution's kernel as the full one with zeros between the groups."""
    groups = int(call.config.get("groups") or 1)
    call = _without(call, "groups")
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


def _conv(call: Call, _: str) -> Result:
    dilated = any(n > 1 for n in _as_list(call.config.get("dilation_rate")))
    strided = any(n > 1 for n in _as_list(call.config.get("strides")))
    if _is_channels_first(call) and call.class_name != "Conv2D":
        return refuse("channels_first", call)
    if call.config.get("padding") == "causal":
        return _causal(call)
    call, dense = _dense_groups(call)
    if not dense:
        return refuse("needs_weights", call)
    if dilated and strided:
        call = _zeros_for_dilation(call, "kernel")
    return keep(call)


def _as_list(value: Any) -> list[int]:
    return [int(n) for n in value] if isinstance(value, list | tuple) else [int(value or 1)]


def _causal(call: Call) -> Result:
    """Zeros in front and a valid convolution."""
    shape = _shape(call)
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
        _step("Reshape", "_to_2d", 0, target_shape=before),
        replace(make(), inputs=(-1,)),
        _step("Reshape", "_to_1d", -2, target_shape=after),
    ]


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
    if _is_channels_first(call):
        return refuse("channels_first", call)
    if any(n > 1 for n in _as_list(call.config.get("dilation_rate"))):
        if dialect == "tfjs":
            return keep(call, dilation_rate=[1, 1])  # TensorFlow.js ignores it
        if "depthwise_kernel" not in call.weights:
            return refuse("needs_weights", call)
        call = _zeros_for_dilation(call, "depthwise_kernel")
    return keep(_without(call, "groups"))


def _separable(call: Call, _: str) -> Result:
    if _is_channels_first(call):
        return refuse("channels_first", call)
    dilated = any(n > 1 for n in _as_list(call.config.get("dilation_rate")))
    strided = any(n > 1 for n in _as_list(call.config.get("strides")))
    if dilated and strided:
        call = _zeros_for_dilation(call, "depthwise_kernel")
    keys = ("groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint")
    return keep(_without(call, *keys))


def _transpose(call: Call, _: str) -> Result:
    if _is_channels_first(call):
        return refuse("channels_first", call)
    padding = call.config.get("output_padding")
    if padding is not None:
        return refuse("output_padding", call)
    if any(n > 1 for n in _as_list(call.config.get("dilation_rate"))):
        if "kernel" not in call.weights:
            return refuse("needs_weights", call)
        call = _zeros_for_dilation(call, "kernel")
    return keep(_without(call, "output_padding", "groups"))


def _one_dimensional(class_2d: str, variables: Sequence[str] = ()) -> LayerRule:
    """Make the rule for a 1-D layer of which TensorFlow.js has the 2-D one only."""

    def rule(call: Call, dialect: str) -> Result:
        shape = _shape(call)
        if _is_channels_first(call):
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
        checked = RULES[class_2d](inner, dialect) if class_2d in RULES else None
        if isinstance(checked, Refusal):
            return checked
        (step,) = checked or keep(inner)
        return _along_height(shape[-1], length, lambda: step, channels_after, None)

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


def _resizing(call: Call, _: str) -> Result:
    shape = _shape(call)
    if shape is not None and shape[1:3] == (call.config["height"], call.config["width"]):
        return nothing(call)
    return refuse("resize_grid", call, interpolation=str(call.config.get("interpolation")))


def _center_crop(call: Call, _: str) -> Result:
    shape = _shape(call)
    if shape is None or len(shape) != 4 or None in shape[1:3] or _is_channels_first(call):
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


def _normalization(call: Call, _: str) -> Result:
    if call.config.get("invert"):
        return refuse("normalization", call)
    mean = call.weights.get("mean", call.config.get("mean"))
    variance = call.weights.get("variance", call.config.get("variance"))
    shape = _shape(call)
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


def _gated(call: Call, dialect: str) -> Result:
    """LSTM, GRU, SimpleRNN and ConvLSTM2D."""
    config = call.config
    if call.class_name == "GRU":
        if config.get("reset_after", dialect == "keras3"):
            return refuse("gru_reset_after", call)
        call = _with(call, reset_after=False)
    if call.class_name == "ConvLSTM2D" and _is_channels_first(call):
        return refuse("channels_first", call)
    if config.get("activation") == "hard_sigmoid" and dialect == "keras3":
        return refuse("activation", call, activation="hard_sigmoid (of Keras 3)")
    gate = config.get("recurrent_activation")
    if gate == "hard_sigmoid" and dialect == "keras3":
        return keep(scale_gates(call, 5 / 6))
    return keep(call)


def _with(call: Call, **changes: Any) -> Call:
    return replace(call, config={**call.config, **changes})


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


def _bidirectional(call: Call, dialect: str) -> Result:
    if call.config["layer"]["config"].get("go_backwards"):
        return refuse("bidirectional_layers", call)
    return _wrapped(_without(call, "weights"), dialect)


def _wrapped(call: Call, dialect: str) -> Result:
    """Apply the wrapped layer's own rule; only one layer can stand in a wrapper."""
    layer = call.config["layer"]
    if layer["class_name"] in ("Sequential", "Functional"):
        return refuse("wrapped_model", call)
    shape = _shape(call)
    if shape is not None and call.class_name == "TimeDistributed":
        shape = (shape[0], *shape[2:])
    inner = Call(layer["class_name"], layer["config"], (shape,), call.weights)
    rule = RULES.get(inner.class_name)
    steps = rule(inner, dialect) if rule else None
    if isinstance(steps, Refusal):
        return steps
    if steps is None:
        return keep(call)
    if len(steps) != 1:
        return refuse("wrapped_chain", call, inner=inner.class_name)
    step = steps[0]
    new_layer = {
        "class_name": step.class_name,
        "config": {**step.config, "name": layer["config"].get("name")},
    }
    return keep(replace(call, weights=step.weights), layer=new_layer)


def _global_pooling(call: Call, _: str) -> Result:
    call_plain = _without(call, "keepdims")
    if not call.config.get("keepdims"):
        return keep(call_plain)
    shape = _shape(call)
    channels = None if shape is None else shape[1 if _is_channels_first(call) else -1]
    if shape is None or channels is None:
        return refuse("needs_shape", call)
    ones = [1] * (len(shape) - 2)
    target = [channels, *ones] if _is_channels_first(call) else [*ones, channels]
    return [*keep(call_plain), _step("Reshape", "_keepdims", -1, target_shape=target)]


def _flatten(call: Call, _: str) -> Result:
    shape = _shape(call)
    if shape is None or len(shape) > 2:
        return None
    return nothing(call) if len(shape) == 2 else refuse("no_chain", call)


def _reshape(call: Call, _: str) -> Result:
    target = list(call.config["target_shape"])
    shape = _shape(call)
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
        _step("Rescaling", "_negative", 1, scale=-1.0, offset=0.0),
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


def nothing(_: Call, __: str = "") -> Sequence[Step]:
    """Return a layer that hands on what it gets, under the old layer's name."""
    return [Step("Activation", {"activation": "linear", "trainable": True}, weights={})]


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
    shape = _shape(call)
    if mode not in ("one_hot", "multi_hot") or call.config.get("sparse"):
        return refuse("category_encoding", call, mode=str(mode))
    if shape is None or len(shape) != 2:
        return refuse("needs_shape", call)
    count = int(call.config["num_tokens"])
    rows = {"input_dim": count, "output_dim": count, "trainable": False}
    look_up = Step("Embedding", rows, (0,), weights={"embeddings": np.eye(count, dtype=np.float32)})
    if mode == "multi_hot":
        return [look_up, _step("GlobalMaxPooling1D", "_any", -1)]
    return (
        [look_up, _step("Reshape", "_flat", -1, target_shape=[count])]
        if shape[1] == 1
        else [look_up]
    )


def _augmentation(call: Call, _: str) -> Result:
    return refuse("augmentation", call)


def _unnamed_cells(call: Call, _: str) -> Result:
    return refuse("rnn_cells", call)


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

RULES: dict[str, LayerRule] = {
    "LeakyReLU": _leaky_relu,
    "ReLU": _relu,
    "ELU": _elu,
    "Softmax": _softmax,
    "BatchNormalization": _batch_normalization,
    "LayerNormalization": _layer_normalization,
    "Normalization": _normalization,
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D"), _conv),
    "DepthwiseConv2D": _depthwise,
    "SeparableConv2D": _separable,
    **dict.fromkeys(("Conv2DTranspose", "Conv3DTranspose"), _transpose),
    "Conv1DTranspose": _one_dimensional("Conv2DTranspose", ("kernel",)),
    "DepthwiseConv1D": _one_dimensional("DepthwiseConv2D", ("depthwise_kernel",)),
    "SeparableConv1D": _one_dimensional(
        "SeparableConv2D", ("depthwise_kernel", "pointwise_kernel")
    ),
    "ZeroPadding1D": _one_dimensional("ZeroPadding2D"),
    "Cropping1D": _one_dimensional("Cropping2D"),
    "UpSampling1D": _one_dimensional("UpSampling2D"),
    "UpSampling2D": _up_sampling_2d,
    "Resizing": _resizing,
    "CenterCrop": _center_crop,
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN", "ConvLSTM2D"), _gated),
    **dict.fromkeys(("RNN", "StackedRNNCells"), _unnamed_cells),
    "Bidirectional": _bidirectional,
    "TimeDistributed": _wrapped,
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


def _old_softmax(call: Call, dialect: str) -> Result:
    axis = call.config.get("axis", -1)
    several = isinstance(axis, list | tuple) and len(axis) > 1
    return refuse("softmax_axes", call) if several else _softmax(call, dialect)


def _old_layer_normalization(call: Call, dialect: str) -> Result:
    if not (call.config.get("center", True) and call.config.get("scale", True)):
        return refuse("old_release", call)
    return _layer_normalization(call, dialect)


def _old_flatten(call: Call, dialect: str) -> Result:
    return refuse("channels_first", call) if _is_channels_first(call) else _flatten(call, dialect)


def _old_spatial_dropout_1d(call: Call, _: str) -> Result:
    shape = [None, 1, None]
    return [Step("Dropout", {"rate": call.config.get("rate", 0.5), "noise_shape": shape})]


def _old_depthwise(rule: LayerRule) -> LayerRule:
    """Refuse kernels with unequal sides and padding "same", which 1.3.1 pads wrongly."""

    def checked(call: Call, dialect: str) -> Result:
        sides = set(_as_list(call.config.get("kernel_size")))
        wrong = call.class_name.endswith("1D") or len(sides) > 1
        if wrong and call.config.get("padding") == "same":
            return refuse("old_release", call)
        return rule(call, dialect)

    return checked


# What TensorFlow.js 1.3.1 computes otherwise than 4.22.
OLD_RULES: dict[str, LayerRule] = {
    **RULES,
    "Softmax": _old_softmax,
    "LayerNormalization": _old_layer_normalization,
    "Flatten": _old_flatten,
    "SpatialDropout1D": _old_spatial_dropout_1d,
    **{
        name: _old_depthwise(RULES[name])
        for name in ("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D")
    },
}
