"""Convert a layers model into another format, with proof and a report.

The order is always: adapt (or refuse), write into a folder of its own, read back from disk,
compare, and only then hand over.
"""

from __future__ import annotations

import io
import json
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError, Note
from core.tfjs.compat import Target, adapt, without_augmentation
from core.tfjs.examples import example_inputs
from core.tfjs.keras_process import KerasProcess
from core.tfjs.model import LayersModel
from core.tfjs.proof import (
    OutputProof,
    compare_outputs,
    prove_topology,
    prove_weights,
    run_tflite,
)
from core.tfjs.read import read_model
from core.tfjs.registry import FORMATS, find_pair
from core.tfjs.report import (
    WORST,
    ConversionReport,
    TensorError,
    quantization_errors,
    quantization_notes,
)
from core.tfjs.write_h5 import h5_bytes
from core.tfjs.write_layers import (
    LayersOptions,
    layers_model_files,
    quantization_by_name,
    stored_bytes,
)

__all__ = ["Conversion", "ConversionOptions", "convert_model", "predict_bytes"]

Verify: TypeAlias = Literal["none", "structure", "outputs"]
Progress: TypeAlias = Callable[[str, float], None]

# What TFLite stores a number of a kernel in.
TFLITE_BYTES = {"float32": 4, "float16": 2, "int8": 1}


@dataclass(frozen=True)
class ConversionOptions:
    """How a model is converted.

    Parameters
    ----------
    layers : LayersOptions
        For TensorFlow.js layers models.
    tflite_dtype : {"float32", "float16", "int8"}
        For TFLite; int8 is the dynamic range quantisation.
    strip_augmentation : bool
        Leave out random augmentation layers, which do nothing when a model predicts.
    verify : {"none", "structure", "outputs"}
        ``structure`` reads the files back and compares tensors and layers; ``outputs`` runs both
        models as well, in a process of its own.
    pictures : sequence of ndarray of uint8, optional
        RGB pictures to compare outputs on instead of the drawn ones.
    """

    layers: LayersOptions = field(default_factory=LayersOptions)
    tflite_dtype: str = "float32"
    strip_augmentation: bool = False
    verify: Verify = "structure"
    pictures: Sequence[NDArray[np.uint8]] | None = None


@dataclass(frozen=True)
class Conversion:
    """A finished conversion: the files by name, and the report."""

    files: Mapping[str, bytes]
    report: ConversionReport

    def zip_bytes(self) -> bytes:
        """Return all files in one zip archive, the same bytes for the same files."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in self.files.items():
                archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
        return buffer.getvalue()


def predict_bytes(
    model: LayersModel, output_format: str, options: ConversionOptions | None = None
) -> int:
    """Return about how large a conversion's files will be, without converting.

    Parameters
    ----------
    model : LayersModel
    output_format : str
        A name of :data:`core.tfjs.registry.FORMATS`.
    options : ConversionOptions, optional

    Returns
    -------
    int
        Bytes; the weights are counted exactly, the rest is estimated.
    """
    options = options or ConversionOptions()
    description = len(json.dumps(model.topology, separators=(",", ":")))
    count = len(model.weights)
    if output_format == "tfjs_layers_model":
        quantized = quantization_by_name(model.weights, options.layers.quantize)
        entries = 75 * count + 110 * len(quantized)
        return stored_bytes(model, options.layers) + description + entries + 300
    if output_format == "tflite":
        return model.parameters * TFLITE_BYTES[options.tflite_dtype] + 400 * len(model.layers)
    # HDF5 keeps a page of its own for each group and each array.
    return model.size_bytes + description + 900 * len(model.layers) + 1_000 * count


def convert_model(
    model: LayersModel,
    output_format: str,
    *,
    options: ConversionOptions | None = None,
    bytes_before: int | None = None,
    names: tuple[str, str] = ("model", "converted"),
    progress: Progress | None = None,
) -> Conversion:
    """Convert a model and prove the result.

    Parameters
    ----------
    model : LayersModel
    output_format : str
        A name of :data:`core.tfjs.registry.FORMATS` that can be written.
    options : ConversionOptions, optional
    bytes_before : int, optional
        Size of the files that the model came from; the weights' size by default.
    names : tuple of str
        What the report calls the input and the output.
    progress : callable, optional
        Called with a stage (``"adapt"``, ``"write"``, ``"structure"``, ``"outputs"``, ``"done"``)
        and the part that is done, 0 to 1.

    Returns
    -------
    Conversion

    Raises
    ------
    UsageError
        If the pair is not available or the options contradict each other.
    ConversionRefusedError
        If the model would not mean the same in the output format.
    ModelError
        If the proof fails; nothing is handed over then.
    """
    options = options or ConversionOptions()
    say = progress or (lambda stage, part: None)
    started = time.perf_counter()
    find_pair(model.origin.format, output_format)
    say("adapt", 0.0)
    target = _target(output_format, options)
    adapted = adapt(model, target, strip_augmentation=options.strip_augmentation)
    with KerasProcess() as keras:
        say("write", 0.1)
        files = _write(adapted, output_format, options, keras)
        say("structure", 0.3)
        proof: list[str] = []
        read = None
        if options.verify != "none" and output_format != "tflite":
            read = _read_back(files, output_format)
            proof += _prove_structure(adapted, read, output_format, options)
        outputs = None
        if options.verify == "outputs":
            say("outputs", 0.4)
            outputs = _prove_outputs(model, files, read, output_format, options, keras)
            proof.append("outputs")
    errors = _errors(adapted, output_format, options)
    report = ConversionReport(
        input=names[0],
        output=names[1],
        input_format=model.origin.format,
        output_format=output_format,
        bytes_before=model.size_bytes if bytes_before is None else bytes_before,
        bytes_after=sum(len(content) for content in files.values()),
        files={name: len(content) for name, content in files.items()},
        proof=tuple(proof),
        max_abs_difference=None if outputs is None else outputs.max_abs_difference,
        top1_agreement=None if outputs is None else outputs.top1_agreement,
        pictures=0 if outputs is None else outputs.pictures,
        quantization_errors=errors[:WORST],
        seconds=time.perf_counter() - started,
        notes=(*adapted.notices, *quantization_notes(errors), *_output_notes(outputs)),
    )
    say("done", 1.0)
    return Conversion(files, report)


def _target(output_format: str, options: ConversionOptions) -> Target:
    if output_format == "tfjs_layers_model":
        return "tfjs-1.3.1" if options.layers.old_tensorflowjs else "tfjs"
    return "keras" if output_format == "keras" else "keras3"


def _write(
    adapted: LayersModel, output_format: str, options: ConversionOptions, keras: KerasProcess
) -> dict[str, bytes]:
    if output_format == "tfjs_layers_model":
        return layers_model_files(adapted, options.layers)
    name = f"model{FORMATS[output_format].suffix}"
    if output_format == "keras":
        return {name: h5_bytes(adapted)}
    if output_format == "keras_keras":
        return {name: keras.save_keras(adapted)}
    return {name: keras.convert_tflite(adapted, options.tflite_dtype)}


def _read_back(files: Mapping[str, bytes], output_format: str) -> LayersModel:
    with tempfile.TemporaryDirectory(prefix="teachdeck-proof-") as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        single = f"model{FORMATS[output_format].suffix}"
        return read_model(Path(folder) / (single if single in files else "model.json"))


def _prove_structure(
    adapted: LayersModel, read: LayersModel, output_format: str, options: ConversionOptions
) -> list[str]:
    quantized = None
    if output_format == "tfjs_layers_model":
        quantized = quantization_by_name(adapted.weights, options.layers.quantize)
    prove_weights(adapted, read, quantized)
    if output_format == "keras_keras":
        return ["weights"]  # Keras writes a description of its own, with all its defaults
    prove_topology(adapted, read)
    return ["structure", "weights"]


def _prove_outputs(
    model: LayersModel,
    files: Mapping[str, bytes],
    read: LayersModel | None,
    output_format: str,
    options: ConversionOptions,
    keras: KerasProcess,
) -> OutputProof:
    inputs = example_inputs(model, pictures=options.pictures)
    if options.strip_augmentation:
        model = without_augmentation(model)

    def run_second(arrays: Sequence[NDArray[np.generic]]) -> list[NDArray[np.float32]]:
        if read is None:
            return run_tflite(files["model.tflite"], arrays)
        return keras.predict(read, arrays)

    outputs = compare_outputs(lambda arrays: keras.predict(model, arrays), run_second, inputs)
    if _is_float(output_format, options) and outputs.max_abs_difference > outputs.allowed:
        raise ModelError(
            "convert.outputs_differ",
            difference=outputs.max_abs_difference,
            allowed=outputs.allowed,
        )
    return outputs


def _is_float(output_format: str, options: ConversionOptions) -> bool:
    if output_format == "tflite":
        return options.tflite_dtype == "float32"
    return output_format != "tfjs_layers_model" or not any((options.layers.quantize or {}).values())


def _errors(
    adapted: LayersModel, output_format: str, options: ConversionOptions
) -> tuple[TensorError, ...]:
    if output_format != "tfjs_layers_model":
        return ()
    chosen = quantization_by_name(adapted.weights, options.layers.quantize)
    return quantization_errors(adapted, chosen)


def _output_notes(outputs: OutputProof | None) -> tuple[Note, ...]:
    if outputs is None or outputs.top1_agreement is None or outputs.top1_agreement == 1.0:
        return ()
    fields = {
        "percent": 100 * outputs.top1_agreement,
        "pictures": outputs.pictures,
        "difference": outputs.max_abs_difference,
    }
    return (Note("convert.note_agreement", fields),)
