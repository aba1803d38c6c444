"""Where an architecture takes its weights from, and the groups of layers that all of them share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from core.inference.builder import NetworkBuilder

__all__ = ["ArraySource", "Blocks", "ShapeRecorder", "make_divisible"]


# Classifiers that Keras writes as a 1 x 1 convolution (V1's and V3's).
_ONE_PIXEL = frozenset({"conv_preds", "logits"})


def make_divisible(value: float, divisor: int = 8) -> int:
    """Return a number of channels near `value` that `divisor` divides, at least 90 % of it.

    Source: ``_make_divisible`` of the MobileNet V2 reference code.
    """
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


class ArraySource:
    """Weights by name, handed out only in the expected shape.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        By ``"<layer>/<variable>"``, kernels in Keras layout.

    Attributes
    ----------
    shapes : dict of str to tuple of int
        What was asked for so far, in order.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._arrays = arrays
        self.shapes: dict[str, tuple[int, ...]] = {}

    def take(self, name: str, *shape: int) -> NDArray[np.float32]:
        """Return the weight `name`.

        Raises
        ------
        ModelError
            If it is missing or has another shape.
        """
        self.shapes[name] = shape
        array = self._arrays.get(name)
        if array is None:
            raise ModelError("pretrained.weight_missing", weight=name[:80])
        if array.shape != shape:
            raise ModelError(
                "pretrained.weight_shape",
                weight=name[:80],
                expected=str(list(shape)),
                received=str(list(array.shape))[:80],
            )
        return np.asarray(array, dtype=np.float32)


class ShapeRecorder(ArraySource):
    """Hands out zeros, to learn which weights an architecture asks for."""

    def __init__(self) -> None:
        super().__init__({})

    def take(self, name: str, *shape: int) -> NDArray[np.float32]:
        """Note the weight and return zeros."""
        self.shapes[name] = shape
        return np.zeros(shape, np.float32)


class Blocks:
    """A network under construction, with its weights.

    Every method adds layers after `x` and returns the name of the last one.
    """

    def __init__(self, weights: ArraySource, *, input_size_px: int, epsilon: float = 1e-3) -> None:
        self.builder = NetworkBuilder()
        self.weights = weights
        self.epsilon = epsilon
        self.x = self.builder.input("input", (input_size_px, input_size_px, 3))
        self.channels = {self.x: 3}
        self.sizes = {self.x: input_size_px}

    def conv(
        self,
        x: str,
        name: str,
        filters: int,
        *,
        kernel: int = 1,
        strides: int = 1,
        bias: bool = False,
    ) -> str:
        """Add a convolution with "same" padding."""
        self.builder.conv2d(
            name,
            x,
            kernel=self.weights.take(f"{name}/kernel", kernel, kernel, self.channels[x], filters),
            bias=self.weights.take(f"{name}/bias", filters) if bias else None,
            strides=strides,
            padding="same",
        )
        return self._made(name, filters, -(-self.sizes[x] // strides))

    def depthwise(
        self, x: str, name: str, *, kernel: int = 3, strides: int = 1, pad: str | None = None
    ) -> str:
        """Add a depthwise convolution.

        With `pad`, the name of a padding layer, a stride of 2 pads as Keras' MobileNets do:
        explicitly, then "valid"; it is "same" padding otherwise.
        """
        channels, size = self.channels[x], self.sizes[x]
        padding = "same"
        if pad is not None and strides == 2:
            before, after = kernel // 2 - (1 - size % 2), kernel // 2
            x = self.builder.zero_pad(pad, x, ((before, after), (before, after)))
            padding = "valid"
        self.builder.depthwise_conv2d(
            name,
            x,
            kernel=self.weights.take(f"{name}/depthwise_kernel", kernel, kernel, channels, 1),
            strides=strides,
            padding=padding,
        )
        return self._made(name, channels, -(-size // strides))

    def batch_norm(self, x: str, name: str) -> str:
        """Add a batch normalisation."""
        channels = self.channels[x]
        self.builder.batch_norm(
            name,
            x,
            gamma=self.weights.take(f"{name}/gamma", channels),
            beta=self.weights.take(f"{name}/beta", channels),
            mean=self.weights.take(f"{name}/moving_mean", channels),
            variance=self.weights.take(f"{name}/moving_variance", channels),
            epsilon=self.epsilon,
        )
        return self._made(name, channels, self.sizes[x])

    def apply(self, x: str, name: str, op: str) -> str:
        """Add a layer without weights that keeps the shape, such as ``"relu6"``."""
        self.builder.add_node(name, op, x)
        return self._made(name, self.channels[x], self.sizes[x])

    def add(self, x: str, y: str, name: str) -> str:
        """Add ``x + y``."""
        self.builder.add(name, x, y)
        return self._made(name, self.channels[x], self.sizes[x])

    def multiply(self, x: str, y: str, name: str) -> str:
        """Add ``x * y``, `y` one value a channel."""
        self.builder.multiply(name, x, y)
        return self._made(name, self.channels[x], self.sizes[x])

    def pool(self, x: str, name: str, *, keepdims: bool = False) -> str:
        """Add the mean over height and width."""
        self.builder.global_average_pool(name, x, keepdims=keepdims)
        return self._made(name, self.channels[x], 1)

    def classify(self, x: str, name: str, classes: int) -> None:
        """Add the outputs of a backbone whose classifier `name` reads the pooled last map `x`."""
        self.apply(x, "feature_map", "identity")
        self.builder.global_average_pool("embedding", x)
        self.logits("embedding", name, self.channels[x], classes)

    def logits(self, x: str, name: str, channels: int, classes: int) -> None:
        """Add ``logits`` and ``probabilities`` after the flat `x`, with the weights of `name`.

        Where Keras has a convolution on one pixel this is the same sum as a dense layer.
        """
        shape = (1, 1, channels, classes) if name in _ONE_PIXEL else (channels, classes)
        kernel = self.weights.take(f"{name}/kernel", *shape).reshape(channels, classes)
        bias = self.weights.take(f"{name}/bias", classes)
        self.builder.dense("logits", x, kernel=kernel, bias=bias)
        self.builder.softmax("probabilities", "logits")

    def _made(self, name: str, channels: int, size: int) -> str:
        self.channels[name], self.sizes[name] = channels, size
        return name
