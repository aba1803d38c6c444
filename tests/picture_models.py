"""Taught picture models with made-up weights, small enough that every format is tried with each."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import cache

import numpy as np
from PIL import Image

from core.imaging import Preprocessing
from core.inference.builder import NetworkBuilder
from core.inference.flatbuffer import to_litert
from core.inference.litert import LiteRtModel
from core.inference.network import Network
from core.pretrained.architectures import ARCHITECTURES
from core.pretrained.architectures.blocks import ArraySource
from core.pretrained.backbone import TruncatedBackbone
from core.pretrained.convert import golden_input
from core.vision.exports.source import PictureModel, join_head
from core.vision.head import DenseLayer, ImageHead, Rejection, pool_features
from core.vision.taught import TaughtImageModel
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


def taught_model(
    *, pooled: bool = True, rejection: str = "similarity", seed: int = 0
) -> tuple[TaughtImageModel, Network]:
    """Return a taught model as the pages hold it, and the whole network below it."""
    rng = np.random.default_rng(seed)
    network = ARCHITECTURES["mobilenet_v1"].build(
        ArraySource(made_up("mobilenet_v1", 0.25, 7, seed=seed)),
        alpha=0.25,
        classes=7,
        input_size_px=LITE.input_size_px,
    )
    layer = "embedding" if pooled else "conv_pw_13_relu"
    backbone = TruncatedBackbone.from_network(
        network, layer, pooled=pooled, preprocessing=LITE, model_id="made-up", title="Made up"
    )
    seen = backbone.features(
        np.concatenate([golden_input(number, LITE.input_size_px) for number in range(6)])
    )
    values = seen.reshape(len(seen), -1)
    dense = []
    for units, activation in ((10, "relu"), (len(LABELS), "softmax")):
        kernel = rng.normal(size=(values.shape[1], units))
        kernel = (kernel * 1.5 / np.maximum((values @ kernel).std(0), 1e-3)).astype(np.float32)
        bias = -(values @ kernel).mean(0).astype(np.float32)
        dense.append(DenseLayer(kernel, bias, activation))
        values = np.maximum(values @ kernel + bias, 0)
    centre = pool_features(seen).mean(0)
    directions = pool_features(seen) - centre
    references = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    rules = {
        "similarity": Rejection("similarity", 0.2, centre, references.astype(np.float32)),
        "probability": Rejection("probability", 0.6),
    }
    head = ImageHead(
        LABELS,
        "made-up",
        layer,
        pooled,
        backbone.feature_shape,
        tuple(dense),
        LITE,
        rules[rejection],
    )
    return TaughtImageModel(backbone, head), network


@cache
def odd_photos() -> dict[str, bytes]:
    """Return pictures of every awkward kind, with soft and sharp parts as photos have them."""
    photos = {
        "landscape.png": encoded(drawn(640, 427), "PNG"),
        "portrait.png": encoded(drawn(300, 801), "PNG"),
        "tiny.png": encoded(drawn(5, 3), "PNG"),
        "one pixel.png": encoded(drawn(1, 1), "PNG"),
        "network's size.png": encoded(drawn(64, 64), "PNG"),
        "strip.png": encoded(drawn(40, 900), "PNG"),
        "grey.png": encoded(drawn(320, 240).convert("L"), "PNG"),
        "palette.png": encoded(drawn(320, 240).quantize(32), "PNG"),
        "photo.jpg": encoded(drawn(500, 375, stripes=20), "JPEG", quality=92),
        "huge.jpg": encoded(drawn(2600, 1950, stripes=20), "JPEG", quality=90),
        "picture.webp": encoded(drawn(333, 222), "WEBP", lossless=True),
        "picture.bmp": encoded(drawn(120, 90), "BMP"),
    }
    deep = np.asarray(drawn(200, 150).convert("L")).astype(np.uint16) * 257
    photos["sixteen bits.png"] = encoded(Image.fromarray(deep), "PNG")
    rotated = drawn(320, 200, stripes=20)
    for orientation in (3, 6, 8):
        exif = Image.Exif()
        exif[0x0112] = orientation
        photos[f"turned {orientation}.jpg"] = encoded(rotated, "JPEG", quality=95, exif=exif)
    transparent = drawn(256, 256).convert("RGBA")
    alpha = np.add.outer(np.arange(256), np.arange(256)) // 2
    transparent.putalpha(Image.fromarray(alpha.astype(np.uint8)))
    photos["transparent.png"] = encoded(transparent, "PNG")
    return photos


def drawn(width: int, height: int, *, stripes: int = 60) -> Image.Image:
    """Return a picture with shades, discs and stripes."""
    y, x = np.mgrid[:height, :width] / max(width, height)
    red = 128 + 100 * np.sin(9 * x + 4 * y * y)
    green = 255 * np.clip(1.2 - 3 * np.hypot(x - 0.4, y - 0.3), 0, 1)
    blue = 120 + 80 * np.clip(4 * np.sin(stripes * (x + 0.3 * y)), -1, 1)
    pixels = np.dstack([red, green, blue]).clip(0, 255).astype(np.uint8)
    return Image.fromarray(pixels)


def encoded(image: Image.Image, kind: str, **settings: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **settings)
    return buffer.getvalue()
