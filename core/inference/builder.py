"""Describing a network layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import ModelError
from core.inference.network import Network
from core.inference.node import Node, Shape
from core.inference.shapes import FUSING, output_shape

__all__ = ["NetworkBuilder"]


class NetworkBuilder:
    """Makes a network layer by layer.

    Every method adds one node under `name` and returns that name, to be read by later ones; it
    raises ModelError at once where shapes or weights do not fit. :meth:`build` checks the whole.

    Examples
    --------
    >>> import numpy as np
    >>> b = NetworkBuilder()
    >>> x = b.input("picture", (8, 8, 3))
    >>> x = b.conv2d("conv", x, kernel=np.ones((3, 3, 3, 4)), strides=2, padding="same")
    >>> x = b.relu6("relu", x)
    >>> b.build().output_shape("relu")
    (4, 4, 4)
    """

    def __init__(self) -> None:
        self._nodes: list[Node] = []
        self._shapes: dict[str, Shape] = {}

    def shape(self, name: str) -> Shape:
        """Return the shape that the layer of this name makes, without the batch."""
        return self._shapes[name]

    def __contains__(self, name: object) -> bool:
        return name in self._shapes

    def build(self) -> Network:
        """Return the network of all layers added so far.

        Raises
        ------
        ModelError
            As :class:`Network` says.
        """
        return Network(tuple(self._nodes))

    def add_node(
        self,
        name: str,
        op: str,
        *inputs: str,
        weights: Mapping[str, ArrayLike | None] | None = None,
        **attributes: object,
    ) -> str:
        """Add a node of any operation; weights that are None are left out, others made float32."""
        arrays: dict[str, NDArray[np.float32]] = {
            key: np.ascontiguousarray(value, dtype=np.float32)
            for key, value in (weights or {}).items()
            if value is not None
        }
        if op in FUSING:
            attributes.setdefault("activation", None)
        node = Node(name, op, inputs, attributes, arrays)
        for read in inputs:
            if read not in self._shapes:
                raise ModelError("network.unknown_input", name=name, input=read)
        self._shapes[name] = output_shape(node, [self._shapes[read] for read in inputs])
        self._nodes.append(node)
        return name

    def input(self, name: str, shape: Sequence[int]) -> str:
        """Add an input of `shape`, without the batch."""
        return self.add_node(name, "input", shape=tuple(shape))

    def conv2d(
        self,
        name: str,
        x: str,
        *,
        kernel: ArrayLike,
        bias: ArrayLike | None = None,
        strides: int | Sequence[int] = 1,
        padding: str = "same",
        dilations: int | Sequence[int] = 1,
    ) -> str:
        """Add a convolution; `kernel` is [height, width, in, out], `bias` [out]."""
        return self.add_node(
            name,
            "conv2d",
            x,
            weights={"kernel": kernel, "bias": bias},
            strides=_pair(strides),
            padding=padding,
            dilations=_pair(dilations),
        )

    def depthwise_conv2d(
        self,
        name: str,
        x: str,
        *,
        kernel: ArrayLike,
        bias: ArrayLike | None = None,
        strides: int | Sequence[int] = 1,
        padding: str = "same",
        dilations: int | Sequence[int] = 1,
    ) -> str:
        """Add a depthwise convolution; `kernel` is [height, width, in, multiplier]."""
        return self.add_node(
            name,
            "depthwise_conv2d",
            x,
            weights={"kernel": kernel, "bias": bias},
            strides=_pair(strides),
            padding=padding,
            dilations=_pair(dilations),
        )

    def dense(self, name: str, x: str, *, kernel: ArrayLike, bias: ArrayLike | None = None) -> str:
        """Add a matrix product with the last axis; `kernel` is [in, out], `bias` [out]."""
        return self.add_node(name, "dense", x, weights={"kernel": kernel, "bias": bias})

    def batch_norm(
        self,
        name: str,
        x: str,
        *,
        gamma: ArrayLike | None = None,
        beta: ArrayLike | None = None,
        mean: ArrayLike,
        variance: ArrayLike,
        epsilon: float = 1e-3,
    ) -> str:
        """Add ``gamma * (x - mean) / sqrt(variance + epsilon) + beta`` on the last axis."""
        centre = np.asarray(mean, dtype=np.float32)
        return self.add_node(
            name,
            "batch_norm",
            x,
            weights={
                "gamma": np.ones_like(centre) if gamma is None else gamma,
                "beta": np.zeros_like(centre) if beta is None else beta,
                "mean": centre,
                "variance": variance,
            },
            epsilon=epsilon,
        )

    def scale_shift(self, name: str, x: str, *, scale: ArrayLike, shift: ArrayLike) -> str:
        """Add ``x * scale + shift``; each is one number or one per channel (last axis)."""
        weights = {"scale": np.atleast_1d(scale), "shift": np.atleast_1d(shift)}
        return self.add_node(name, "scale_shift", x, weights=weights)

    def relu(self, name: str, x: str) -> str:
        """Add ``max(x, 0)``."""
        return self.add_node(name, "relu", x)

    def relu6(self, name: str, x: str) -> str:
        """Add ``min(max(x, 0), 6)``."""
        return self.add_node(name, "relu6", x)

    def leaky_relu(self, name: str, x: str, *, alpha: float) -> str:
        """Add ``x`` where positive, ``alpha * x`` elsewhere."""
        return self.add_node(name, "leaky_relu", x, alpha=alpha)

    def elu(self, name: str, x: str) -> str:
        """Add ``x`` where positive, ``exp(x) - 1`` elsewhere."""
        return self.add_node(name, "elu", x)

    def sigmoid(self, name: str, x: str) -> str:
        """Add ``1 / (1 + exp(-x))``."""
        return self.add_node(name, "sigmoid", x)

    def tanh(self, name: str, x: str) -> str:
        """Add the hyperbolic tangent."""
        return self.add_node(name, "tanh", x)

    def swish(self, name: str, x: str) -> str:
        """Add ``x * sigmoid(x)``, also called SiLU."""
        return self.add_node(name, "swish", x)

    def hard_swish(self, name: str, x: str) -> str:
        """Add ``x * relu6(x + 3) / 6``."""
        return self.add_node(name, "hard_swish", x)

    def hard_sigmoid(self, name: str, x: str, *, slope: float = 1 / 6, offset: float = 0.5) -> str:
        """Add ``clip(slope * x + offset, 0, 1)``: Keras 3's by default, 0.2 for TensorFlow.js."""
        return self.add_node(name, "hard_sigmoid", x, slope=slope, offset=offset)

    def softmax(self, name: str, x: str) -> str:
        """Add the softmax over the last axis."""
        return self.add_node(name, "softmax", x)

    def identity(self, name: str, x: str) -> str:
        """Add another name for `x`, such as a dropout that does nothing at inference."""
        return self.add_node(name, "identity", x)

    def zero_pad(self, name: str, x: str, padding: Sequence[Sequence[int]]) -> str:
        """Add zeros around a picture; `padding` is ``((top, bottom), (left, right))``."""
        (top, bottom), (left, right) = padding
        return self.add_node(name, "zero_pad", x, padding=(top, bottom, left, right))

    def crop(self, name: str, x: str, cropping: Sequence[Sequence[int]]) -> str:
        """Cut the edges off a picture; `cropping` is ``((top, bottom), (left, right))``."""
        (top, bottom), (left, right) = cropping
        return self.add_node(name, "crop", x, cropping=(top, bottom, left, right))

    def add(self, name: str, x: str, y: str) -> str:
        """Add ``x + y``."""
        return self.add_node(name, "add", x, y)

    def multiply(self, name: str, x: str, y: str) -> str:
        """Add ``x * y``; an axis of either may be 1, as in squeeze-and-excite."""
        return self.add_node(name, "multiply", x, y)

    def concatenate(self, name: str, xs: Sequence[str], *, axis: int) -> str:
        """Add the inputs side by side along `axis`, counted without the batch."""
        return self.add_node(name, "concatenate", *xs, axis=axis)

    def global_average_pool(self, name: str, x: str, *, keepdims: bool = False) -> str:
        """Add the mean over height and width."""
        return self.add_node(name, "global_average_pool", x, keepdims=keepdims)

    def global_max_pool(self, name: str, x: str, *, keepdims: bool = False) -> str:
        """Add the maximum over height and width."""
        return self.add_node(name, "global_max_pool", x, keepdims=keepdims)

    def max_pool(
        self,
        name: str,
        x: str,
        *,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
    ) -> str:
        """Add the maximum of each window; `strides` default to `pool_size`."""
        return self._pool("max_pool", name, x, pool_size, strides, padding)

    def average_pool(
        self,
        name: str,
        x: str,
        *,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
    ) -> str:
        """Add the mean of each window (padding is not counted); `strides` as in max_pool."""
        return self._pool("average_pool", name, x, pool_size, strides, padding)

    def flatten(self, name: str, x: str) -> str:
        """Add all values in one axis."""
        return self.add_node(name, "flatten", x)

    def reshape(self, name: str, x: str, shape: Sequence[int]) -> str:
        """Add the same values in another `shape`, without the batch."""
        return self.add_node(name, "reshape", x, shape=tuple(shape))

    def _pool(
        self,
        op: str,
        name: str,
        x: str,
        pool_size: int | Sequence[int],
        strides: int | Sequence[int] | None,
        padding: str,
    ) -> str:
        return self.add_node(
            name,
            op,
            x,
            pool_size=_pair(pool_size),
            strides=_pair(pool_size if strides is None else strides),
            padding=padding,
        )


def _pair(value: int | Sequence[int]) -> tuple[int, ...]:
    return (value, value) if isinstance(value, int) else tuple(value)
