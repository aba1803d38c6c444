"""Each operation of a network as LiteRT operators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from core.inference.node import Node, Shape

__all__ = ["OperatorSink", "Tensor", "lower"]

Tensor = tuple[int, Shape]
"""Index in the file and shape without the batch."""


class OperatorSink(Protocol):
    """What the operators are written to."""

    def tensor(self, name: str, shape: Shape) -> int:
        """Add a computed tensor."""

    def constant(self, name: str, array: NDArray[np.float32] | NDArray[np.int32]) -> int:
        """Add a constant tensor."""

    def operator(
        self,
        code: int,
        inputs: Sequence[int],
        output: int,
        *,
        options_type: int = 0,
        options: object | None = None,
        version: int = 1,
    ) -> None:
        """Add an operator."""


_Lowering = Callable[[OperatorSink, Node, Sequence[Tensor], Tensor], None]

_Code = schema.BuiltinOperator
_Options = schema.BuiltinOptions
_ACTIVATIONS = {
    None: schema.ActivationFunctionType.NONE,
    "relu": schema.ActivationFunctionType.RELU,
    "relu6": schema.ActivationFunctionType.RELU6,
}
_PADDINGS = {"same": schema.Padding.SAME, "valid": schema.Padding.VALID}


def lower(sink: OperatorSink, node: Node, inputs: Sequence[Tensor], output: Tensor) -> None:
    """Write the operators of one node.

    Parameters
    ----------
    sink : OperatorSink
    node : Node
        Any but an input or a batch norm, which folding turns into a scaling.
    inputs : sequence of (int, tuple of int)
    output : (int, tuple of int)
    """
    _LOWERINGS[node.op](sink, node, inputs, output)


def _activation(node: Node) -> int:
    activation = node.attributes["activation"]
    code: int = _ACTIVATIONS[activation if isinstance(activation, str) else None]
    return code


def _window_options(node: Node) -> dict[str, Any]:
    stride_h, stride_w = node.integers("strides")
    padding = _PADDINGS[str(node.attributes["padding"])]
    return {"padding": padding, "strideH": stride_h, "strideW": stride_w}


def _bias(sink: OperatorSink, node: Node, channels: int) -> int:
    bias = node.weights.get("bias")
    return sink.constant(
        f"{node.name}/bias", np.zeros(channels, np.float32) if bias is None else bias
    )


def _conv2d(sink: OperatorSink, node: Node, inputs: Sequence[Tensor], output: Tensor) -> None:
    dilation_h, dilation_w = node.integers("dilations")
    kernel = sink.constant(f"{node.name}/kernel", node.weights["kernel"].transpose(3, 0, 1, 2))
    sink.operator(
        _Code.CONV_2D,
        [inputs[0][0], kernel, _bias(sink, node, output[1][-1])],
        output[0],
        options_type=_Options.Conv2DOptions,
        options=schema.Conv2DOptionsT(
            **_window_options(node),
            dilationHFactor=dilation_h,
            dilationWFactor=dilation_w,
            fusedActivationFunction=_activation(node),
        ),
    )


def _depthwise_conv2d(
    sink: OperatorSink, node: Node, inputs: Sequence[Tensor], output: Tensor
) -> None:
    dilation_h, dilation_w = node.integers("dilations")
    array = node.weights["kernel"]
    height, width, channels, multiplier = array.shape
    kernel = sink.constant(
        f"{node.name}/kernel", array.reshape(1, height, width, channels * multiplier)
    )
    sink.operator(
        _Code.DEPTHWISE_CONV_2D,
        [inputs[0][0], kernel, _bias(sink, node, output[1][-1])],
        output[0],
        options_type=_Options.DepthwiseConv2DOptions,
        options=schema.DepthwiseConv2DOptionsT(
            **_window_options(node),
            depthMultiplier=multiplier,
            dilationHFactor=dilation_h,
            dilationWFactor=dilation_w,
            fusedActivationFunction=_activation(node),
        ),
        version=1 if dilation_h == dilation_w == 1 else 2,
    )


def _dense(sink: OperatorSink, node: Node, inputs: Sequence[Tensor], output: Tensor) -> None:
    kernel = sink.constant(f"{node.name}/kernel", node.weights["kernel"].T)
    keep = len(output[1]) > 1
    sink.operator(
        _Code.FULLY_CONNECTED,
        [inputs[0][0], kernel, _bias(sink, node, output[1][-1])],
        output[0],
        options_type=_Options.FullyConnectedOptions,
        options=schema.FullyConnectedOptionsT(
            fusedActivationFunction=_activation(node), keepNumDims=keep
        ),
        version=5 if keep else 1,
    )


def _add(sink: OperatorSink, inputs: Sequence[int], output: int, activation: int = 0) -> None:
    options = schema.AddOptionsT(fusedActivationFunction=activation)
    sink.operator(_Code.ADD, inputs, output, options_type=_Options.AddOptions, options=options)


def _multiply(sink: OperatorSink, inputs: Sequence[int], output: int, activation: int = 0) -> None:
    options = schema.MulOptionsT(fusedActivationFunction=activation)
    sink.operator(_Code.MUL, inputs, output, options_type=_Options.MulOptions, options=options)


def _elementwise(sink: OperatorSink, node: Node, inputs: Sequence[Tensor], output: Tensor) -> None:
    write = _add if node.op == "add" else _multiply
    write(sink, [index for index, _ in inputs], output[0], _activation(node))


def _scale_shift(sink: OperatorSink, node: Node, inputs: Sequence[Tensor], output: Tensor) -> None:
    scaled = sink.tensor(f"{node.name}/scaled", output[1])
    scale = sink.constant(f"{node.name}/scale", node.weights["scale"])
    shift = sink.constant(f"{node.name}/shift", node.weights["shift"])
    _multiply(sink, [inputs[0][0], scale], scaled)
    _add(sink, [scaled, shift], output[0])


def _zero_pad(sink: OperatorSink, node: Node, inputs: Sequence[Tensor], output: Tensor) -> None:
    top, bottom, left, right = node.integers("padding")
    amounts = np.array([[0, 0], [top, bottom], [left, right], [0, 0]], np.int32)
    paddings = sink.constant(f"{node.name}/paddings", amounts)
    sink.operator(
        _Code.PAD,
        [inputs[0][0], paddings],
        output[0],
        options_type=_Options.PadOptions,
        options=schema.PadOptionsT(),
    )


def _crop(sink: OperatorSink, node: Node, inputs: Sequence[Tensor], output: Tensor) -> None:
    top, _, left, _ = node.integers("cropping")
    # -1 in the batch's place takes all of it.
    begin = sink.constant(f"{node.name}/begin", np.array([0, top, left, 0], np.int32))
    size = sink.constant(f"{node.name}/size", np.array([-1, *output[1]], np.int32))
    sink.operator(
        _Code.SLICE,
        [inputs[0][0], begin, size],
        output[0],
        options_type=_Options.SliceOptions,
        options=schema.SliceOptionsT(),
    )


def _pool(sink: OperatorSink, node: Node, inputs: Sequence[Tensor], output: Tensor) -> None:
    height, width = node.integers("pool_size")
    sink.operator(
        _Code.MAX_POOL_2D if node.op == "max_pool" else _Code.AVERAGE_POOL_2D,
        [inputs[0][0]],
        output[0],
        options_type=_Options.Pool2DOptions,
        options=schema.Pool2DOptionsT(
            **_window_options(node), filterHeight=height, filterWidth=width
        ),
    )


def _global_pool(sink: OperatorSink, node: Node, inputs: Sequence[Tensor], output: Tensor) -> None:
    axes = sink.constant(f"{node.name}/axes", np.array([1, 2], np.int32))
    sink.operator(
        _Code.MEAN if node.op == "global_average_pool" else _Code.REDUCE_MAX,
        [inputs[0][0], axes],
        output[0],
        options_type=_Options.ReducerOptions,
        options=schema.ReducerOptionsT(keepDims=node.attributes["keepdims"] is True),
    )


def _concatenate(sink: OperatorSink, node: Node, inputs: Sequence[Tensor], output: Tensor) -> None:
    sink.operator(
        _Code.CONCATENATION,
        [index for index, _ in inputs],
        output[0],
        options_type=_Options.ConcatenationOptions,
        options=schema.ConcatenationOptionsT(axis=node.integer("axis") + 1),
    )


def _reshape(sink: OperatorSink, node: Node, inputs: Sequence[Tensor], output: Tensor) -> None:
    # -1 in the batch's place keeps the batch free.
    target = np.array([-1, *output[1]], np.int32)
    sink.operator(
        _Code.RESHAPE,
        [inputs[0][0], sink.constant(f"{node.name}/shape", target)],
        output[0],
        options_type=_Options.ReshapeOptions,
        options=schema.ReshapeOptionsT(newShape=target),
    )


def _softmax(sink: OperatorSink, node: Node, inputs: Sequence[Tensor], output: Tensor) -> None:
    sink.operator(
        _Code.SOFTMAX,
        [inputs[0][0]],
        output[0],
        options_type=_Options.SoftmaxOptions,
        options=schema.SoftmaxOptionsT(beta=1.0),
    )


def _leaky_relu(sink: OperatorSink, node: Node, inputs: Sequence[Tensor], output: Tensor) -> None:
    sink.operator(
        _Code.LEAKY_RELU,
        [inputs[0][0]],
        output[0],
        options_type=_Options.LeakyReluOptions,
        options=schema.LeakyReluOptionsT(alpha=node.number("alpha")),
    )


def _swish(sink: OperatorSink, node: Node, inputs: Sequence[Tensor], output: Tensor) -> None:
    gate = sink.tensor(f"{node.name}/sigmoid", output[1])
    sink.operator(_Code.LOGISTIC, [inputs[0][0]], gate)
    _multiply(sink, [inputs[0][0], gate], output[0])


def _hard_sigmoid(sink: OperatorSink, node: Node, inputs: Sequence[Tensor], output: Tensor) -> None:
    # clip(slope * x + offset, 0, 1) = relu6(6 * slope * x + 6 * offset) / 6
    def scalar(part: str, value: float) -> int:
        return sink.constant(f"{node.name}/{part}", np.array([value], np.float32))

    scaled = sink.tensor(f"{node.name}/scaled", output[1])
    clipped = sink.tensor(f"{node.name}/clipped", output[1])
    _multiply(sink, [inputs[0][0], scalar("slope", 6 * node.number("slope"))], scaled)
    _add(
        sink,
        [scaled, scalar("offset", 6 * node.number("offset"))],
        clipped,
        _ACTIVATIONS["relu6"],
    )
    _multiply(sink, [clipped, scalar("sixth", 1 / 6)], output[0])


def _plain(code: int, options_type: int = 0, options: object | None = None) -> _Lowering:
    def write(sink: OperatorSink, node: Node, inputs: Sequence[Tensor], output: Tensor) -> None:
        sink.operator(code, [inputs[0][0]], output[0], options_type=options_type, options=options)

    return write


_LOWERINGS: dict[str, _Lowering] = {
    "conv2d": _conv2d,
    "depthwise_conv2d": _depthwise_conv2d,
    "dense": _dense,
    "add": _elementwise,
    "multiply": _elementwise,
    "scale_shift": _scale_shift,
    "zero_pad": _zero_pad,
    "crop": _crop,
    "max_pool": _pool,
    "average_pool": _pool,
    "global_average_pool": _global_pool,
    "global_max_pool": _global_pool,
    "concatenate": _concatenate,
    "flatten": _reshape,
    "reshape": _reshape,
    # An identity is only left where it is an output: a copy under its own name.
    "identity": _reshape,
    "softmax": _softmax,
    "leaky_relu": _leaky_relu,
    "swish": _swish,
    "hard_sigmoid": _hard_sigmoid,
    "hard_swish": _plain(_Code.HARD_SWISH, _Options.HardSwishOptions, schema.HardSwishOptionsT()),
    "relu": _plain(_Code.RELU),
    "relu6": _plain(_Code.RELU6),
    "elu": _plain(_Code.ELU),
    "sigmoid": _plain(_Code.LOGISTIC),
    "tanh": _plain(_Code.TANH),
}
