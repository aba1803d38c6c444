"""MobileNet V3 Large: inverted residuals with squeeze-and-excite and hard swish.

Source: A. Howard et al., "Searching for MobileNetV3" (2019), table 1, with the layer names of
keras.applications. Its classifier has a layer of its own after pooling, so the logits are no
linear function of the embedding.
"""

from __future__ import annotations

from core.inference.network import Network
from core.pretrained.architectures.blocks import ArraySource, Blocks, make_divisible

__all__ = ["mobilenet_v3_large"]

# Expansion, channels, kernel, stride, squeeze-and-excite, activation.
_BLOCKS = (
    (1.0, 16, 3, 1, False, "relu"),
    (4.0, 24, 3, 2, False, "relu"),
    (3.0, 24, 3, 1, False, "relu"),
    (3.0, 40, 5, 2, True, "relu"),
    (3.0, 40, 5, 1, True, "relu"),
    (3.0, 40, 5, 1, True, "relu"),
    (6.0, 80, 3, 2, False, "hard_swish"),
    (2.5, 80, 3, 1, False, "hard_swish"),
    (2.3, 80, 3, 1, False, "hard_swish"),
    (2.3, 80, 3, 1, False, "hard_swish"),
    (6.0, 112, 3, 1, True, "hard_swish"),
    (6.0, 112, 3, 1, True, "hard_swish"),
    (6.0, 160, 5, 2, True, "hard_swish"),
    (6.0, 160, 5, 1, True, "hard_swish"),
    (6.0, 160, 5, 1, True, "hard_swish"),
)
_LAST_CHANNELS = 1280


def mobilenet_v3_large(
    weights: ArraySource, *, alpha: float, classes: int, input_size_px: int = 224
) -> Network:
    """Return MobileNet V3 Large with its weights.

    Parameters
    ----------
    weights : ArraySource
        Keras layout and names, such as ``expanded_conv_3_squeeze_excite_conv/kernel``.
    alpha : float
        Width multiplier: 0.75 or 1.0 for the published weights.
    classes : int
    input_size_px : int
        Side of the square input; values of -1 to 1 (Keras' model takes 0 to 255 and scales).

    Returns
    -------
    Network
        Outputs ``logits``, ``probabilities``, ``embedding`` (pooled, before the last two
        layers) and ``feature_map``.
    """
    b = Blocks(weights, input_size_px=input_size_px)
    x = b.conv(b.x, "conv", 16, kernel=3, strides=2)
    x = b.apply(b.batch_norm(x, "conv_bn"), "conv_activation", "hard_swish")
    for number, block in enumerate(_BLOCKS):
        x = _block(b, x, number, alpha, *block)
    x = b.conv(x, "conv_1", make_divisible(b.channels[x] * 6))
    x = b.apply(b.batch_norm(x, "conv_1_bn"), "conv_1_activation", "hard_swish")
    b.apply(x, "feature_map", "identity")
    pooled = b.pool(x, "avg_pool", keepdims=True)
    b.builder.flatten("embedding", pooled)
    last = make_divisible(_LAST_CHANNELS * alpha) if alpha > 1 else _LAST_CHANNELS
    x = b.apply(b.conv(pooled, "conv_2", last, bias=True), "conv_2_activation", "hard_swish")
    b.builder.flatten("conv_2_flat", x)
    b.logits("conv_2_flat", "logits", last, classes)
    return b.builder.build()


def _block(
    b: Blocks,
    x: str,
    number: int,
    alpha: float,
    expansion: float,
    filters: int,
    kernel: int,
    strides: int,
    squeeze: bool,
    activation: str,
) -> str:
    shortcut = x
    filters = make_divisible(filters * alpha)
    expanded = make_divisible(b.channels[x] * expansion)
    prefix = f"expanded_conv_{number}_" if number else "expanded_conv_"
    if number:
        x = b.batch_norm(b.conv(x, f"{prefix}expand", expanded), f"{prefix}expand_bn")
        x = b.apply(x, f"{prefix}expand_activation", activation)
    x = b.depthwise(
        x, f"{prefix}depthwise", kernel=kernel, strides=strides, pad=f"{prefix}depthwise_pad"
    )
    x = b.batch_norm(x, f"{prefix}depthwise_bn")
    x = b.apply(x, f"{prefix}depthwise_activation", activation)
    if squeeze:
        x = _squeeze_excite(b, x, f"{prefix}squeeze_excite_")
    x = b.batch_norm(b.conv(x, f"{prefix}project", filters), f"{prefix}project_bn")
    if strides == 1 and b.channels[shortcut] == filters:
        x = b.add(shortcut, x, f"{prefix}add")
    return x


def _squeeze_excite(b: Blocks, x: str, prefix: str) -> str:
    channels = b.channels[x]
    gate = b.pool(x, f"{prefix}avg_pool", keepdims=True)
    gate = b.conv(gate, f"{prefix}conv", make_divisible(channels * 0.25), bias=True)
    gate = b.apply(gate, f"{prefix}relu", "relu")
    gate = b.conv(gate, f"{prefix}conv_1", channels, bias=True)
    b.builder.hard_sigmoid(f"{prefix}gate", gate, slope=1 / 6, offset=0.5)
    return b.multiply(x, f"{prefix}gate", f"{prefix}mul")
