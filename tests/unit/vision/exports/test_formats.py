"""Every format is written, read back, and answers as the model does, or is not handed over."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from typing import Any

import flatbuffers.table
import h5py
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from core.errors import ModelError, UsageError
from core.exports import GOLDEN_TOLERANCE, check_answers
from core.imaging import Preprocessing
from core.tfjs.read import read_model
from core.vision.exports import FORMATS, ExportOptions, PictureModel, export_model, predict_bytes
from core.vision.exports import tfjs as tfjs_format
from core.vision.exports.teachable_machine import image_size_px
from core.vision.head import Rejection
from tests.picture_models import LABELS, LITE, MOBILENET, picture_model

WITHOUT_KERAS = [name for name, row in FORMATS.items() if not row.needs_keras]
WITH_LAYERS = ["page", "h5", "tfjs", "teachable-machine"]
CASES: dict[str, dict[str, Any]] = {
    "pooled EfficientNet-Lite": {},
    "article's head on MobileNet": {
        "architecture": "mobilenet_v1", "features": "feature_map", "preprocessing": MOBILENET,
    },
    "MobileNet cut in the middle": {
        "architecture": "mobilenet_v1", "features": "conv_pw_6_relu", "preprocessing": MOBILENET,
    },
    "linear head on MobileNet V2": {
        "architecture": "mobilenet_v2", "hidden": 0, "preprocessing": MOBILENET,
    },
    "MobileNet V3 with its gates": {
        "architecture": "mobilenet_v3_large",
        "preprocessing": Preprocessing(64, "squeeze", 1.0, "bicubic", 127.5, 127.5),
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def models() -> dict[str, PictureModel]:
    return {name: picture_model(**case) for name, case in CASES.items()}


@pytest.fixture(scope="module")
def small(models: dict[str, PictureModel]) -> PictureModel:
    return models["MobileNet cut in the middle"]


@pytest.mark.parametrize(
    ("case", "format_id"),
    [(case, name) for case in list(CASES)[:3] for name in WITHOUT_KERAS]
    + [(case, name) for case in list(CASES)[3:] for name in WITH_LAYERS],
)
def test_an_export_answers_as_the_model_does(
    models: dict[str, PictureModel], case: str, format_id: str
) -> None:
    model = models[case]
    stages: list[str] = []
    export = export_model(model, format_id, progress=lambda stage, part: stages.append(stage))
    assert export.report.max_difference <= GOLDEN_TOLERANCE
    assert stages == ["write", "check", "done"]
    name, content, mime = export.download()
    assert name.endswith(FORMATS[format_id].suffix)
    assert mime == FORMATS[format_id].mime
    assert export.report.bytes == len(content)
    assert predict_bytes(model, format_id) == pytest.approx(len(content), rel=0.6)


def test_the_made_up_answers_tell_models_apart(models: dict[str, PictureModel]) -> None:
    for model in models.values():
        answers = model.golden_answers
        assert answers.max() < 0.999
        assert np.abs(answers[0] - answers[1]).max() > 0.01


@pytest.mark.parametrize("format_id", WITHOUT_KERAS)
def test_labels_and_preprocessing_are_inside(small: PictureModel, format_id: str) -> None:
    small = replace(small, rejection=Rejection("probability", 0.4))
    export = export_model(small, format_id, options=ExportOptions(name="Other"))
    contract = contract_in(export.files, format_id)
    assert contract["labels"] == list(LABELS)
    assert contract["name"] == "Other"
    assert contract["rejection"]["threshold"] == 0.4
    assert Preprocessing.from_dict(contract["preprocessing"]) == small.preprocessing
    assert np.abs(contract["golden"][1]["probabilities"] - small.golden_answers[1]).max() < 1e-6


def contract_in(files: Any, format_id: str) -> dict[str, Any]:
    if "teachdeck.json" in files:
        return json.loads(files["teachdeck.json"])
    if format_id == "page":
        page = files["index.html"].decode()
        start = page.index('<script id="contract" type="application/json">') + 46
        return json.loads(page[start : page.index("</script>", start)])
    (content,) = files.values()
    if format_id == "h5":
        with h5py.File(io.BytesIO(content)) as file:
            return json.loads(bytes(file["teachdeck"][:]))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return json.loads(archive.read("teachdeck.json"))


def test_an_export_that_answers_otherwise_is_not_handed_over(
    small: PictureModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = tfjs_format.layers_model_files

    def with_one_kernel_changed(model: Any, options: Any) -> dict[str, bytes]:
        name = next(name for name in model.weights if name.startswith("answers"))
        weights = {**model.weights, name: model.weights[name] * np.float32(1.01)}
        return write(type(model)(**{**vars(model), "weights": weights}), options)

    monkeypatch.setattr(tfjs_format, "layers_model_files", with_one_kernel_changed)
    with pytest.raises(ModelError, match="answers differently") as caught:
        export_model(small, "tfjs")
    assert caught.value.code == "export.differs"


def test_answers_that_are_not_numbers_are_refused(small: PictureModel) -> None:
    answers = small.golden_answers.copy()
    assert check_answers(small, answers) == 0
    answers[0, 0] = np.nan
    with pytest.raises(ModelError) as caught:
        check_answers(small, answers)
    assert caught.value.code == "export.other_answers"


def test_an_unknown_format_is_refused_with_the_known_ones(small: PictureModel) -> None:
    with pytest.raises(UsageError, match="page, script, tflite"):
        export_model(small, "docx")


def test_the_same_model_gives_the_same_bytes(small: PictureModel) -> None:
    for format_id in ("page", "tflite", "tfjs", "teachable-machine"):
        first, second = (export_model(small, format_id).content for _ in range(2))
        assert first == second


def test_layers_keep_the_names_of_the_network(small: PictureModel) -> None:
    for format_id in ("h5", "tfjs"):
        export = export_model(small, format_id)
        files = export.files if format_id == "tfjs" else next(iter(export.files.values()))
        names = [layer["config"]["name"] for layer in read_model(files).layers]
        assert names[:2] == ["pixels", "rescaling"]
        assert {"conv1", "conv1_bn", "conv_dw_3_relu", "conv_pw_6_relu"} <= set(names)


def test_the_head_alone_looks_as_tensorflow_js_saves_it(models: dict[str, PictureModel]) -> None:
    export = export_model(models["article's head on MobileNet"], "tfjs-head")
    document = json.loads(export.files["model.json"])
    layers = document["modelTopology"]["config"]["layers"]
    assert [layer["class_name"] for layer in layers] == ["Flatten", "Dense", "Dense"]
    assert layers[0]["config"]["batch_input_shape"] == [None, 2, 2, 256]
    assert [layer["config"].get("activation") for layer in layers] == [None, "relu", "softmax"]
    assert document["weightsManifest"][0]["paths"] == ["./model.weights.bin"]
    assert b"conv_pw_13_relu" in export.files["README.md"]


def test_what_teachable_machine_shows_the_model_is_what_it_would_see_here(
    models: dict[str, PictureModel],
) -> None:
    lite, mobilenet = models["pooled EfficientNet-Lite"], models["linear head on MobileNet V2"]
    assert image_size_px(lite) == 74  # 64 / 0.875 and even around it
    assert image_size_px(mobilenet) == 64
    assert image_size_px(picture_model(preprocessing=LITE)) == 74
    metadata = json.loads(export_model(lite, "teachable-machine").files["metadata.json"])
    assert metadata["labels"] == list(LABELS)
    assert metadata["imageSize"] == 74


def test_a_factor_goes_into_the_kernel_and_a_summand_into_a_layer_of_its_own(
    models: dict[str, PictureModel],
) -> None:
    lite, mobilenet = models["pooled EfficientNet-Lite"], models["linear head on MobileNet V2"]
    folded = read_model(export_model(lite, "teachable-machine").files)
    factor = np.float64(127) / 128
    exact = lite.network.node("stem_conv").weights["kernel"] * factor
    assert np.abs(folded.weights["stem_conv/kernel"] - exact).max() < 1e-7
    assert not any("library_rescaling" in name for name in folded.weights)
    apart = read_model(export_model(mobilenet, "teachable-machine").files)
    beta = apart.weights["library_rescaling/beta"]
    assert beta == pytest.approx([(127 - 127.5) / 127.5] * 3)


def test_tflite_metadata_follows_the_public_schema(small: PictureModel) -> None:
    (content,) = export_model(small, "tflite").files.values()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        lines = archive.read("labels.txt").decode().splitlines()
    assert lines == list(LABELS)
    model = schema.Model.GetRootAs(content)
    entry = model.Metadata(0)
    assert entry.Name() == b"TFLITE_METADATA"
    metadata = model.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
    assert metadata[4:8] == b"M001"
    root = Fields.root(metadata)
    assert root.text(0) == small.name
    (graph,) = root.tables(3)
    (picture,), (scores,) = graph.tables(2), graph.tables(3)
    assert "0 to 255" in picture.text(1)
    image = picture.table(3)
    assert image.byte(0) == 2  # ImageProperties
    assert image.table(1).byte(0) == 1  # RGB
    (unit,) = picture.tables(4)
    assert unit.byte(0) == 1  # NormalizationOptions
    (labels,) = scores.tables(6)
    assert (labels.text(0), labels.byte(2)) == ("labels.txt", 2)  # TENSOR_AXIS_LABELS


class Fields:
    """Fields of a table by their number in the schema, read without generated code."""

    def __init__(self, table: flatbuffers.table.Table) -> None:
        self.table_ = table

    @classmethod
    def root(cls, content: bytes) -> Fields:
        start = int.from_bytes(content[:4], "little")
        return cls(flatbuffers.table.Table(bytearray(content), start))

    def _at(self, field: int) -> int:
        offset = self.table_.Offset(4 + 2 * field)
        assert offset, f"field {field} is missing"
        return self.table_.Pos + offset

    def text(self, field: int) -> str:
        return self.table_.String(self._at(field)).decode()

    def byte(self, field: int) -> int:
        return self.table_.Bytes[self._at(field)]

    def table(self, field: int) -> Fields:
        at = self._at(field)
        return Fields(flatbuffers.table.Table(self.table_.Bytes, self.table_.Indirect(at)))

    def tables(self, field: int) -> list[Fields]:
        relative = self._at(field) - self.table_.Pos
        start, count = self.table_.Vector(relative), self.table_.VectorLen(relative)
        places = [self.table_.Indirect(start + 4 * index) for index in range(count)]
        return [Fields(flatbuffers.table.Table(self.table_.Bytes, place)) for place in places]


def test_class_names_cannot_end_the_script_that_holds_them(small: PictureModel) -> None:
    page = export_model(small, "page").files["index.html"].decode()
    assert page.count("</script>") == 5
    assert "<b>" not in page


def test_models_of_another_form_are_refused(small: PictureModel) -> None:
    with pytest.raises(ModelError) as caught:
        PictureModel("x", ("a", "b"), small.preprocessing, small.network, small.features)
    assert caught.value.code == "export.not_a_picture_model"
    with pytest.raises(ModelError) as caught:
        picture_model("mobilenet_v2", features="input", preprocessing=MOBILENET, hidden=0) and (
            PictureModel("x", LABELS, small.preprocessing, small.network, "pixels")
        )
    assert caught.value.code == "network.unknown_layer"
