"""Proof that a conversion kept a model what it was.

The structural proof compares what was written, read back from its files, tensor by tensor. The
output proof runs both models on the same inputs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from core.errors import ModelError
from core.tfjs.model import Config, LayersModel, Weight, is_model
from core.tfjs.names import weight_key
from core.tfjs.quantize import dequantize, quantize
from core.tfjs.shapes import Shape, model_input_shapes

__all__ = [
    "OutputProof",
    "compare_outputs",
    "drawn_pictures",
    "example_inputs",
    "prove_topology",
    "prove_weights",
    "run_tflite",
]

Array = NDArray[Any]
Run = Callable[[Sequence[Array]], list[NDArray[np.float32]]]

RANDOM_INPUTS = 4
PICTURES = 24
SEED = 20
TOLERANCE = 1e-5
_UNKNOWN_PICTURE_SIDE = 96
_UNKNOWN_LENGTH = 8


def prove_topology(written: LayersModel, read: LayersModel) -> None:
    """Check that two models are built alike.

    Parameters
    ----------
    written, read : LayersModel
        What was written, and what came back from its files.

    Raises
    ------
    ModelError
        If the normalised topologies differ; the message names the first layer.
    """
    left, right = _normalised(written.topology), _normalised(read.topology)
    if left == right:
        return
    pairs = zip(left["config"]["layers"], right["config"]["layers"], strict=False)
    for one, other in pairs:
        if one != other:
            raise ModelError("convert.topology_differs", layer=str(one["config"].get("name")))
    raise ModelError("convert.topology_differs", layer=written.name)


def _normalised(topology: Config) -> Config:
    """Drop what says nothing: absent and null keys, a model's own ``trainable``, tuples."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: plain(item) for key, item in value.items() if item is not None}
        return [plain(item) for item in value] if isinstance(value, list | tuple) else value

    copied: Config = plain(json.loads(json.dumps(topology)))
    _drop_model_flags(copied)
    return copied


def _drop_model_flags(topology: Config) -> None:
    for key in ("trainable", "dtype", "build_input_shape"):
        topology["config"].pop(key, None)
    for layer in topology["config"]["layers"]:
        layer.pop("name", None)
        if is_model(layer):
            _drop_model_flags(layer)


def prove_weights(
    written: LayersModel, read: LayersModel, quantized: Mapping[str, str] | None = None
) -> None:
    """Check that every tensor came back bit for bit.

    Parameters
    ----------
    written, read : LayersModel
    quantized : mapping of str to str, optional
        Weights that were quantised, by name; they must come back as their codes say.

    Raises
    ------
    ModelError
        If a tensor is missing, left over or different.
    """
    back = {weight_key(name): weight for name, weight in read.weights.items()}
    for name, weight in written.weights.items():
        expected: Weight = weight
        dtype = (quantized or {}).get(name)
        if dtype is not None and weight.dtype == np.float32:
            expected = dequantize(*quantize(weight, dtype, name=name))
        found = back.pop(weight_key(name), None)
        if (
            found is None
            or found.shape != expected.shape
            or np.ascontiguousarray(found).tobytes() != np.ascontiguousarray(expected).tobytes()
        ):
            raise ModelError("convert.weight_differs", name=name)
    left = [key for key in back if key.variable != "seed_generator_state"]
    if left:
        raise ModelError("convert.weight_differs", name="/".join(part for part in left[0] if part))


@dataclass(frozen=True)
class OutputProof:
    """How the outputs of two models compare.

    Parameters
    ----------
    max_abs_difference : float
    allowed : float
        ``1e-5 * max(1, max|a|)``, what a float target may differ by.
    top1_agreement : float or None
        Part of the pictures, 0 to 1; ``None`` without pictures or classes.
    pictures : int
    """

    max_abs_difference: float
    allowed: float
    top1_agreement: float | None
    pictures: int


def compare_outputs(first: Run, second: Run, inputs: ExampleInputs) -> OutputProof:
    """Run two models on the same inputs.

    Parameters
    ----------
    first, second : callable
        Take a list of batches, return a list of outputs.
    inputs : ExampleInputs

    Returns
    -------
    OutputProof

    Raises
    ------
    ModelError
        If they have different numbers or shapes of outputs, or outputs that are not finite.
    """
    expected, received = first(inputs.arrays), second(inputs.arrays)
    if [a.shape for a in expected] != [b.shape for b in received]:
        raise ModelError(
            "convert.output_shapes",
            expected=str([a.shape for a in expected]),
            received=str([b.shape for b in received]),
        )
    differences, largest = [0.0], [1.0]
    for a, b in zip(expected, received, strict=True):
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            raise ModelError("convert.outputs_not_finite")
        if a.size:
            differences.append(float(np.abs(a.astype(np.float64) - b).max()))
            largest.append(float(np.abs(a).max()))
    agreement = None
    scores = expected[0]
    if inputs.pictures and scores.ndim == 2 and scores.shape[1] > 1:
        chosen = (
            expected[0][-inputs.pictures :].argmax(1),
            received[0][-inputs.pictures :].argmax(1),
        )
        agreement = float(np.mean(chosen[0] == chosen[1]))
    return OutputProof(max(differences), TOLERANCE * max(largest), agreement, inputs.pictures)


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


def run_tflite(content: bytes, inputs: Sequence[Array]) -> list[NDArray[np.float32]]:
    """Run a TFLite model that was converted for a batch of one, example by example.

    Parameters
    ----------
    content : bytes
    inputs : sequence of ndarray
        One batch for each input.

    Returns
    -------
    list of ndarray of float32
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=2)
    interpreter.allocate_tensors()
    places = sorted(interpreter.get_input_details(), key=lambda detail: _number(detail["name"]))
    results = sorted(interpreter.get_output_details(), key=lambda detail: _number(detail["name"]))
    rows: list[list[Array]] = [[] for _ in results]
    for index in range(len(inputs[0])):
        for place, batch in zip(places, inputs, strict=True):
            interpreter.set_tensor(place["index"], batch[index : index + 1].astype(place["dtype"]))
        interpreter.invoke()
        for row, result in zip(rows, results, strict=True):
            row.append(np.array(interpreter.get_tensor(result["index"]), dtype=np.float32))
    return [np.concatenate(row) for row in rows]


def _number(name: str) -> int:
    """Return the number in ``serving_default_input_1:0`` or ``Identity_1``."""
    digits = name.partition(":")[0].rpartition("_")[2]
    if digits.isdigit():
        return int(digits)
    after = name.partition(":")[2]
    return int(after) if after.isdigit() else 0
