"""Output shapes of a layers model, worked out from its JSON alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from core.tfjs.model import Config, is_model

__all__ = ["CallShapes", "Shape", "infer_shapes", "model_input_shapes"]

Shape: TypeAlias = tuple[int | None, ...]
_MaybeShape: TypeAlias = Shape | None


@dataclass(frozen=True)
class CallShapes:
    """What goes into and comes out of one call of a layer, batch first; ``None`` where unknown."""

    inputs: tuple[_MaybeShape, ...]
    outputs: tuple[_MaybeShape, ...]


def model_input_shapes(topology: Config) -> tuple[tuple[str, _MaybeShape, str], ...]:
    """Return the name, the shape and the dtype of each input, in the model's order.

    Parameters
    ----------
    topology : dict
        A canonical model, see :class:`core.tfjs.model.LayersModel`.

    Returns
    -------
    tuple of (str, tuple or None, str)
        The shape starts with the batch; a size that may vary is ``None``.
    """
    config = topology["config"]
    if topology["class_name"] == "Sequential":
        first: Config = config["layers"][0]
        if is_model(first):
            return model_input_shapes(first)
        names = [first["config"].get("name", "input")]
    else:
        names = [str(reference[0]) for reference in config["input_layers"]]
    by_name = {layer["config"].get("name"): layer for layer in config["layers"]}
    entries = []
    for name in names:
        layer_config = by_name[name]["config"]
        shape = layer_config.get("batch_input_shape")
        dtype = layer_config.get("dtype") or "float32"
        entries.append((name, None if shape is None else tuple(shape), str(dtype)))
    return tuple(entries)


def infer_shapes(topology: Config) -> dict[str, list[CallShapes]]:
    """Return the shapes of every call of every layer, nested models' layers included.

    Parameters
    ----------
    topology : dict
        A canonical model.

    Returns
    -------
    dict of str to list of CallShapes
        By layer name, in the order of the layer's calls.
    """
    calls: dict[str, list[CallShapes]] = {}
    if topology["class_name"] == "Sequential":
        current: tuple[_MaybeShape, ...] = (None,)
        for layer in topology["config"]["layers"]:
            current = _call(layer, current, calls)
        return calls
    layers = {layer["config"]["name"]: layer for layer in topology["config"]["layers"]}
    waiting = [
        (name, index, node)
        for name, layer in layers.items()
        for index, node in enumerate(layer.get("inbound_nodes") or [[]])
    ]
    # A call can be worked out when those it reads from are; each round finishes at least one.
    while waiting:
        later = []
        for name, index, node in waiting:
            sources = [_output(calls, reference) for reference in node]
            if len(calls.get(name, [])) != index or any(source is None for source in sources):
                later.append((name, index, node))
                continue
            _call(layers[name], tuple(source[0] for source in sources if source), calls)
        if len(later) == len(waiting):
            break
        waiting = later
    return calls


def _output(
    calls: dict[str, list[CallShapes]], reference: Sequence[Any]
) -> list[_MaybeShape] | None:
    name, node, tensor = reference[0], reference[1], reference[2]
    known = calls.get(name, [])
    if node >= len(known):
        return None
    outputs = known[node].outputs
    return [outputs[tensor] if tensor < len(outputs) else None]


def _call(
    layer: Config, inputs: tuple[_MaybeShape, ...], calls: dict[str, list[CallShapes]]
) -> tuple[_MaybeShape, ...]:
    name = layer["config"].get("name", "")
    outputs: tuple[_MaybeShape, ...]
    if is_model(layer):
        inner = infer_shapes(layer)
        for inner_name, inner_calls in inner.items():
            calls.setdefault(inner_name, inner_calls)
        outputs = _model_outputs(layer, inner)
    else:
        outputs = layer_output_shapes(layer, inputs)
    calls.setdefault(name, []).append(CallShapes(inputs, outputs))
    return outputs


def _model_outputs(topology: Config, calls: dict[str, list[CallShapes]]) -> tuple[_MaybeShape, ...]:
    if topology["class_name"] == "Sequential":
        layers = topology["config"]["layers"]
        return calls[layers[-1]["config"]["name"]][-1].outputs if layers else (None,)
    outputs = []
    for reference in topology["config"]["output_layers"]:
        found = _output(calls, reference)
        outputs.append(None if found is None else found[0])
    return tuple(outputs)


def layer_output_shapes(layer: Config, inputs: tuple[_MaybeShape, ...]) -> tuple[_MaybeShape, ...]:
    """Return the output shapes of one call of a layer that is no model."""
    class_name, config = layer["class_name"], layer["config"]
    if class_name == "InputLayer":
        shape = config.get("batch_input_shape")
        return (None if shape is None else tuple(shape),)
    if class_name in _SAME_SHAPE:
        return inputs[:1]
    rule = _RULES.get(class_name)
    if rule is None or not inputs or any(shape is None for shape in inputs):
        return (None,)
    try:
        return rule(config, [shape for shape in inputs if shape is not None])
    except (TypeError, KeyError, IndexError, ValueError):
        return (None,)  # a config that another reader will complain about


def _spatial(
    config: Config, shape: Shape, size: Callable[[int, int], int | None], channels: int | None
) -> tuple[Shape]:
    """Apply ``size(length, axis)`` to each spatial axis."""
    first = config.get("data_format") == "channels_first"
    lengths = shape[2:] if first else shape[1:-1]
    new = tuple(None if n is None else size(n, axis) for axis, n in enumerate(lengths))
    if channels is None:
        channels = shape[1] if first else shape[-1]
    return ((shape[0], channels, *new) if first else (shape[0], *new, channels),)


def per_axis(value: Any, axis: int, default: int = 1) -> int:
    """Return a config's number for one axis, where it may be a number or a list."""
    if value is None:
        return default
    return int(value[axis] if isinstance(value, list | tuple) else value)


def _window(config: Config, length: int, axis: int, key: str) -> int:
    kernel = per_axis(config[key], axis)
    stride = per_axis(config.get("strides"), axis, kernel if key == "pool_size" else 1)
    dilation = per_axis(config.get("dilation_rate"), axis)
    extent = (kernel - 1) * dilation + 1
    if config.get("padding", "valid") in ("same", "causal"):
        return -(-length // stride)
    return (length - extent) // stride + 1


def _conv(config: Config, shapes: list[Shape]) -> tuple[Shape]:
    return _spatial(
        config,
        shapes[0],
        lambda n, axis: _window(config, n, axis, "kernel_size"),
        config["filters"],
    )


def _depthwise(config: Config, shapes: list[Shape]) -> tuple[Shape]:
    shape = shapes[0]
    source = shape[1] if config.get("data_format") == "channels_first" else shape[-1]
    channels = None if source is None else source * int(config.get("depth_multiplier") or 1)
    return _spatial(
        config, shape, lambda n, axis: _window(config, n, axis, "kernel_size"), channels
    )


def _pool(config: Config, shapes: list[Shape]) -> tuple[Shape]:
    return _spatial(config, shapes[0], lambda n, axis: _window(config, n, axis, "pool_size"), None)


def _transpose_conv(config: Config, shapes: list[Shape]) -> tuple[Shape]:
    def size(length: int, axis: int) -> int:
        stride = per_axis(config.get("strides"), axis)
        kernel = (per_axis(config["kernel_size"], axis) - 1) * per_axis(
            config.get("dilation_rate"), axis
        ) + 1
        if config.get("padding", "valid") == "same":
            return length * stride
        return length * stride + max(kernel - stride, 0)

    return _spatial(config, shapes[0], size, config["filters"])


def _pairs(value: Any, axes: int) -> list[tuple[int, int]]:
    """Return (before, after) for each axis from Keras' many ways of writing it."""
    if isinstance(value, int):
        return [(value, value)] * axes
    if axes == 1 and all(isinstance(item, int) for item in value):
        return [(int(value[0]), int(value[-1]))]
    return [(p, p) if isinstance(p, int) else (int(p[0]), int(p[1])) for p in value]


def _pad(sign: int, key: str) -> Callable[[Config, list[Shape]], tuple[Shape]]:
    def rule(config: Config, shapes: list[Shape]) -> tuple[Shape]:
        pairs = _pairs(config[key], len(shapes[0]) - 2)
        return _spatial(config, shapes[0], lambda n, axis: n + sign * sum(pairs[axis]), None)

    return rule


def _upsample(config: Config, shapes: list[Shape]) -> tuple[Shape]:
    return _spatial(config, shapes[0], lambda n, axis: n * per_axis(config["size"], axis), None)


def _fixed_size(config: Config, shapes: list[Shape]) -> tuple[Shape]:
    sizes = (config["height"], config["width"])
    return _spatial(config, shapes[0], lambda _, axis: sizes[axis], None)


def _global_pool(config: Config, shapes: list[Shape]) -> tuple[Shape]:
    shape = shapes[0]
    first = config.get("data_format") == "channels_first"
    channels = shape[1] if first else shape[-1]
    if not config.get("keepdims"):
        return ((shape[0], channels),)
    ones = (1,) * (len(shape) - 2)
    return ((shape[0], channels, *ones) if first else (shape[0], *ones, channels),)


def _product(sizes: Sequence[int | None]) -> int | None:
    known = [size for size in sizes if size is not None]
    return None if len(known) != len(sizes) else math.prod(known)


def _flatten(_: Config, shapes: list[Shape]) -> tuple[Shape]:
    return ((shapes[0][0], _product(shapes[0][1:])),)


def _reshape(config: Config, shapes: list[Shape]) -> tuple[Shape]:
    target = [None if n is None or n < 0 else int(n) for n in config["target_shape"]]
    total = _product(shapes[0][1:])
    if target.count(None) == 1 and total is not None:
        rest = math.prod(n for n in target if n is not None)
        target[target.index(None)] = total // rest if rest else None
    return ((shapes[0][0], *target),)


def _broadcast(_: Config, shapes: list[Shape]) -> tuple[_MaybeShape]:
    if len({len(shape) for shape in shapes}) > 1:
        return (None,)
    sizes = []
    for column in zip(*shapes, strict=True):
        wide = [n for n in column if n != 1]
        sizes.append(wide[0] if wide else 1)
    return (tuple(sizes),)


def _concatenate(config: Config, shapes: list[Shape]) -> tuple[Shape]:
    axis = int(config.get("axis", -1)) % len(shapes[0])
    joined = list(shapes[0])
    column = [shape[axis] for shape in shapes]
    known = [n for n in column if n is not None]
    joined[axis] = sum(known) if len(known) == len(column) else None
    return (tuple(joined),)


def _recurrent(config: Config, shapes: list[Shape]) -> tuple[Shape, ...]:
    shape, units = shapes[0], int(config["units"])
    output = (shape[0], shape[1], units) if config.get("return_sequences") else (shape[0], units)
    return (output, *[(shape[0], units)] * 2) if config.get("return_state") else (output,)


def _bidirectional(config: Config, shapes: list[Shape]) -> tuple[_MaybeShape, ...]:
    inner = layer_output_shapes(config["layer"], tuple(shapes))
    merge_mode = config.get("merge_mode", "concat")
    if merge_mode is None or inner[0] is None:
        return (*inner, *inner)
    channels = inner[0][-1]
    doubled = 2 * channels if merge_mode == "concat" and channels is not None else channels
    return ((*inner[0][:-1], doubled), *inner[1:], *inner[1:])


def _time_distributed(config: Config, shapes: list[Shape]) -> tuple[_MaybeShape, ...]:
    layer, shape = config["layer"], shapes[0]
    step = (shape[0], *shape[2:])
    inner = (
        _model_outputs(layer, infer_shapes(layer))
        if is_model(layer)
        else layer_output_shapes(layer, (step,))
    )
    return tuple(None if s is None else (s[0], shape[1], *s[1:]) for s in inner)


def _embedding(config: Config, shapes: list[Shape]) -> tuple[Shape]:
    return ((*shapes[0], int(config["output_dim"])),)


def _dot(config: Config, shapes: list[Shape]) -> tuple[Shape]:
    axes = config["axes"]
    pair = [axes, axes] if isinstance(axes, int) else list(axes)
    left, right = list(shapes[0]), list(shapes[1])
    del left[pair[0] % len(left)]
    del right[pair[1] % len(right)]
    merged = (*left, *right[1:])
    return (merged if len(merged) > 1 else (*merged, 1),)


_SAME_SHAPE = frozenset(
    [
        "Activation",
        "ActivityRegularization",
        "AlphaDropout",
        "BatchNormalization",
        "Dropout",
        "ELU",
        "GaussianDropout",
        "GaussianNoise",
        "GroupNormalization",
        "Identity",
        "LayerNormalization",
        "LeakyReLU",
        "Masking",
        "Normalization",
        "PReLU",
        "RandomBrightness",
        "RandomContrast",
        "RandomFlip",
        "RandomRotation",
        "RandomTranslation",
        "RandomZoom",
        "ReLU",
        "Rescaling",
        "Softmax",
        "SpatialDropout1D",
        "SpatialDropout2D",
        "SpatialDropout3D",
        "ThresholdedReLU",
        "UnitNormalization",
    ]
)
_RULES: dict[str, Callable[[Config, list[Shape]], tuple[_MaybeShape, ...]]] = {
    "Dense": lambda config, shapes: ((*shapes[0][:-1], int(config["units"])),),
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Permute": lambda config, shapes: (
        (shapes[0][0], *(shapes[0][axis] for axis in config["dims"])),
    ),
    "RepeatVector": lambda config, shapes: ((shapes[0][0], int(config["n"]), shapes[0][1]),),
    "Concatenate": _concatenate,
    "Dot": _dot,
    "Embedding": _embedding,
    "Bidirectional": _bidirectional,
    "TimeDistributed": _time_distributed,
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D", "SeparableConv1D", "SeparableConv2D"), _conv),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), _depthwise),
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"), _transpose_conv),
    **dict.fromkeys(
        (f"{kind}Pooling{n}D" for kind in ("Max", "Average") for n in (1, 2, 3)), _pool
    ),
    **dict.fromkeys(
        (f"Global{kind}Pooling{n}D" for kind in ("Max", "Average") for n in (1, 2, 3)), _global_pool
    ),
    **dict.fromkeys((f"ZeroPadding{n}D" for n in (1, 2, 3)), _pad(+1, "padding")),
    **dict.fromkeys((f"Cropping{n}D" for n in (1, 2, 3)), _pad(-1, "cropping")),
    **dict.fromkeys((f"UpSampling{n}D" for n in (1, 2, 3)), _upsample),
    **dict.fromkeys(("Resizing", "CenterCrop"), _fixed_size),
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN"), _recurrent),
    **dict.fromkeys(("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"), _broadcast),
}
