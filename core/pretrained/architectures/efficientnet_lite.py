"""EfficientNet-Lite0: EfficientNet without squeeze-and-excite and with ReLU6, for small processors.

Source: the EfficientNet-Lite reference (TensorFlow, Apache-2.0) for the layers; the names are
those of keras.applications' EfficientNet, the weights come in PyTorch's layout and names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.inference.network import Network
from core.pretrained.architectures.blocks import ArraySource, Blocks

__all__ = ["efficientnet_lite0", "rename_torch_weights"]

# Expansion, channels, repeats, first stride, kernel of each stage.
_STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
_BATCH_NORM = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def efficientnet_lite0(
    weights: ArraySource, *, alpha: float = 1.0, classes: int = 1000, input_size_px: int = 224
) -> Network:
    """Return EfficientNet-Lite0 with its weights.

    Parameters
    ----------
    weights : ArraySource
        As :func:`rename_torch_weights` returns them.
    alpha : float
        Only 1.0: the family has one width for each of its sizes.
    classes : int
    input_size_px : int
        Side of the square input; values of ``(pixel - 127) / 128``.

    Returns
    -------
    Network
        Outputs ``logits``, ``probabilities``, ``embedding`` [1280] and ``feature_map``.
    """
    b = Blocks(weights, input_size_px=input_size_px)
    x = b.conv(b.x, "stem_conv", 32, kernel=3, strides=2)
    x = b.apply(b.batch_norm(x, "stem_bn"), "stem_activation", "relu6")
    for prefix, expansion, filters, strides, kernel in _blocks():
        shortcut = x
        if expansion > 1:
            x = b.conv(x, f"{prefix}_expand_conv", expansion * b.channels[x])
            x = b.batch_norm(x, f"{prefix}_expand_bn")
            x = b.apply(x, f"{prefix}_expand_activation", "relu6")
        x = b.depthwise(x, f"{prefix}_dwconv", kernel=kernel, strides=strides)
        x = b.apply(b.batch_norm(x, f"{prefix}_bn"), f"{prefix}_activation", "relu6")
        x = b.batch_norm(b.conv(x, f"{prefix}_project_conv", filters), f"{prefix}_project_bn")
        if strides == 1 and b.channels[shortcut] == filters:
            x = b.add(shortcut, x, f"{prefix}_add")
    x = b.conv(x, "top_conv", 1280)
    x = b.apply(b.batch_norm(x, "top_bn"), "top_activation", "relu6")
    b.classify(x, "predictions", classes)
    return b.builder.build()


def _blocks() -> list[tuple[str, int, int, int, int]]:
    """Return name, expansion, channels, stride and kernel of each of the 16 blocks."""
    return [
        (f"block{stage}{'abcd'[repeat]}", expansion, filters, strides if repeat == 0 else 1, kernel)
        for stage, (expansion, filters, repeats, strides, kernel) in enumerate(_STAGES, start=1)
        for repeat in range(repeats)
    ]


def rename_torch_weights(state: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
    """Return PyTorch's weights under the names and in the layout that this module uses.

    Parameters
    ----------
    state : mapping of str to ndarray
        Such as ``_blocks.0._depthwise_conv.weight``, kernels [out, in, height, width].

    Returns
    -------
    dict of str to ndarray of float32
        Such as ``block1a_dwconv/depthwise_kernel``, kernels in Keras layout.
    """
    convolutions = {"_conv_stem": "stem_conv", "_conv_head": "top_conv"}
    depthwise = {}
    norms = {"_bn0": "stem_bn", "_bn1": "top_bn"}
    for number, (prefix, *_rest) in enumerate(_blocks()):
        block = f"_blocks.{number}."
        convolutions[f"{block}_expand_conv"] = f"{prefix}_expand_conv"
        convolutions[f"{block}_project_conv"] = f"{prefix}_project_conv"
        depthwise[f"{block}_depthwise_conv"] = f"{prefix}_dwconv"
        norms[f"{block}_bn0"] = f"{prefix}_expand_bn"
        norms[f"{block}_bn1"] = f"{prefix}_bn"
        norms[f"{block}_bn2"] = f"{prefix}_project_bn"

    renamed: dict[str, NDArray[np.float32]] = {}
    for name, array in state.items():
        layer, _, variable = name.rpartition(".")
        if layer in convolutions and array.ndim == 4:
            renamed[f"{convolutions[layer]}/kernel"] = array.transpose(2, 3, 1, 0)
        elif layer in depthwise and array.ndim == 4:
            renamed[f"{depthwise[layer]}/depthwise_kernel"] = array.transpose(2, 3, 0, 1)
        elif layer in norms:
            for ours, theirs in _BATCH_NORM.items():
                if variable == theirs:
                    renamed[f"{norms[layer]}/{ours}"] = array
        elif layer == "_fc":
            ours = {"weight": "kernel", "bias": "bias"}.get(variable, variable)
            renamed[f"predictions/{ours}"] = array.T
    return renamed
