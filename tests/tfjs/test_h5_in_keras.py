"""Written .h5 files load in Keras 3 as they are and predict the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.tfjs.compat import ConversionRefusedError, adapt
from core.tfjs.keras_objects import to_layers_model
from core.tfjs.read import read_model
from core.tfjs.write_h5 import h5_bytes
from core.tfjs.write_layers import LayersOptions, layers_model_files
from tests.tfjs.layer_cases import layer_cases

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def outputs_of(model: Any, inputs: list[np.ndarray]) -> list[np.ndarray]:
    outputs = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    many = outputs if isinstance(outputs, list | tuple) else [outputs]
    return [np.asarray(output) for output in many]


def test_every_kind_of_layer_loads_from_h5_and_predicts_the_same(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    cases = layer_cases(keras)
    path = tmp_path / "model.h5"
    refused, wrong, checked = set(), {}, 0
    # Every third as Keras has it, the next one as TensorFlow.js gives it back, and not the last.
    for number, (name, case) in enumerate(cases.items()):
        graph = len(case.inputs) > 1 or name in ("squeeze excite", "nested", "nested chain")
        if number % 3 == 2 and not graph:
            continue
        try:
            model = to_layers_model(case.model)
            if number % 3 == 1:
                files = layers_model_files(adapt(model, "tfjs"), LayersOptions())
                model = read_model(files)
            path.write_bytes(h5_bytes(adapt(model, "keras")))
        except ConversionRefusedError as error:
            refused.add(error.problems[0].code.removeprefix("compat."))
            continue
        loaded = keras.models.load_model(path, compile=False)
        pairs = zip(
            outputs_of(case.model, case.inputs), outputs_of(loaded, case.inputs), strict=True
        )
        worst = max(float(np.abs(a - b).max()) for a, b in pairs)
        checked += 1
        if worst > 1e-5:
            wrong[name] = worst
    assert wrong == {}
    assert checked > 150
    assert {"h5_initial_state", "h5_hard_sigmoid"} <= refused
