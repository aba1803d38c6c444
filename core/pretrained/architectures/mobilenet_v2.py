"""MobileNet V2: inverted residuals with linear bottlenecks.

Source: M. Sandler et al., "MobileNetV2" (2018), with the layer names of keras.applications.
"""

from __future__ import annotations

from core.inference.network import Network
from core.pretrained.architectures.blocks import ArraySource, Blocks, make_divisible

__all__ = ["mobilenet_v2"]

# Expansion, channels, repeats and first stride of each stage (table 2 of the paper).
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def mobilenet_v2(
    weights: ArraySource, *, alpha: float, classes: int, input_size_px: int = 224
) -> Network:
    """Return MobileNet V2 with its weights.

    Parameters
    ----------
    weights : ArraySource
        Keras layout and names, such as ``block_1_expand/kernel``.
    alpha : float
        Width multiplier: 0.35 to 1.4 for the published weights.
    classes : int
    input_size_px : int
        Side of the square input; values of -1 to 1.

    Returns
    -------
    Network
        Outputs ``logits``, ``probabilities``, ``embedding`` [1280] and ``feature_map``.
    """
    b = Blocks(weights, input_size_px=input_size_px)
    x = b.conv(b.x, "Conv1", make_divisible(32 * alpha), kernel=3, strides=2)
    x = b.apply(b.batch_norm(x, "bn_Conv1"), "Conv1_relu", "relu6")
    number = 0
    for expansion, filters, repeats, first_strides in _STAGES:
        for repeat in range(repeats):
            strides = first_strides if repeat == 0 else 1
            channels = make_divisible(int(filters * alpha))
            x = _inverted_residual(b, x, number, expansion, channels, strides)
            number += 1
    # The last layer is not made narrower than in the paper.
    x = b.conv(x, "Conv_1", make_divisible(1280 * alpha) if alpha > 1 else 1280)
    x = b.apply(b.batch_norm(x, "Conv_1_bn"), "out_relu", "relu6")
    b.classify(x, "predictions", classes)
    return b.builder.build()


def _inverted_residual(
    b: Blocks, x: str, number: int, expansion: int, filters: int, strides: int
) -> str:
    shortcut = x
    prefix = f"block_{number}_" if number else "expanded_conv_"
    if number:
        x = b.conv(x, f"{prefix}expand", expansion * b.channels[x])
        x = b.apply(b.batch_norm(x, f"{prefix}expand_BN"), f"{prefix}expand_relu", "relu6")
    x = b.depthwise(x, f"{prefix}depthwise", strides=strides, pad=f"{prefix}pad")
    x = b.apply(b.batch_norm(x, f"{prefix}depthwise_BN"), f"{prefix}depthwise_relu", "relu6")
    x = b.conv(x, f"{prefix}project", filters)
    x = b.batch_norm(x, f"{prefix}project_BN")
    if strides == 1 and b.channels[shortcut] == filters:
        x = b.add(shortcut, x, f"{prefix}add")
    return x
