"""The page "Convert models", driven without a browser, in both languages."""

from __future__ import annotations

import io
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.errors import ModelError
from core.tfjs import convert
from core.tfjs.compat import adapt
from core.tfjs.read import read_model
from core.tfjs.sample import sample_file, sample_model
from core.tfjs.write_h5 import h5_bytes
from core.tfjs.write_layers import LayersOptions, layers_model_files
from pages.components import convert_job, i18n
from pages.components.convert_summary import size_text

PROJECT = Path(__file__).resolve().parent.parent.parent
_JOB = "conversion_job"


def _open(language: str = "en") -> AppTest:
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60)
    app.session_state["language"] = language
    app.switch_page("pages/convert_models.py").run()
    assert not app.exception
    return app


def _convert(app: AppTest, *, timeout_s: float = 60) -> convert_job.ConversionJob:
    app.button(key="convert_go").click().run()
    job: convert_job.ConversionJob = app.session_state[_JOB]
    end_s = time.monotonic() + timeout_s
    while job.running and time.monotonic() < end_s:
        time.sleep(0.05)
    assert not job.running
    app.run()
    assert not app.exception
    return job


def _upload(app: AppTest, files: dict[str, bytes]) -> None:
    app.segmented_control(key="convert_source").set_value("upload").run()
    app.file_uploader(key="convert_uploads").set_value(
        [(name, content, "application/octet-stream") for name, content in files.items()]
    ).run()
    assert not app.exception


def _layers_files(**options: object) -> dict[str, bytes]:
    return layers_model_files(adapt(sample_model(), "tfjs"), LayersOptions(**options))


def _texts(app: AppTest) -> str:
    return "\n".join(element.value for element in [*app.markdown, *app.caption])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_sample_is_summarised_on_the_first_view(home: Path, language: str) -> None:
    app = _open(language)
    words = i18n.catalogue(language)
    metrics = {metric.label: metric.value for metric in app.metric}
    assert metrics[words["convertpage.parameters"]] == f"{sample_model().parameters:,}"
    assert metrics[words["convertpage.input"]] == "96 × 96 × 3"
    assert not app.error
    table = app.dataframe[0].value
    assert "stem" in list(table[words["convertpage.layer"]])
    assert size_text(len(sample_file())) in _texts(app)


def test_the_sample_is_the_same_every_time() -> None:
    assert sample_file() == sample_file()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_converting_hands_over_a_zip_that_reads_back_the_same(home: Path, language: str) -> None:
    app = _open(language)
    app.toggle(key="convert_compare").set_value(False).run()
    job = _convert(app)
    assert job.error is None
    assert job.file_name == "sample_network_tfjs.zip"
    back = read_model(job.content)
    assert all(
        (back.weights[name] == weight).all() for name, weight in sample_model().weights.items()
    )
    assert i18n.catalogue(language)["convertpage.proof_weights"] in _texts(app)
    assert app.get("download_button")


def test_options_reach_the_files(home: Path) -> None:
    app = _open()
    app.toggle(key="convert_compare").set_value(False).run()
    app.radio(key="convert_dtype").set_value("uint8").run()
    app.segmented_control(key="convert_shards_by").set_value("count").run()
    app.number_input(key="convert_count").set_value(3).run()
    app.text_input(key="convert_patterns_float16").set_value("classes/*").run()
    assert any("Weight files: 3" in caption.value for caption in app.caption)
    job = _convert(app)
    with zipfile.ZipFile(io.BytesIO(job.content)) as archive:
        assert sum(name.endswith(".bin") for name in archive.namelist()) == 3
    quantization = read_model(job.content).origin.quantization
    assert quantization["classes/kernel"].dtype == "float16"
    assert quantization["stem/kernel"].dtype == "uint8"
    assert "classes/kernel" not in list(app.dataframe[0].value["Weight"])  # float16 loses little
    assert set(app.dataframe[0].value["Stored as"]) == {"uint8"}


def test_old_tensorflowjs_gets_the_old_class_name(home: Path) -> None:
    app = _open()
    app.toggle(key="convert_compare").set_value(False).run()
    app.toggle(key="convert_old").set_value(True).run()
    job = _convert(app)
    assert job.report is not None
    with zipfile.ZipFile(io.BytesIO(job.content)) as archive:
        assert b'"Functional"' not in archive.read("model.json")


def test_model_json_and_shards_become_one_h5_file(home: Path) -> None:
    app = _open()
    _upload(app, _layers_files(shard_count=2))
    app.toggle(key="convert_compare").set_value(False).run()
    job = _convert(app)
    assert job.file_name == "model.h5"
    assert read_model(job.content).parameters == sample_model().parameters


@pytest.mark.parametrize("language", ["en", "zh"])
def test_missing_shards_are_a_sentence_in_the_visitors_language(home: Path, language: str) -> None:
    app = _open(language)
    _upload(app, {"model.json": _layers_files()["model.json"]})
    start = i18n.catalogue(language)["model_file.shards_missing"].format(count=1, names="·")
    assert app.error[0].value.startswith(start.partition("·")[0])
    assert not app.metric


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_cannot_be_converted_is_said_before_the_attempt(home: Path, language: str) -> None:
    model = sample_model()
    layers = list(model.topology["config"]["layers"])
    layers.insert(
        1,
        {
            "class_name": "UpSampling2D",
            "config": {"name": "enlarge", "size": [2, 2], "interpolation": "bilinear"},
        },
    )
    topology = {"class_name": "Sequential", "config": {"name": "m", "layers": layers}}
    app = _open(language)
    _upload(app, {"enlarging.h5": h5_bytes(replace(model, topology=topology))})
    assert app.button(key="convert_go").disabled
    assert app.warning
    assert "enlarge" in _texts(app)


def test_contradicting_patterns_are_a_sentence(home: Path) -> None:
    app = _open()
    app.text_input(key="convert_patterns_float16").set_value("stem/*").run()
    app.text_input(key="convert_patterns_uint8").set_value("stem/kernel").run()
    assert "more than one type" in app.error[0].value
    assert app.metric


def test_a_failed_proof_is_shown_and_nothing_is_handed_over(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ModelError("convert.weight_differs", name="stem/kernel")

    monkeypatch.setattr(convert, "prove_weights", fail)
    app = _open()
    app.toggle(key="convert_compare").set_value(False).run()
    job = _convert(app)
    assert job.content == b""
    assert "stem/kernel" in app.error[0].value.replace("\\", "")
    assert not app.get("download_button")


def test_another_model_drops_the_report_of_the_first(home: Path) -> None:
    app = _open()
    app.toggle(key="convert_compare").set_value(False).run()
    _convert(app)
    _upload(app, {"other.h5": sample_file()})
    assert _JOB not in app.session_state
    assert not app.get("download_button")


def test_a_stopped_conversion_ends_without_a_result(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_: object, progress: object, **__: object) -> None:
        for _step in range(1000):
            progress("write", 0.1)
            time.sleep(0.01)

    monkeypatch.setattr(convert_job, "convert_model", slow)
    app = _open()
    app.button(key="convert_go").click().run()
    job = app.session_state[_JOB]
    app.button(key="convert_stop").click().run()
    end_s = time.monotonic() + 5
    while job.running and time.monotonic() < end_s:
        time.sleep(0.01)
    assert not job.running
    assert job.report is None
    assert _JOB not in app.session_state


def test_the_visitors_own_pictures_reach_the_proof(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = []

    def note(*_: object, options: convert.ConversionOptions, **__: object) -> None:
        received.append(options)
        raise ModelError("convert.outputs_not_finite")

    monkeypatch.setattr(convert_job, "convert_model", note)
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(buffer, "PNG")
    app = _open()
    app.file_uploader(key="convert_pictures").set_value(
        [("red.png", buffer.getvalue(), "image/png")]
    ).run()
    _convert(app)
    assert received[0].verify == "outputs"
    assert [picture.shape for picture in received[0].pictures] == [(30, 40, 3)]


@pytest.mark.slow
def test_outputs_are_compared_by_default(home: Path) -> None:
    app = _open()
    job = _convert(app, timeout_s=200)
    assert job.report is not None
    assert job.report.proof == ("structure", "weights", "outputs")
    assert job.report.pictures >= 20
    words = i18n.catalogue("en")
    metrics = {metric.label: metric.value for metric in app.metric}
    assert metrics[words["convertpage.agreement"]] == "100 %"
