"""A conversion is adapted, written, read back, compared, and only then handed over."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import ModelError, UsageError
from core.tfjs import convert, keras_process
from core.tfjs.compat import ConversionRefusedError, adapt
from core.tfjs.convert import ConversionOptions, convert_model, predict_bytes
from core.tfjs.examples import example_inputs
from core.tfjs.keras_process import KerasProcess
from core.tfjs.model import LayersModel, Origin
from core.tfjs.proof import compare_outputs, run_tflite
from core.tfjs.read import read_model
from core.tfjs.report import quantization_errors, quantization_notes, summarize
from core.tfjs.write_layers import LayersOptions


def classifier(origin: str = "keras") -> LayersModel:
    """Return a small picture classifier with every kind of variable."""
    rng = np.random.default_rng(3)

    def floats(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.5, shape).astype(np.float32)

    layers = [
        ("InputLayer", {"name": "i", "batch_input_shape": [None, 16, 16, 3], "dtype": "float32"}),
        ("Conv2D", {"name": "c", "filters": 4, "kernel_size": [3, 3], "strides": [2, 2],
                    "padding": "same", "activation": "relu", "use_bias": True}),
        ("DepthwiseConv2D", {"name": "w", "kernel_size": [3, 3], "padding": "valid",
                             "use_bias": False, "activation": "linear"}),
        ("BatchNormalization", {"name": "n", "axis": -1, "epsilon": 0.001}),
        ("Flatten", {"name": "f"}),
        ("Dense", {"name": "d", "units": 5, "activation": "softmax"}),
    ]  # fmt: skip
    weights = {
        "c/kernel": floats(3, 3, 3, 4),
        "c/bias": floats(4),
        "w/depthwise_kernel": floats(3, 3, 4, 1),
        "n/gamma": floats(4),
        "n/beta": floats(4),
        "n/moving_mean": floats(4),
        "n/moving_variance": np.abs(floats(4)) + 0.5,
        "d/kernel": floats(144, 5),
        "d/bias": floats(5),
    }
    entries = [{"class_name": name, "config": config} for name, config in layers]
    topology = {"class_name": "Sequential", "config": {"name": "m", "layers": entries}}
    return LayersModel(topology, weights, origin=Origin(origin, keras_version="2.15.0"))


def test_tfjs_to_keras_and_back_keeps_every_bit() -> None:
    model = classifier("tfjs_layers_model")
    h5 = convert_model(model, "keras").files["model.h5"]
    back = convert_model(read_model(h5, name="model.h5"), "tfjs_layers_model")
    again = read_model(dict(back.files))
    for name, weight in model.weights.items():
        assert again.weights[name].tobytes() == weight.tobytes()
    assert back.report.proof == ("structure", "weights")


def test_the_report_names_sizes_and_files() -> None:
    options = ConversionOptions(layers=LayersOptions(shard_bytes=1000))
    conversion = convert_model(classifier(), "tfjs_layers_model", options=options)
    report = conversion.report
    assert report.bytes_after == sum(len(content) for content in conversion.files.values())
    assert report.shards == 4
    plain = json.loads(json.dumps(report.to_dict()))
    assert plain["proof"] == ["structure", "weights"]
    assert plain["max_abs_difference"] is None


def test_the_download_is_one_zip_that_reads_back() -> None:
    conversion = convert_model(classifier(), "tfjs_layers_model")
    content = conversion.zip_bytes()
    assert content == conversion.zip_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist()[0] == "model.json"
    assert read_model(content, name="model.zip").parameters == classifier().parameters


def test_predicted_sizes_are_near_the_written_ones() -> None:
    for quantize in (None, {"uint8": ("*",)}):
        options = ConversionOptions(layers=LayersOptions(quantize=quantize))
        written = convert_model(classifier(), "tfjs_layers_model", options=options)
        predicted = predict_bytes(classifier(), "tfjs_layers_model", options)
        assert predicted == pytest.approx(written.report.bytes_after, rel=0.1)


def test_progress_goes_from_nothing_to_all() -> None:
    stages: list[tuple[str, float]] = []
    convert_model(
        classifier("tfjs_layers_model"),
        "keras",
        progress=lambda stage, part: stages.append((stage, part)),
    )
    parts = [part for _, part in stages]
    assert parts == sorted(parts)
    assert stages[0] == ("adapt", 0.0)
    assert stages[-1] == ("done", 1.0)


def test_what_was_damaged_on_its_way_to_disk_is_not_handed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = convert.layers_model_files

    def damaged(*arguments: Any) -> dict[str, bytes]:
        files = written(*arguments)
        name = "group1-shard1of1.bin"
        files[name] = bytes([files[name][0] ^ 1]) + files[name][1:]
        return files

    monkeypatch.setattr(convert, "layers_model_files", damaged)
    with pytest.raises(ModelError) as error:
        convert_model(classifier(), "tfjs_layers_model")
    assert error.value.code == "convert.weight_differs"


def test_a_model_that_would_predict_otherwise_is_refused_before_anything_is_written() -> None:
    model = classifier()
    topology = json.loads(json.dumps(model.topology))
    topology["config"]["layers"][1]["config"]["activation"] = "exponential"
    with pytest.raises(ConversionRefusedError):
        convert_model(replace(model, topology=topology), "tfjs_layers_model")


def test_formats_that_cannot_be_written_are_refused() -> None:
    with pytest.raises(UsageError):
        convert_model(classifier(), "tfjs_graph_model")


def test_coarse_quantisation_is_reported_worst_first() -> None:
    model = classifier()
    outlier = model.weights["d/kernel"].copy()
    outlier[0, 0] = 100.0
    model = replace(model, weights={**model.weights, "d/kernel": outlier})
    errors = quantization_errors(model, dict.fromkeys(model.weights, "uint8"))
    assert errors[0].name == "d/kernel"
    assert [e.relative_error for e in errors] == sorted(
        (e.relative_error for e in errors), reverse=True
    )
    (note,) = quantization_notes(errors)
    assert "uint16" in note.message
    fine = quantization_errors(model, dict.fromkeys(model.weights, "uint16"))
    assert quantization_notes(tuple(e for e in fine if e.name != "d/kernel")) == ()


def test_mobilenet_in_eight_bits_warns_by_itself(shared_data: Path) -> None:
    model = read_model(shared_data / "mobilenet_v1_025_224" / "keras.h5")
    for dtype, warns in (("uint8", True), ("uint16", False), ("float16", False)):
        options = ConversionOptions(layers=LayersOptions(quantize={dtype: ("*",)}))
        report = convert_model(model, "tfjs_layers_model", options=options).report
        assert [n.code for n in report.notes] == ["convert.note_quantization"] * warns
        assert len(report.quantization_errors) == 10


def test_a_summary_says_what_a_model_is_and_what_it_can_become() -> None:
    summary = summarize(classifier())
    assert summary.inputs == (("i", (None, 16, 16, 3), "float32"),)
    assert [row.output_shape for row in summary.layers][1:4] == [
        (None, 8, 8, 4),
        (None, 6, 6, 4),
        (None, 6, 6, 4),
    ]
    assert sum(row.parameters for row in summary.layers) == summary.parameters
    assert set(summary.problems) == {"tfjs_layers_model", "keras", "keras_keras", "tflite"}
    assert not any(summary.problems.values())
    json.dumps(summary.to_dict())


@pytest.fixture(scope="module")
def keras() -> Iterator[KerasProcess]:
    """Give one Keras process to all tests that only ask it something."""
    with KerasProcess() as process:
        yield process


@pytest.mark.slow
def test_a_keras_archive_is_proved_by_its_outputs_in_a_process_that_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    processes: list[subprocess.Popen[bytes]] = []
    begin = KerasProcess._start

    def watched(self: KerasProcess) -> Any:
        processes.append(begin(self))
        return processes[-1]

    monkeypatch.setattr(KerasProcess, "_start", watched)
    options = ConversionOptions(verify="outputs")
    report = convert_model(classifier(), "keras_keras", options=options).report
    assert report.proof == ("weights", "outputs")
    assert report.pictures >= 20
    assert report.top1_agreement == 1.0
    assert report.max_abs_difference is not None
    assert report.max_abs_difference <= 1e-5
    assert len(processes) == 3  # to write, and to run the one model and the other
    assert len({process.pid for process in processes}) == 1
    assert processes[0].poll() == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "allowed", "size"), [("float32", 1e-5, 4), ("float16", 0.01, 2), ("int8", 0.05, 1)]
)
def test_tflite_files_give_the_same_answers(
    keras: KerasProcess, dtype: str, allowed: float, size: int
) -> None:
    model = classifier()
    content = keras.convert_tflite(model, dtype)
    proof = compare_outputs(
        lambda inputs: keras.predict(model, inputs),
        lambda inputs: run_tflite(content, inputs),
        example_inputs(model),
    )
    assert proof.max_abs_difference <= allowed
    assert proof.top1_agreement is not None
    assert proof.top1_agreement > 0.9
    assert len(content) > size * model.weights["d/kernel"].size


@pytest.mark.slow
def test_a_model_whose_outputs_differ_is_not_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = iter(([np.float32([[0.1, 0.9]])], [np.float32([[0.1, 0.901]])]))
    monkeypatch.setattr(KerasProcess, "predict", lambda *arguments: next(outputs))
    with pytest.raises(ModelError) as error:
        convert_model(
            classifier(), "tfjs_layers_model", options=ConversionOptions(verify="outputs")
        )
    assert error.value.code == "convert.outputs_differ"


@pytest.mark.slow
def test_gates_of_an_lstm_from_tensorflowjs_are_the_same_in_a_keras_file(
    keras: KerasProcess,
) -> None:
    rng = np.random.default_rng(4)
    config = {"name": "l", "units": 2, "activation": "tanh", "use_bias": True}
    config["recurrent_activation"] = "hard_sigmoid"
    source = {"name": "i", "batch_input_shape": [None, 5, 3], "dtype": "float32"}
    layers = [{"class_name": "InputLayer", "config": source}]
    layers.append({"class_name": "LSTM", "config": config})
    weights = {
        "l/kernel": rng.normal(size=(3, 8)).astype(np.float32),
        "l/recurrent_kernel": rng.normal(size=(2, 8)).astype(np.float32),
        "l/bias": rng.normal(size=8).astype(np.float32),
    }
    topology = {"class_name": "Sequential", "config": {"name": "m", "layers": layers}}
    model = LayersModel(topology, weights)
    inputs = rng.uniform(-1, 1, (1, 5, 3)).astype(np.float32)
    written = read_model(keras.save_keras(adapt(model, "keras3")), name="m.keras")
    (found,) = keras.predict(written, [inputs])
    state, carry = np.zeros(2), np.zeros(2)
    for step in inputs[0]:
        z = step @ weights["l/kernel"] + state @ weights["l/recurrent_kernel"] + weights["l/bias"]
        gate_in, forget, _, out = np.clip(0.2 * z.reshape(4, 2) + 0.5, 0, 1)
        carry = forget * carry + gate_in * np.tanh(z[4:6])
        state = out * np.tanh(carry)
    np.testing.assert_allclose(found[0], state, atol=1e-6)


def test_converting_without_running_models_does_not_import_tensorflow(tmp_path: Path) -> None:
    path = tmp_path / "model.zip"
    path.write_bytes(convert_model(classifier(), "tfjs_layers_model").zip_bytes())
    code = (
        "import sys; from core.cli import main; status = main(sys.argv[1:]); "
        "heavy = {'tensorflow', 'keras', 'ai_edge_litert'} & set(sys.modules); "
        "sys.exit(status or (str(heavy) if heavy else 0))"
    )
    command = [sys.executable, "-c", code, "convert", str(path), str(tmp_path / "m.h5")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def fake_worker(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    popen = keras_process.subprocess.Popen

    def start(command: list[str], **options: Any) -> Any:
        return popen([sys.executable, "-c", code], **options)

    monkeypatch.setattr(keras_process.subprocess, "Popen", start)


def test_a_keras_that_says_what_is_wrong_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_worker(monkeypatch, 'input(); print(\'{"error": "no such layer"}\')')
    with KerasProcess() as keras, pytest.raises(ModelError, match="no such layer"):
        keras.save_keras(classifier())


def test_a_keras_that_dies_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_worker(monkeypatch, "import os; input(); os._exit(9)")
    with KerasProcess() as keras, pytest.raises(ModelError) as error:
        keras.save_keras(classifier())
    assert error.value.code == "convert.keras_died"


def test_a_keras_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_worker(monkeypatch, "import time; time.sleep(60)")
    with KerasProcess(timeout_s=0.5) as keras, pytest.raises(ModelError) as error:
        keras.save_keras(classifier())
    assert error.value.code == "convert.keras_slow"
