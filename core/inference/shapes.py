"""What each operation makes of the shapes that it reads, checked before anything is allocated.

Shapes leave the batch out: a picture is ``(height, width, channels)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from core.errors import ModelError
from core.inference.node import Node, Shape

__all__ = ["OPERATIONS", "multiply_adds", "output_shape", "same_padding"]

_MAX_RANK = 4
_Rule = Callable[[Node, Sequence[Shape]], Shape]


def output_shape(node: Node, inputs: Sequence[Shape]) -> Shape:
    """Return the shape that a node makes, without the batch.

    Parameters
    ----------
    node : Node
    inputs : sequence of tuple of int
        Shapes of its inputs, without the batch.

    Returns
    -------
    tuple of int

    Raises
    ------
    ModelError
        If the operation is unknown, an attribute or weight is missing or wrong, or the inputs
        do not fit it.
    """
    rule = OPERATIONS.get(node.op)
    if rule is None:
        raise ModelError("network.unknown_op", name=node.name, op=node.op)
    least, most = _INPUT_COUNTS.get(node.op, (1, 1))
    if not least <= len(inputs) <= most:
        raise _unfit(node, f"{least} input" if least == most else f"at least {least}", inputs)
    shape = rule(node, inputs)
    if len(shape) > _MAX_RANK:
        raise _unfit(node, f"at most {_MAX_RANK} axes", [*inputs, shape[:8]])
    if any(size < 1 for size in shape):
        raise _unfit(node, "an input large enough to leave an output", inputs)
    if node.op in FUSING:
        node.choice("activation", None, "relu", "relu6")
    return shape


def multiply_adds(node: Node, shape: Shape) -> int:
    """Return the multiplications that a node of output `shape` takes for one sample."""
    kernel = node.weights.get("kernel")
    if kernel is None:
        return 0
    per_value = (
        kernel.shape[0] * kernel.shape[1]
        if node.op == "depthwise_conv2d"
        else (math.prod(kernel.shape[:-1]))
    )
    return math.prod(shape) * per_value


def same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Return TensorFlow's "same" padding before and after an axis.

    Parameters
    ----------
    size, kernel, stride, dilation : int
        Of this axis.

    Returns
    -------
    tuple of (int, int)
        The odd one goes after.
    """
    reach = (kernel - 1) * dilation + 1
    total = max((math.ceil(size / stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


def _unfit(node: Node, expected: str, inputs: Sequence[Shape]) -> ModelError:
    return ModelError(
        "network.bad_inputs",
        name=node.name,
        op=node.op,
        expected=expected,
        received=", ".join(str(list(shape)) for shape in inputs) or "none",
    )


def _picture(node: Node, inputs: Sequence[Shape]) -> tuple[int, int, int]:
    if len(inputs[0]) != 3:
        raise _unfit(node, "[height, width, channels]", inputs)
    height, width, channels = inputs[0]
    return height, width, channels


def _windows(node: Node, size: Shape, window: Shape, dilations: Shape = (1, 1)) -> Shape:
    strides = node.integers("strides", count=2, least=1)
    if node.choice("padding", "same", "valid") == "same":
        return tuple(math.ceil(n / stride) for n, stride in zip(size, strides, strict=True))
    return tuple(
        (n - (k - 1) * dilation - 1) // stride + 1
        for n, k, stride, dilation in zip(size, window, strides, dilations, strict=True)
    )


def _bias(node: Node, channels: int) -> None:
    if "bias" in node.weights:
        node.weight("bias", (channels,))


def _input(node: Node, inputs: Sequence[Shape]) -> Shape:
    return node.integers("shape", least=1)


def _unchanged(node: Node, inputs: Sequence[Shape]) -> Shape:
    if node.op == "leaky_relu":
        node.number("alpha")
    if node.op == "hard_sigmoid":
        node.number("slope")
        node.number("offset")
    if node.op == "softmax" and not inputs[0]:
        raise _unfit(node, "at least one axis", inputs)
    return inputs[0]


def _conv2d(node: Node, inputs: Sequence[Shape]) -> Shape:
    height, width, channels = _picture(node, inputs)
    kernel = node.weight("kernel", (-1, -1, channels, -1))
    dilations = node.integers("dilations", count=2, least=1)
    _bias(node, kernel.shape[3])
    return (*_windows(node, (height, width), kernel.shape[:2], dilations), kernel.shape[3])


def _depthwise_conv2d(node: Node, inputs: Sequence[Shape]) -> Shape:
    height, width, channels = _picture(node, inputs)
    kernel = node.weight("kernel", (-1, -1, channels, -1))
    dilations = node.integers("dilations", count=2, least=1)
    made = channels * kernel.shape[3]
    _bias(node, made)
    return (*_windows(node, (height, width), kernel.shape[:2], dilations), made)


def _dense(node: Node, inputs: Sequence[Shape]) -> Shape:
    if not inputs[0]:
        raise _unfit(node, "at least one axis", inputs)
    kernel = node.weight("kernel", (inputs[0][-1], -1))
    _bias(node, kernel.shape[1])
    return (*inputs[0][:-1], kernel.shape[1])


def _batch_norm(node: Node, inputs: Sequence[Shape]) -> Shape:
    if not inputs[0]:
        raise _unfit(node, "at least one axis", inputs)
    for key in ("gamma", "beta", "mean", "variance"):
        node.weight(key, (inputs[0][-1],))
    epsilon = node.number("epsilon")
    if epsilon < 0 or float(node.weights["variance"].min()) + epsilon <= 0:
        raise node.refuse("epsilon", "such that variance + epsilon is above 0", epsilon)
    return inputs[0]


def _scale_shift(node: Node, inputs: Sequence[Shape]) -> Shape:
    if not inputs[0]:
        raise _unfit(node, "at least one axis", inputs)
    for key in ("scale", "shift"):
        one = key in node.weights and node.weights[key].shape == (1,)
        node.weight(key, (1 if one else inputs[0][-1],))
    return inputs[0]


def _zero_pad(node: Node, inputs: Sequence[Shape]) -> Shape:
    height, width, channels = _picture(node, inputs)
    top, bottom, left, right = node.integers("padding", count=4)
    return height + top + bottom, width + left + right, channels


def _crop(node: Node, inputs: Sequence[Shape]) -> Shape:
    height, width, channels = _picture(node, inputs)
    top, bottom, left, right = node.integers("cropping", count=4)
    return height - top - bottom, width - left - right, channels


def _broadcast(node: Node, inputs: Sequence[Shape]) -> Shape:
    first, second = inputs
    # Beyond equal shapes only squeeze-and-excite's [1, 1, c] against [h, w, c] is needed.
    fits = len(first) == len(second) and all(
        a == b or 1 in (a, b) for a, b in zip(first, second, strict=True)
    )
    if not fits:
        raise _unfit(node, "two inputs of one shape (an axis may be 1)", inputs)
    return tuple(max(a, b) for a, b in zip(first, second, strict=True))


def _concatenate(node: Node, inputs: Sequence[Shape]) -> Shape:
    rank = len(inputs[0])
    axis = node.integer("axis")
    if axis >= rank:
        raise node.refuse("axis", f"an axis of the {rank} that the inputs have", axis)
    for shape in inputs[1:]:
        others = [n for at, n in enumerate(shape) if at != axis]
        if len(shape) != rank or others != [n for at, n in enumerate(inputs[0]) if at != axis]:
            raise _unfit(node, f"inputs that differ in axis {axis} only", inputs)
    joined = sum(shape[axis] for shape in inputs)
    return (*inputs[0][:axis], joined, *inputs[0][axis + 1 :])


def _global_pool(node: Node, inputs: Sequence[Shape]) -> Shape:
    channels = _picture(node, inputs)[2]
    return (1, 1, channels) if node.choice("keepdims", True, False) else (channels,)


def _pool(node: Node, inputs: Sequence[Shape]) -> Shape:
    height, width, channels = _picture(node, inputs)
    window = node.integers("pool_size", count=2, least=1)
    if max(window) > max(height, width) * 2:
        raise node.refuse("pool_size", f"a window that fits {height} x {width}", window)
    return (*_windows(node, (height, width), window), channels)


def _flatten(node: Node, inputs: Sequence[Shape]) -> Shape:
    return (math.prod(inputs[0]),)


def _reshape(node: Node, inputs: Sequence[Shape]) -> Shape:
    target = node.integers("shape", least=1)
    if math.prod(target) != math.prod(inputs[0]):
        raise _unfit(node, f"{math.prod(target)} values for {list(target)}", inputs)
    return target


FUSING = frozenset({"conv2d", "depthwise_conv2d", "dense", "add", "multiply"})
"""Operations that carry an ``activation`` attribute: None, "relu" or "relu6"."""

_INPUT_COUNTS = {"input": (0, 0), "add": (2, 2), "multiply": (2, 2), "concatenate": (2, 256)}

OPERATIONS: dict[str, _Rule] = {
    "input": _input,
    "conv2d": _conv2d,
    "depthwise_conv2d": _depthwise_conv2d,
    "dense": _dense,
    "batch_norm": _batch_norm,
    "scale_shift": _scale_shift,
    "zero_pad": _zero_pad,
    "crop": _crop,
    "add": _broadcast,
    "multiply": _broadcast,
    "concatenate": _concatenate,
    "global_average_pool": _global_pool,
    "global_max_pool": _global_pool,
    "max_pool": _pool,
    "average_pool": _pool,
    "flatten": _flatten,
    "reshape": _reshape,
    **dict.fromkeys(
        (
            "identity",
            "relu",
            "relu6",
            "leaky_relu",
            "elu",
            "sigmoid",
            "tanh",
            "swish",
            "hard_swish",
            "hard_sigmoid",
            "softmax",
        ),
        _unchanged,
    ),
}
"""Every operation by name, with the rule for its output's shape."""
