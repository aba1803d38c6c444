"""Every layer and activation, written and run in the real TensorFlow.js, gives Keras' numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.tfjs.compat import ConversionRefusedError, adapt
from core.tfjs.keras_objects import to_layers_model
from core.tfjs.keras_worker import build_keras_model
from core.tfjs.read import read_model
from core.tfjs.write_layers import LayersOptions, layers_model_files
from tests.tfjs.layer_cases import Case, layer_cases, randomise
from tests.tfjs.oracle import NodeJob, require_node, run_jobs, write_files

pytestmark = [
    pytest.mark.node,
    pytest.mark.slow,
    # Keras warns of its own choices (merging ranks, masks that a layer drops).
    pytest.mark.filterwarnings("ignore"),
]
RTOL, ATOL = 1e-5, 5e-6

# What must be refused for TensorFlow.js 4.22, and why.
REFUSED = {
    **{f"{kind} {name}": "activation" for kind in ("activation", "dense") for name in
       ("exponential", "celu")},
    **{f"{name} hard activation": "activation" for name in ("LSTM", "GRU", "SimpleRNN")},
    "relu everything": "relu_options",
    "elu alpha": "elu_alpha",
    "first separable": "channels_first",
    "global 3d": "layer_missing",
    "pad 3d": "layer_missing",
    "upsample bilinear": "resize_grid",
    "resize": "resize_grid",
    "batch norm 5": "batch_norm_rank",
    "layer norm 5": "batch_norm_rank",
    "GRU reset after": "gru_reset_after",
    "mask mean": "mask_reaches",
    "mask both": "mask_wrapper",
    "each hard": "wrapped_chain",
    "dot 4": "dot_rank",
    "random flip": "augmentation",
    "category count": "category_encoding",
}  # fmt: skip


@pytest.fixture(scope="module")
def keras() -> Any:
    require_node()
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(1)
    return keras


@pytest.fixture(scope="module")
def cases(keras: Any) -> dict[str, Case]:
    return layer_cases(keras)


def predict(case: Case) -> list[np.ndarray]:
    outputs = case.model(case.inputs if len(case.inputs) > 1 else case.inputs[0], training=False)
    many = outputs if isinstance(outputs, list | tuple) else [outputs]
    return [np.asarray(output, dtype=np.float32) for output in many]


def differences(expected: list[np.ndarray], received: list[np.ndarray] | str) -> str:
    """Return what is wrong with what TensorFlow.js gave, or nothing."""
    if isinstance(received, str):
        return received[:200]
    if [a.shape for a in expected] != [b.shape for b in received]:
        return f"shapes {[a.shape for a in expected]} {[b.shape for b in received]}"
    worst = max(float(np.abs(a - b).max()) for a, b in zip(expected, received, strict=True))
    close = all(
        np.allclose(b, a, rtol=RTOL, atol=ATOL) for a, b in zip(expected, received, strict=True)
    )
    return "" if close else f"differs by {worst:.3g}"


def check(
    cases: dict[str, Case], folder: Path, *, target: str = "tfjs", release: str = "4.22.0"
) -> tuple[dict[str, str], dict[str, str]]:
    """Return what was refused, and what TensorFlow.js did otherwise than Keras."""
    refused: dict[str, str] = {}
    jobs: dict[str, NodeJob] = {}
    for name, case in cases.items():
        try:
            model = adapt(to_layers_model(case.model), target)
        except ConversionRefusedError as error:
            refused[name] = error.problems[0].code.removeprefix("compat.")
            continue
        options = LayersOptions(old_tensorflowjs=target != "tfjs")
        path = write_files(folder / str(len(jobs)), layers_model_files(model, options))
        jobs[name] = NodeJob(path, case.inputs)
    results = run_jobs(jobs, folder / "run", release=release)
    wrong = {name: differences(predict(cases[name]), results[name]) for name in jobs}
    return refused, {name: text for name, text in wrong.items() if text}


def test_every_layer_agrees_with_keras_or_is_refused(
    cases: dict[str, Case], tmp_path: Path
) -> None:
    refused, wrong = check(cases, tmp_path)
    assert wrong == {}
    assert refused == REFUSED


def test_what_is_written_for_old_releases_agrees_there(
    cases: dict[str, Case], tmp_path: Path
) -> None:
    refused, wrong = check(cases, tmp_path, target="tfjs-1.3.1", release="1.3.1")
    assert wrong == {}
    assert set(REFUSED) - set(refused) == set()
    assert len(cases) - len(refused) > 200


def test_what_comes_back_from_tensorflowjs_agrees_in_keras(
    cases: dict[str, Case], tmp_path: Path
) -> None:
    wrong = {}
    # Every fifth: building models is what takes the time.
    for name in list(cases)[::5]:
        if name in REFUSED:
            continue
        written = adapt(to_layers_model(cases[name].model), "tfjs")
        read = adapt(read_model(layers_model_files(written, LayersOptions())), "keras3")
        rebuilt = Case(build_keras_model(read.topology, read.weights), cases[name].inputs)
        wrong[name] = differences(predict(cases[name]), predict(rebuilt))
    assert {name: text for name, text in wrong.items() if text} == {}


class Draw:
    """Draws the parts of a random model."""

    def __init__(self, keras: Any, data: st.DataObject) -> None:
        self.layers, self.keras, self.data = keras.layers, keras, data

    def one_of(self, *values: Any) -> Any:
        return self.data.draw(st.sampled_from(values))

    def picture_layer(self, x: Any, depth: int) -> Any:
        layers = self.layers
        small = min(x.shape[1:3]) < 4
        padding = "same" if small else self.one_of("same", "valid")
        activation = self.one_of("relu", "swish", "hard_sigmoid", "hard_silu", "elu", "linear")
        kind = self.one_of("conv", "depthwise", "separable", "norm", "pool", "residual", "nested")
        strides = self.one_of(1, 2)
        size = self.one_of(1, 2, 3)
        options = {"padding": padding, "strides": strides}
        if kind == "conv":
            return layers.Conv2D(3, size, activation=activation, **options)(x)
        if kind == "depthwise":
            return layers.DepthwiseConv2D(size, depth_multiplier=self.one_of(1, 2), **options)(x)
        if kind == "separable":
            return layers.SeparableConv2D(3, size, activation=activation, **options)(x)
        if kind == "norm":
            x = layers.BatchNormalization(scale=self.one_of(True, False))(x)
            return layers.Activation(activation)(x)
        if kind == "pool":
            make = self.one_of(layers.MaxPooling2D, layers.AveragePooling2D)
            return make(2, **options)(x)
        if kind == "residual":
            y = layers.Conv2D(x.shape[-1], 3, padding="same", activation=activation)(x)
            return self.one_of(layers.Add, layers.Multiply, layers.Subtract, layers.Maximum)()(
                [x, y]
            )
        if depth:
            return x
        inside = self.keras.Input(x.shape[1:])
        inner = self.keras.Model(inside, self.picture_layer(inside, depth + 1))
        if inner.output_shape == inner.input_shape and self.one_of(True, False):
            x = inner(x)  # a nested model that is shared by two calls
        return inner(x)

    def model(self) -> Any:
        layers = self.layers
        shape = (self.one_of(6, 9), self.one_of(5, 8), self.one_of(1, 3))
        inputs = [self.keras.Input(shape)]
        x = inputs[0]
        for _ in range(self.data.draw(st.integers(1, 4))):
            x = self.picture_layer(x, 0)
        x = self.one_of(layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D, layers.Flatten)()(
            x
        )
        shared = layers.Dense(4, activation=self.one_of("tanh", "gelu", "leaky_relu", "mish"))
        if self.one_of(True, False):
            inputs.append(self.keras.Input((5, 3)))
            rnn = self.one_of(layers.LSTM, layers.SimpleRNN)
            wrap = self.one_of(lambda layer: layer, layers.Bidirectional)
            y = wrap(rnn(4, go_backwards=False))(inputs[1])
            y = layers.Dense(x.shape[-1])(y)
            outputs = [layers.Softmax()(shared(x)), shared(y)]
        else:
            outputs = [layers.Dense(3, activation="softmax")(shared(x))]
        one = len(inputs) == 1
        return self.keras.Model(inputs[0] if one else inputs, outputs[0] if one else outputs)


def test_random_models_agree_with_keras(keras: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    found: dict[str, Case] = {}

    @settings(
        max_examples=60,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def collect(data: st.DataObject) -> None:
        model = Draw(keras, data).model()
        randomise(model, rng)
        inputs = [
            rng.uniform(-1, 1, (2, *source.shape[1:])).astype(np.float32) for source in model.inputs
        ]
        found[f"{len(found)}"] = Case(model, inputs)

    # One Node process for all of them: starting one for each would take minutes.
    collect()
    assert len(found) >= 40
    refused, wrong = check(found, tmp_path)
    described = {name: [type(la).__name__ for la in found[name].model.layers] for name in wrong}
    assert (wrong, described) == ({}, {})
    assert refused == {}
