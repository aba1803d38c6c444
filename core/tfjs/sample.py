"""A small model to try conversions with, made here: no download and no TensorFlow."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.tfjs.model import Config, LayersModel, Origin, Weight
from core.tfjs.write_h5 import h5_bytes

__all__ = ["SAMPLE_NAME", "sample_file", "sample_model"]

SAMPLE_NAME = "sample_network.h5"
_SEED = 20
_SIDE_PX = 96
_CLASSES = 10
_STEM_FILTERS = 16
# Filters and stride of each depthwise separable block, in MobileNet's manner.
_BLOCKS = ((32, 1), (64, 2), (128, 2), (128, 1), (256, 2))


class _Builder:
    """Collects layers and draws their weights, layer by layer from one generator."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(_SEED)
        self.layers: list[Config] = []
        self.weights: dict[str, Weight] = {}

    def add(self, class_name: str, name: str, **config: Any) -> None:
        self.layers.append({"class_name": class_name, "config": {"name": name, **config}})

    def kernel(self, name: str, shape: tuple[int, ...], *, fan_in: int) -> None:
        # He initialisation keeps the numbers at one size from layer to layer.
        values = self._rng.normal(0.0, np.sqrt(2.0 / fan_in), shape)
        self.weights[name] = values.astype(np.float32)

    def batch_norm(self, name: str, channels: int) -> None:
        self.add("BatchNormalization", name, axis=-1, momentum=0.99, epsilon=1e-3)
        for variable, low, high in (
            ("gamma", 0.8, 1.2),
            ("beta", -0.2, 0.2),
            ("moving_mean", -0.2, 0.2),
            ("moving_variance", 0.8, 1.2),
        ):
            values = self._rng.uniform(low, high, channels)
            self.weights[f"{name}/{variable}"] = values.astype(np.float32)


def sample_model() -> LayersModel:
    """Return a MobileNet in small with random weights, the same at every call.

    Returns
    -------
    LayersModel
        A Sequential of Keras layers: pictures ``[n, 96, 96, 3]`` to probabilities ``[n, 10]``.
        It was never trained, so its answers mean nothing.

    Examples
    --------
    >>> sample_model().parameters
    70186
    """
    build = _Builder()
    convolution = {"padding": "same", "use_bias": False, "activation": "linear"}
    build.add(
        "InputLayer", "picture", batch_input_shape=[None, _SIDE_PX, _SIDE_PX, 3], dtype="float32"
    )
    build.add(
        "Conv2D",
        "stem",
        filters=_STEM_FILTERS,
        kernel_size=[3, 3],
        strides=[2, 2],
        **convolution,
    )
    build.kernel("stem/kernel", (3, 3, 3, _STEM_FILTERS), fan_in=27)
    build.batch_norm("stem_norm", _STEM_FILTERS)
    build.add("ReLU", "stem_relu", max_value=6.0)
    channels = _STEM_FILTERS
    for number, (filters, stride) in enumerate(_BLOCKS, start=1):
        depthwise, pointwise = f"block_{number}_depthwise", f"block_{number}_pointwise"
        build.add(
            "DepthwiseConv2D",
            depthwise,
            kernel_size=[3, 3],
            strides=[stride, stride],
            depth_multiplier=1,
            **convolution,
        )
        build.kernel(f"{depthwise}/depthwise_kernel", (3, 3, channels, 1), fan_in=9)
        build.batch_norm(f"{depthwise}_norm", channels)
        build.add("ReLU", f"{depthwise}_relu", max_value=6.0)
        build.add(
            "Conv2D", pointwise, filters=filters, kernel_size=[1, 1], strides=[1, 1], **convolution
        )
        build.kernel(f"{pointwise}/kernel", (1, 1, channels, filters), fan_in=channels)
        build.batch_norm(f"{pointwise}_norm", filters)
        build.add("ReLU", f"{pointwise}_relu", max_value=6.0)
        channels = filters
    build.add("GlobalAveragePooling2D", "pool")
    build.add("Dense", "classes", units=_CLASSES, use_bias=True, activation="softmax")
    build.kernel("classes/kernel", (channels, _CLASSES), fan_in=channels)
    build.weights["classes/bias"] = np.zeros(_CLASSES, np.float32)
    return LayersModel(
        topology={
            "class_name": "Sequential",
            "config": {"name": "sample_network", "layers": build.layers},
        },
        weights=build.weights,
        origin=Origin("keras", keras_version="2.15.0"),
    )


def sample_file() -> bytes:
    """Return the sample as an .h5 file."""
    return h5_bytes(sample_model())
