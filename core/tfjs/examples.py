"""Inputs on which two models are compared: random numbers and pictures, always the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from core.errors import ModelError
from core.tfjs.model import Config, LayersModel, is_model
from core.tfjs.shapes import Shape, model_input_shapes

__all__ = ["ExampleInputs", "drawn_pictures", "example_inputs"]

Array = NDArray[Any]

RANDOM_INPUTS = 4
PICTURES = 24
SEED = 20
_UNKNOWN_PICTURE_SIDE = 96
_UNKNOWN_LENGTH = 8


@dataclass(frozen=True)
class ExampleInputs:
    """Batches for a model's inputs; the last `pictures` of each batch are pictures."""

    arrays: tuple[Array, ...]
    pictures: int


def example_inputs(
    model: LayersModel, *, pictures: Sequence[NDArray[np.uint8]] | None = None
) -> ExampleInputs:
    """Return inputs to compare models on, always the same for the same model.

    Parameters
    ----------
    model : LayersModel
    pictures : sequence of ndarray of uint8, optional
        RGB pictures of any size to use instead of the drawn ones.

    Returns
    -------
    ExampleInputs
        Random numbers, and pictures where the one input has the shape of one. Pixels go from
        0 to 255 where the model scales them itself, from -1 to 1 otherwise.
    """
    entries = model_input_shapes(model.topology)
    rng = np.random.default_rng(SEED)
    shapes = [_filled(shape) for _, shape, _ in entries]
    batch = next((s[0] for _, s, _ in entries if s is not None and s[0] is not None), None)
    arrays = [
        _random_input(model, name, shape, dtype, rng, batch or RANDOM_INPUTS)
        for (name, _, dtype), shape in zip(entries, shapes, strict=True)
    ]
    is_picture = len(shapes) == 1 and len(shapes[0]) == 3 and shapes[0][-1] in (1, 3, 4)
    if not is_picture or batch is not None or min(shapes[0][:2]) < 8:
        return ExampleInputs(tuple(arrays), 0)
    drawn = drawn_pictures(PICTURES) if pictures is None else pictures
    pixels = np.stack([_fitted(picture, shapes[0]) for picture in drawn])
    if not _scales_pixels(model):
        pixels = (pixels - 127.5) / 127.5
    return ExampleInputs((np.concatenate([arrays[0], pixels.astype(np.float32)]),), len(drawn))


def _filled(shape: Shape | None) -> tuple[int, ...]:
    if shape is None:
        raise ModelError("convert.input_shape")
    sizes = shape[1:]
    picture = len(sizes) == 3
    unknown = _UNKNOWN_PICTURE_SIDE if picture else _UNKNOWN_LENGTH
    return tuple(unknown if size is None else size for size in sizes)


def _random_input(
    model: LayersModel,
    name: str,
    shape: tuple[int, ...],
    dtype: str,
    rng: np.random.Generator,
    batch: int,
) -> Array:
    count = _categories(model.topology, name)
    if count is not None:
        codes = rng.integers(0, count, (batch, *shape))
        return codes.astype(np.int32 if dtype.startswith("int") else np.float32)
    if dtype.startswith("int"):
        return rng.integers(0, 10, (batch, *shape)).astype(np.int32)
    return rng.uniform(-1.0, 1.0, (batch, *shape)).astype(np.float32)


def _categories(topology: Config, name: str) -> int | None:
    """Return how many integers an input that feeds an Embedding or CategoryEncoding may hold."""
    layers = topology["config"]["layers"]
    for number, layer in enumerate(layers):
        if topology["class_name"] == "Sequential":
            reads = number > 0 and layers[number - 1]["config"].get("name") == name
        else:
            reads = any(
                reference[0] == name
                for node in layer.get("inbound_nodes") or []
                for reference in node
            )
        if is_model(layer) and (reads or number == 0):
            inner = _categories(layer, model_input_shapes(layer)[0][0])
            if inner is not None:
                return inner
        config = layer["config"]
        if reads and layer["class_name"] in ("Embedding", "CategoryEncoding"):
            return int(config.get("input_dim", config.get("num_tokens", 1)))
    return None


def _scales_pixels(model: LayersModel) -> bool:
    return any(layer["class_name"] in ("Rescaling", "Normalization") for layer in model.layers[:4])


def _fitted(picture: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.float32]:
    height, width, channels = shape
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[channels]
    image = Image.fromarray(picture).convert(mode).resize((width, height))
    return np.asarray(image, dtype=np.float32).reshape(shape)


def drawn_pictures(count: int, *, side_px: int = 224) -> list[NDArray[np.uint8]]:
    """Return pictures of shapes, stripes, gradients and grain, always the same ones.

    Parameters
    ----------
    count : int
    side_px : int

    Returns
    -------
    list of ndarray of uint8, shape (side_px, side_px, 3)
        RGB.
    """
    rng = np.random.default_rng(SEED)
    ramp = np.linspace(0.0, 1.0, side_px, dtype=np.float64)
    pictures = []
    for number in range(count):
        low, high = rng.integers(0, 256, (2, 3))
        across = np.sin(ramp * np.pi * rng.uniform(1, 12) + rng.uniform(0, 6))[np.newaxis, :]
        down = np.cos(ramp * np.pi * rng.uniform(1, 12))[:, np.newaxis]
        blend = ((across * down + 1) / 2)[..., np.newaxis]
        image = Image.fromarray((low + (high - low) * blend).astype(np.uint8))
        draw = ImageDraw.Draw(image)
        for _ in range(1 + number % 6):
            box = np.sort(rng.integers(0, side_px, (2, 2)), axis=0).ravel().tolist()
            colour = tuple(rng.integers(0, 256, 3).tolist())
            shape = (draw.ellipse, draw.rectangle, draw.line)[rng.integers(3)]
            if shape == draw.line:
                draw.line(box, fill=colour, width=int(rng.integers(2, 20)))
            else:
                shape(box, fill=colour)
        grain = rng.normal(0, 4 * (number % 5), (side_px, side_px, 3))
        pictures.append(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))
    return pictures
