"""Taught picture models with made-up weights, small enough that every format is tried with each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.imaging import Preprocessing
from core.inference.builder import NetworkBuilder
from core.inference.flatbuffer import to_litert
from core.inference.litert import LiteRtModel
from core.pretrained.architectures import ARCHITECTURES
from core.pretrained.architectures.blocks import ArraySource
from core.pretrained.convert import golden_input
from core.vision.exports.source import PictureModel, join_head
from tests.unit.pretrained.conftest import made_up

LABELS = ("robot", "水果 </script><b>", 'it\'s a "window" & more')

LITE = Preprocessing(64, "center_crop", 0.875, "bicubic", 127, 128)
MOBILENET = Preprocessing(64, "center_crop", 1.0, "bilinear", 127.5, 127.5)


def picture_model(
    architecture: str = "efficientnet_lite0",
    features: str = "embedding",
    *,
    preprocessing: Preprocessing = LITE,
    hidden: int = 10,
    seed: int = 0,
    **changes: object,
) -> PictureModel:
    """Return a model whose answers to drawn pictures are neither all alike nor certain."""
    alpha = {"efficientnet_lite0": 1.0, "mobilenet_v3_large": 0.75}.get(architecture, 0.25)
    alpha = 0.35 if architecture == "mobilenet_v2" else alpha
    body = ARCHITECTURES[architecture].build(
        ArraySource(made_up(architecture, alpha, 7, seed=seed)),
        alpha=alpha,
        classes=7,
        input_size_px=preprocessing.input_size_px,
    )
    rng = np.random.default_rng(seed)
    drawn = [golden_input(number, preprocessing.input_size_px) for number in range(6)]
    pixels = np.concatenate(drawn) * 128 + 128
    scaled = (pixels - np.float32(preprocessing.offset)) / np.float32(preprocessing.scale)
    seen = LiteRtModel(to_litert(body, outputs=[features])).run(scaled)[features]
    shape = body.output_shape(features)
    b = NetworkBuilder()
    x = b.input("features", shape)
    x = b.flatten("flatten", x) if len(shape) > 1 else x
    values = seen.reshape(len(seen), -1).astype(np.float64)
    for name, units in (("hidden", hidden), ("answers", len(LABELS))):
        if not units:
            continue
        # So that each unit is about as often above its middle as below.
        kernel = rng.normal(size=(values.shape[1], units))
        kernel *= 1.5 / np.maximum((values @ kernel).std(0), 1e-3)
        bias = -(values @ kernel).mean(0) + rng.normal(0, 0.3, units)
        x = b.dense(name, x, kernel=kernel, bias=bias)
        values = values @ kernel + bias
        if name == "hidden":
            x, values = b.relu("hidden_relu", x), np.maximum(values, 0)
    b.softmax("shares", x)
    network = join_head(body, features, b.build())
    model = PictureModel(
        "My <b>marks</b> 标记", LABELS, preprocessing, network, features, None, "Made up", "none"
    )
    return replace(model, **changes)
