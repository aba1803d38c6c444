"""Real models, converted on the command line, load in TensorFlow.js and give Keras' numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.cli import main
from core.tfjs.convert import ConversionOptions, convert_model
from core.tfjs.examples import example_inputs
from core.tfjs.keras_process import KerasProcess
from core.tfjs.model import LayersModel
from core.tfjs.read import read_model
from core.tfjs.write_layers import LayersOptions
from tests.tfjs.oracle import NodeJob, require_node, run_jobs, write_files

pytestmark = [pytest.mark.node, pytest.mark.slow]

MOBILENET = "mobilenet_v1_025_224"
ZOO = (
    "abalone-dense",
    "conv2d-maxpool-doodle",
    "embedding-simplernn-bn-dropout",
    "keras3-dense-dropout",
    "mobilenet-layers-quantized",
    "tm-image-masknomask",
)


@pytest.fixture(scope="module", autouse=True)
def _node() -> None:
    require_node()


@pytest.fixture(scope="module")
def models(shared_data: Path) -> dict[str, LayersModel]:
    sources = {
        "mobilenet h5": shared_data / MOBILENET / "keras.h5",
        "mobilenet": shared_data / MOBILENET / "web_model",
        "brand": shared_data / "brand" / "web_model",
        "speech": shared_data / "speech" / "official_18w_approx",
        **{name: shared_data / "tfjs-zoo" / name for name in ZOO},
    }
    return {name: read_model(path) for name, path in sources.items()}


def inputs_for(model: LayersModel) -> list[np.ndarray]:
    """Two random examples and, for pictures, two drawn ones."""
    return [np.concatenate([array[:2], array[-2:]]) for array in example_inputs(model).arrays]


def test_real_models_give_the_numbers_of_keras(
    models: dict[str, LayersModel], tmp_path: Path
) -> None:
    jobs, expected = {}, {}
    with KerasProcess() as keras:
        for name, model in models.items():
            files = (
                convert_model(model, "tfjs_layers_model").files
                if "h5" in name
                else (convert_model(model, "keras").files)
            )
            if "h5" not in name:  # through Keras and back, the whole way round
                back = read_model(files["model.h5"])
                files = convert_model(back, "tfjs_layers_model").files
            inputs = inputs_for(model)
            jobs[name] = NodeJob(write_files(tmp_path / name, files), inputs, backend="wasm")
            expected[name] = keras.predict(model, inputs)
    results = run_jobs(jobs, tmp_path / "run")
    for name, outputs in expected.items():
        received = results[name]
        assert not isinstance(received, str), f"{name}: {received}"
        for a, b in zip(outputs, received, strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-5, atol=5e-6, err_msg=name)


def test_models_for_teachable_machine_load_in_its_release(
    models: dict[str, LayersModel], tmp_path: Path
) -> None:
    options = ConversionOptions(layers=LayersOptions(old_tensorflowjs=True))
    jobs, expected = {}, {}
    for name in ("brand", "speech", "tm-image-masknomask"):
        inputs = inputs_for(models[name])
        files = convert_model(models[name], "tfjs_layers_model", options=options).files
        assert b'"Functional"' not in files["model.json"]
        jobs[name] = NodeJob(write_files(tmp_path / name, files), inputs)
        plain = convert_model(models[name], "tfjs_layers_model").files
        expected[name] = NodeJob(write_files(tmp_path / f"{name}-now", plain), inputs)
    old = run_jobs(jobs, tmp_path / "old", release="1.3.1")
    now = run_jobs(expected, tmp_path / "now")
    for name in jobs:
        assert not isinstance(old[name], str), f"{name}: {old[name]}"
        np.testing.assert_allclose(old[name][0], now[name][0], rtol=1e-5, atol=5e-6, err_msg=name)


def test_shards_quantisation_and_layers_load(
    models: dict[str, LayersModel], tmp_path: Path
) -> None:
    model = models["mobilenet"]
    inputs = inputs_for(model)
    choices = {
        "float": LayersOptions(),
        "shards of 100000": LayersOptions(shard_bytes=100_000),
        "seven shards": LayersOptions(shard_count=7),
        "by layer": LayersOptions(split_by_layer=True, metadata={"labels": ["a", "b"]}),
        "uint16": LayersOptions(quantize={"uint16": ("*",)}),
        "float16 head": LayersOptions(quantize={"float16": ("conv_preds/*",)}),
        "mixed": LayersOptions(quantize={"uint16": ("*kernel",), "float16": ("*",)}),
        "uint8": LayersOptions(quantize={"uint8": ("*",)}),
    }
    jobs = {}
    for name, layers in choices.items():
        conversion = convert_model(
            model, "tfjs_layers_model", options=ConversionOptions(layers=layers)
        )
        path = write_files(tmp_path / name.replace(" ", "_"), conversion.files)
        jobs[name] = NodeJob(path, inputs, backend="wasm")
    results = run_jobs(jobs, tmp_path / "run")
    errors = {name: outputs for name, outputs in results.items() if isinstance(outputs, str)}
    assert errors == {}
    plain = results["float"][0]
    worst = {name: float(np.abs(outputs[0] - plain).max()) for name, outputs in results.items()}
    for name in ("shards of 100000", "seven shards", "by layer"):
        assert worst[name] == 0.0
    assert 0 < worst["uint16"] < 0.01
    assert 0 < worst["float16 head"] < 0.01
    assert 0 < worst["mixed"] < 0.02
    assert worst["uint8"] > worst["uint16"]


def test_the_articles_commands_on_its_own_files(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    h5 = str(shared_data / MOBILENET / "keras.h5")
    web, back = tmp_path / "web model", tmp_path / "back" / "keras.h5"
    assert main(["convert", "--input_format=keras", h5, str(web)]) == 0
    layers = ["--input_format=tfjs_layers_model", str(web / "model.json")]
    assert main(["convert", *layers, "--output_format=keras", str(back)]) == 0
    flags = ["--output_format=tfjs_layers_model", "--weight_shared_size_bytes=100000"]
    assert main(["convert", *layers, *flags, str(tmp_path / "sharded")]) == 0
    flags = ["--output_format=tfjs_layers_model", "--quantization_bytes=2"]
    assert main(["convert", *layers, *flags, str(tmp_path / "small")]) == 0
    assert "misspelling" in capsys.readouterr().err
    assert main(["convert", *layers, "--output_format=tfjs_graph_model", str(tmp_path / "g")]) == 2
    assert "not available yet" in capsys.readouterr().err

    shards = sorted(
        (tmp_path / "sharded").glob("*.bin"), key=lambda p: int(p.name.split("of")[0][12:])
    )
    assert [path.stat().st_size for path in shards] == [100_000] * 19 + [2_176]
    assert sum(path.stat().st_size for path in (tmp_path / "small").glob("*.bin")) == 951_088
    original, converted = read_model(h5), read_model(back)
    for name, weight in original.weights.items():
        assert converted.weights[name].tobytes() == weight.tobytes()

    model = read_model(h5)
    inputs = inputs_for(model)
    jobs = {
        name: NodeJob(tmp_path / name / "model.json", inputs, backend="wasm")
        for name in ("web model", "sharded", "small")
    }
    jobs["theirs"] = NodeJob(shared_data / MOBILENET / "web_model" / "model.json", inputs, "wasm")
    results = run_jobs(jobs, tmp_path / "run")
    theirs = results["theirs"][0]
    np.testing.assert_array_equal(results["web model"][0], theirs)
    np.testing.assert_array_equal(results["sharded"][0], theirs)
    assert np.abs(results["small"][0] - theirs).max() < 0.01
    assert json.loads((web / "model.json").read_text())["format"] == "layers-model"
