"""Picture models that were taught elsewhere come back, predict, and leave again."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core.cli import main
from core.errors import ModelError
from core.pretrained.store import ModelStore
from core.vision.exports import export_model, picture_model
from core.vision.imports import import_picture_model
from tests.picture_models import LABELS, odd_photos, taught_model


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    return ModelStore(tmp_path_factory.mktemp("home"), ())


@pytest.fixture(scope="module")
def exported() -> dict[str, bytes]:
    model = picture_model(*taught_model(rejection="probability"), name="Marks")
    return {name: export_model(model, name).content for name in ("tfjs", "teachable-machine")}


def test_a_layers_model_of_our_own_comes_back_the_same(
    store: ModelStore, exported: dict[str, bytes]
) -> None:
    taught, _ = taught_model()
    back = import_picture_model(exported["tfjs"], store, name="marks.zip")
    assert back.taught.labels == tuple(" ".join(label.split()) for label in LABELS)
    assert back.notes == ()
    for name, content in odd_photos().items():
        expected, received = taught.predict(content), back.taught.predict(content)
        assert np.abs(expected.probabilities - received.probabilities).max() < 1e-4, name


def test_a_teachable_machine_export_comes_back(
    store: ModelStore, exported: dict[str, bytes]
) -> None:
    back = import_picture_model(exported["teachable-machine"], store)
    assert back.taught.labels == LABELS
    contract = back.taught.head.preprocessing
    assert (contract.input_size_px, contract.offset, contract.scale) == (74, 127, 127)
    assert not back.taught.predict(odd_photos()["photo.jpg"]).rejected
    again = export_model(picture_model(back.taught, back.network), "teachable-machine")
    assert json.loads(again.files["metadata.json"])["imageSize"] == 74


def test_a_real_teachable_machine_export_predicts(shared_data: Path, store: ModelStore) -> None:
    back = import_picture_model(shared_data / "tfjs-zoo" / "tm-image-masknomask", store)
    assert back.taught.labels == ("노마스크", "마스크")
    assert back.taught.head.layer == "out_relu"
    prediction = back.taught.predict(odd_photos()["photo.jpg"])
    assert prediction.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert export_model(picture_model(back.taught, back.network), "tflite").report.pictures == 3


def test_the_articles_head_finds_its_network(
    shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = ModelStore(tmp_path_factory.mktemp("home"), (shared_data / "mobilenet_v1_025_224",))
    back = import_picture_model(
        shared_data / "brand" / "web_model", store, labels=("android", "apple", "windows")
    )
    assert back.taught.head.layer == "conv_pw_13_relu"
    codes = [note.code for note in back.notes]
    assert codes == ["model_file.note_renamed", "import.note_backbone"]
    for picture in sorted((shared_data / "brand" / "test").iterdir()):
        label = back.taught.predict(picture.read_bytes()).label
        assert picture.name.startswith(label), picture.name


def test_a_head_without_its_network_says_what_to_do(store: ModelStore) -> None:
    model = picture_model(*taught_model(pooled=False))
    head = export_model(model, "tfjs-head").content
    with pytest.raises(ModelError, match=r"\[2, 2, 256\].*models/local"):
        import_picture_model(head, store)


def test_wrong_names_are_refused_and_missing_ones_numbered(
    store: ModelStore, exported: dict[str, bytes]
) -> None:
    with pytest.raises(ModelError) as caught:
        import_picture_model(exported["tfjs"], store, labels=("a", "b"))
    assert caught.value.code == "import.labels"
    files = unpacked(exported["teachable-machine"])
    metadata = json.loads(files["metadata.json"])
    document = json.loads(files["model.json"])
    document.pop("userDefinedMetadata")
    nameless = {
        **{name: files[name] for name in ("weights.bin",)},
        "model.json": json.dumps(document).encode(),
        "metadata.json": json.dumps({**metadata, "labels": ["same", "same", "same"]}).encode(),
    }
    back = import_picture_model(nameless, store)
    assert back.taught.labels == ("class 1", "class 2", "class 3")
    assert [note.code for note in back.notes] == ["import.note_no_labels"]


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04 no zip", b"\x89PNG", b'{"modelTopology": {}}'],
)
def test_files_that_are_no_model_are_refused(store: ModelStore, content: bytes) -> None:
    with pytest.raises(ModelError):
        import_picture_model(content, store, name="upload.zip")


def test_paths_that_lead_out_of_an_archive_are_refused(
    store: ModelStore, exported: dict[str, bytes]
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in unpacked(exported["teachable-machine"]).items():
            archive.writestr(f"../{name}", content)
    with pytest.raises(ModelError) as caught:
        import_picture_model(buffer.getvalue(), store)
    assert caught.value.code == "model_file.zip_path"


def test_the_command_line_exports(
    tmp_path: Path,
    home: Path,
    exported: dict[str, bytes],
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = tmp_path / "marks.zip"
    source.write_bytes(exported["teachable-machine"])
    command = ["export", str(source), "--to"]
    assert main([*command, "tflite", str(tmp_path / "out.tflite"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["max_difference"] < 1e-4
    assert (tmp_path / "out.tflite").read_bytes()[4:8] == b"TFL3"
    assert main([*command, "page", str(tmp_path / "page")]) == 0
    assert (tmp_path / "page" / "index.html").is_file()
    assert "golden pictures" in capsys.readouterr().out
    assert main([*command, "page", str(tmp_path / "page")]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*command, "page", str(tmp_path / "page"), "--overwrite"]) == 0
    assert main(["export", str(tmp_path / "none"), "--to", "page", str(tmp_path / "x")]) == 2


def unpacked(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
