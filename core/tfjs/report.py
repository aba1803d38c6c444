"""What a person should know about a model, and about a conversion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.errors import Note
from core.tfjs.compat import Target, problems
from core.tfjs.model import LayersModel
from core.tfjs.names import weight_key
from core.tfjs.quantize import dequantize, quantize
from core.tfjs.shapes import Shape, infer_shapes, model_input_shapes

__all__ = [
    "ConversionReport",
    "LayerRow",
    "ModelSummary",
    "TensorError",
    "quantization_errors",
    "quantization_notes",
    "summarize",
]

WORST = 10
# Root of the mean squared error over that of the values. A bell curve in 8 bits has about 0.01;
# tensors with few large values have more. MobileNet 0.25, whose answers suffer, has ten above.
LARGE_RELATIVE_ERROR = 0.015


@dataclass(frozen=True)
class LayerRow:
    """One layer of a summary; ``output_shape`` has the batch first, ``None`` where unknown."""

    name: str
    class_name: str
    output_shape: Shape | None
    parameters: int
    size_bytes: int


@dataclass(frozen=True)
class ModelSummary:
    """A model for people to read.

    Parameters
    ----------
    name, class_name : str
    inputs : tuple of (str, tuple or None, str)
        Name, shape with the batch first, dtype.
    layers : tuple of LayerRow
    parameters, size_bytes : int
        Numbers in the weights, and bytes as float32.
    source : str
        What wrote the files, as they say.
    notices : tuple of Note
        What was repaired or guessed while reading.
    problems : mapping of str to tuple of Note
        Why the model cannot be converted, by output format; empty where it can.
    """

    name: str
    class_name: str
    inputs: tuple[tuple[str, Shape | None, str], ...]
    layers: tuple[LayerRow, ...]
    parameters: int
    size_bytes: int
    source: str
    notices: tuple[Note, ...]
    problems: Mapping[str, tuple[Note, ...]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as plain JSON."""
        return {
            "name": self.name,
            "class_name": self.class_name,
            "inputs": [
                {"name": name, "shape": shape and list(shape), "dtype": dtype}
                for name, shape, dtype in self.inputs
            ],
            "parameters": self.parameters,
            "size_bytes": self.size_bytes,
            "source": self.source,
            "layers": [
                {
                    "name": row.name,
                    "class_name": row.class_name,
                    "output_shape": row.output_shape and list(row.output_shape),
                    "parameters": row.parameters,
                }
                for row in self.layers
            ],
            "notices": [note.message for note in self.notices],
            "problems": {
                name: [note.message for note in notes] for name, notes in self.problems.items()
            },
        }


_TARGETS: dict[str, Target] = {
    "tfjs_layers_model": "tfjs",
    "keras": "keras",
    "keras_keras": "keras3",
    "tflite": "keras3",
}


def summarize(model: LayersModel) -> ModelSummary:
    """Describe a model.

    Parameters
    ----------
    model : LayersModel

    Returns
    -------
    ModelSummary
    """
    shapes = infer_shapes(model.topology)
    sizes: dict[str, tuple[int, int]] = {}
    for name, weight in model.weights.items():
        layer = weight_key(name).layer
        count, size = sizes.get(layer, (0, 0))
        sizes[layer] = (count + int(weight.size), size + int(weight.nbytes))
    rows = []
    for entry in model.layers:
        name = str(entry["config"].get("name", ""))
        outputs = shapes[name][0].outputs if shapes.get(name) else ()
        shape = outputs[0] if outputs else None
        rows.append(LayerRow(name, entry["class_name"], shape, *sizes.get(name, (0, 0))))
    origin = model.origin
    keras = f"keras {origin.keras_version}" if origin.keras_version else ""
    return ModelSummary(
        name=model.name,
        class_name=model.topology["class_name"],
        inputs=model_input_shapes(model.topology),
        layers=tuple(rows),
        parameters=model.parameters,
        size_bytes=model.size_bytes,
        source=origin.generated_by or keras,
        notices=model.notices,
        problems={
            name: () if name == origin.format else problems(model, target)
            for name, target in _TARGETS.items()
        },
    )


@dataclass(frozen=True)
class TensorError:
    """What quantisation did to one tensor.

    Parameters
    ----------
    name : str
    dtype : str
        What it was quantised to.
    max_abs_error : float
        Largest difference of a value.
    relative_error : float
        Root mean square of the differences over that of the values, 0 or more.
    """

    name: str
    dtype: str
    max_abs_error: float
    relative_error: float


def quantization_errors(model: LayersModel, chosen: Mapping[str, str]) -> tuple[TensorError, ...]:
    """Return what quantisation does to each tensor, worst first.

    Parameters
    ----------
    model : LayersModel
    chosen : mapping of str to str
        Type by weight name, from :func:`core.tfjs.write_layers.quantization_by_name`.

    Returns
    -------
    tuple of TensorError
        By falling relative error.
    """
    errors = []
    for name, dtype in chosen.items():
        values = model.weights[name]
        if values.dtype != np.float32 or not values.size:
            continue
        restored = dequantize(*quantize(values, dtype, name=name))
        difference = restored.astype(np.float64) - values
        scale = float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
        relative = float(np.sqrt(np.mean(np.square(difference)))) / scale if scale else 0.0
        errors.append(TensorError(name, dtype, float(np.abs(difference).max()), relative))
    return tuple(sorted(errors, key=lambda error: (-error.relative_error, error.name)))


def quantization_notes(errors: tuple[TensorError, ...]) -> tuple[Note, ...]:
    """Return a warning where tensors lost more than a model usually bears."""
    large = [error for error in errors if error.relative_error > LARGE_RELATIVE_ERROR]
    if not large:
        return ()
    worst = large[0]
    fields: dict[str, str | int | float] = {
        "dtype": worst.dtype,
        "count": len(large),
        "total": len(errors),
        "name": worst.name,
        "percent": 100 * worst.relative_error,
    }
    return (Note("convert.note_quantization", fields),)


@dataclass(frozen=True)
class ConversionReport:
    """What a conversion did, and how well.

    Parameters
    ----------
    input, output : str
        Names or paths.
    input_format, output_format : str
    bytes_before, bytes_after : int
        Of all files.
    files : mapping of str to int
        Bytes by file name.
    proof : tuple of str
        What was checked: ``"structure"``, ``"weights"``, ``"outputs"``.
    max_abs_difference : float or None
        Of any output, over all inputs; ``None`` if outputs were not compared.
    top1_agreement : float or None
        Part of the pictures on which the highest output is the same, 0 to 1.
    pictures : int
        How many pictures were compared.
    quantization_errors : tuple of TensorError
        The worst ten.
    seconds : float
    notes : tuple of Note
        Warnings and what was changed.
    """

    input: str
    output: str
    input_format: str
    output_format: str
    bytes_before: int
    bytes_after: int
    files: Mapping[str, int]
    proof: tuple[str, ...] = ()
    max_abs_difference: float | None = None
    top1_agreement: float | None = None
    pictures: int = 0
    quantization_errors: tuple[TensorError, ...] = ()
    seconds: float = 0.0
    notes: tuple[Note, ...] = ()

    @property
    def shards(self) -> int:
        """How many weight files were written."""
        return sum(name.endswith(".bin") for name in self.files)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON."""
        return {
            "input": self.input,
            "output": self.output,
            "input_format": self.input_format,
            "output_format": self.output_format,
            "bytes_before": self.bytes_before,
            "bytes_after": self.bytes_after,
            "shards": self.shards,
            "files": dict(self.files),
            "proof": list(self.proof),
            "max_abs_difference": self.max_abs_difference,
            "top1_agreement": self.top1_agreement,
            "pictures": self.pictures,
            "quantization_errors": [
                {
                    "name": error.name,
                    "dtype": error.dtype,
                    "max_abs_error": error.max_abs_error,
                    "relative_error": error.relative_error,
                }
                for error in self.quantization_errors
            ],
            "seconds": self.seconds,
            "notes": [note.message for note in self.notes],
        }
