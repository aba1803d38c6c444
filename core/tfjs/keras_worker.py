"""The other side of :mod:`core.tfjs.keras_process`: reads requests, answers, ends with its input.

Run as ``python -m core.tfjs.keras_worker``. Models come as canonical JSON whose layers the readers
checked against their allow-list; nothing is unpickled, no file of a user is opened.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.tfjs.keras_config import keras_topology
from core.tfjs.keras_process import load_arrays, save_arrays
from core.tfjs.names import WeightKey, weight_key

__all__ = ["build_keras_model", "main", "variable_keys"]


def main() -> None:
    """Answer requests, one folder a line, until the input ends."""
    # TensorFlow and its converter print; the answers need the output for themselves.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        try:
            _answer(Path(line.strip()))
            answer = {}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _answer(folder: Path) -> None:
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    arrays = load_arrays(folder / "request.npz")
    weights = _with_prefix(arrays, "weight/")
    model = build_keras_model(request["topology"], weights)
    outputs: dict[str, NDArray[Any]] = {}
    if request["task"] == "predict":
        outputs = _predict(model, list(_with_prefix(arrays, "input/").values()))
    elif request["task"] == "save_keras":
        model.save(folder / "model.keras")
    elif request["task"] == "tflite":
        (folder / "model.tflite").write_bytes(_tflite(model, request["dtype"]))
    save_arrays(folder / "answer.npz", outputs)


def _with_prefix(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def build_keras_model(topology: dict[str, Any], weights: Mapping[str, NDArray[Any]]) -> Any:
    """Return a Keras model with its weights.

    Parameters
    ----------
    topology : dict
        Canonical, adapted to ``"keras3"``.
    weights : mapping of str to ndarray
        By canonical name; every variable of the model must be there.

    Returns
    -------
    keras.Model

    Raises
    ------
    ValueError
        If a weight is missing, left over or has another shape.
    """
    import keras
    from keras.src.models.functional import Functional

    keras.config.disable_traceback_filtering()
    classes = {"Functional": Functional, "Sequential": keras.Sequential}
    config = keras_topology(topology, keras3_calls=True)
    with keras.utils.custom_object_scope(classes):
        model = classes[config["class_name"]].from_config(config["config"])
    by_key = {weight_key(name): array for name, array in weights.items()}
    for key, variable in variable_keys(model):
        if key not in by_key:
            raise ValueError(f"no weight for the variable {variable.path}")
        array = by_key.pop(key)
        if tuple(array.shape) != tuple(variable.shape):
            raise ValueError(f"{variable.path}: {array.shape} for {tuple(variable.shape)}")
        variable.assign(array)
    left = [key for key in by_key if key.variable != "seed_generator_state"]
    if left:
        raise ValueError(f"no variable for the weight {'/'.join(left[0])}")
    return model


def variable_keys(model: Any) -> list[tuple[WeightKey, Any]]:
    """Return every variable of a Keras model with the identity of its weight."""
    import keras

    found = []
    seen: set[int] = set()
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            pairs = variable_keys(layer)
        else:
            pairs = [(_key(layer, variable), variable) for variable in layer.weights]
        for key, variable in pairs:
            if id(variable) not in seen and key.variable != "seed_generator_state":
                seen.add(id(variable))
                found.append((key, variable))
    return found


def _key(layer: Any, variable: Any) -> WeightKey:
    name = variable.name
    if name == "kernel" and "Depthwise" in type(getattr(layer, "layer", layer)).__name__:
        name = "depthwise_kernel"
    direction = ""
    if type(layer).__name__ == "Bidirectional":
        forward = any(variable is own for own in layer.forward_layer.weights)
        direction = "forward" if forward else "backward"
    return WeightKey(layer.name, direction, name)


def _predict(model: Any, inputs: list[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    predicted = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    outputs = predicted if isinstance(predicted, list | tuple) else [predicted]
    return {
        f"output/{index}": np.asarray(output, dtype=np.float32)
        for index, output in enumerate(outputs)
    }


def _tflite(model: Any, dtype: str) -> bytes:
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    function = tf.function(
        lambda *inputs: model(list(inputs) if len(inputs) > 1 else inputs[0], training=False)
    )
    specs = [
        tf.TensorSpec([1, *spec.shape[1:]], spec.dtype, f"input_{index}")
        for index, spec in enumerate(model.inputs)
    ]
    concrete = function.get_concrete_function(*specs)
    # Variables would stay behind in this process: the file must hold their values.
    frozen = convert_variables_to_constants_v2(concrete)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    if dtype in ("float16", "int8"):
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if dtype == "float16":
        converter.target_spec.supported_types = [tf.float16]
    return bytes(converter.convert())


if __name__ == "__main__":
    main()
