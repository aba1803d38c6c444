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

from core.errors import ModelError
from core.tfjs.examples import ExampleInputs
from core.tfjs.model import Config, LayersModel, Weight, is_model
from core.tfjs.names import weight_key
from core.tfjs.quantize import dequantize, quantize

__all__ = [
    "OutputProof",
    "compare_outputs",
    "prove_topology",
    "prove_weights",
    "run_tflite",
]

Array = NDArray[Any]
Run = Callable[[Sequence[Array]], list[NDArray[np.float32]]]

TOLERANCE = 1e-5


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
