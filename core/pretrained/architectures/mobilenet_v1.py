"""MobileNet V1: depthwise separable convolutions, one after the other.

Source: A. Howard et al., "MobileNets" (2017), with the layer names of keras.applications.
"""

from __future__ import annotations

from core.inference.network import Network
from core.pretrained.architectures.blocks import ArraySource, Blocks

__all__ = ["mobilenet_v1"]

# Channels and stride of each separable block, before the width multiplier.
_BLOCKS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1),
    (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip


def mobilenet_v1(
    weights: ArraySource, *, alpha: float, classes: int, input_size_px: int = 224
) -> Network:
    """Return MobileNet V1 with its weights.

    Parameters
    ----------
    weights : ArraySource
        Keras layout and names, such as ``conv_dw_1/depthwise_kernel``.
    alpha : float
        Width multiplier: 0.25, 0.5, 0.75 or 1.0 for the published weights.
    classes : int
    input_size_px : int
        Side of the square input; values of -1 to 1.

    Returns
    -------
    Network
        Outputs ``logits``, ``probabilities``, ``embedding`` [1024 alpha] and ``feature_map``.
    """
    b = Blocks(weights, input_size_px=input_size_px)
    x = b.conv(b.x, "conv1", int(32 * alpha), kernel=3, strides=2)
    x = b.apply(b.batch_norm(x, "conv1_bn"), "conv1_relu", "relu6")
    for number, (filters, strides) in enumerate(_BLOCKS, start=1):
        depthwise, pointwise = f"conv_dw_{number}", f"conv_pw_{number}"
        x = b.depthwise(x, depthwise, strides=strides, pad=f"conv_pad_{number}")
        x = b.apply(b.batch_norm(x, f"{depthwise}_bn"), f"{depthwise}_relu", "relu6")
        x = b.conv(x, pointwise, int(filters * alpha))
        x = b.apply(b.batch_norm(x, f"{pointwise}_bn"), f"{pointwise}_relu", "relu6")
    b.classify(x, "conv_preds", classes)
    return b.builder.build()
