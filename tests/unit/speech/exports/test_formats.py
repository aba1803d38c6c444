"""Every format of words is written, read back, and answers as the model does."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from core.cli import main
from core.errors import ModelError, UsageError
from core.exports import GOLDEN_TOLERANCE, check_answers
from core.speech import SmoothMode, SpeechModel, read_speech_model
from core.speech.exports import FORMATS, ExportOptions, WordModel, export_words, predict_bytes
from core.speech.exports import tfjs as tfjs_format
from core.speech.exports.source import golden_sound
from core.tfjs.in_page import model_in_page
from tests.speech_kit import CHINESE, model_files, pooled_model, write_model

WITHOUT_KERAS = [name for name, row in FORMATS.items() if not row.needs_keras]
TO_READ_BACK = ["tfjs", "teachable-machine"]


@pytest.mark.parametrize("format_id", WITHOUT_KERAS)
@pytest.mark.parametrize("which", ["base", "taught"])
def test_every_format_answers_alike(
    which: str, format_id: str, request: pytest.FixtureRequest
) -> None:
    model: SpeechModel = request.getfixturevalue(which)
    stages: list[str] = []
    export = export_words(model, format_id, progress=lambda stage, part: stages.append(stage))
    assert stages == ["write", "check", "done"]
    assert export.report.max_difference <= GOLDEN_TOLERANCE
    assert export.report.pictures == 3
    assert sum(export.report.files.values()) == sum(map(len, export.files.values()))
    assert predict_bytes(model, format_id) == pytest.approx(export.report.bytes, rel=0.25)
    again = export_words(model, format_id)
    assert again.content == export.content


@pytest.mark.parametrize("format_id", TO_READ_BACK)
def test_what_is_exported_comes_back_the_same(taught: SpeechModel, format_id: str) -> None:
    back = read_speech_model(export_words(taught, format_id).content)
    golden = WordModel(taught, "x")
    np.testing.assert_allclose(back.run(golden.golden_features).scores, golden.golden_answers)
    assert back.front_end == taught.front_end
    assert dict(back.thresholds) == dict(taught.thresholds)
    assert back.title == taught.title
    assert back.words == taught.words
    assert back.embedding_units == taught.embedding_units
    embedded = (back.embed(golden.golden_features), taught.embed(golden.golden_features))
    np.testing.assert_allclose(*embedded, atol=1e-5)
    renamed = CHINESE[0] if format_id == "teachable-machine" else "_background_noise_"
    assert back.labels == (renamed, *taught.labels[1:])


def test_a_front_end_of_its_own_travels(base: SpeechModel) -> None:
    side = {
        "wordLabels": list(base.labels),
        "frontEnd": {"floor_db": -140.0, "epsilon": 1e-7, "rate_hz": 16_000, "hop_length": 500},
    }
    own = read_speech_model(model_files(units=32), metadata=side)
    back = read_speech_model(export_words(own, "tfjs").content)
    assert back.front_end == own.front_end
    assert back.front_end.rate_hz == 16_000


def test_layers_are_the_originals_with_their_activations(taught: SpeechModel) -> None:
    document = json.loads(export_words(taught, "tfjs").files["model.json"])
    topology = document["modelTopology"]
    model = topology.get("model_config", topology)
    assert model["class_name"] == "Sequential"
    layers = model["config"]["layers"]
    dense = [layer["config"] for layer in layers if layer["class_name"] == "Dense"]
    assert [(one["name"], one["activation"]) for one in dense] == [
        ("dense_1", "relu"),
        ("NewHeadDense", "softmax"),
    ]
    assert not any(layer["class_name"] in {"Activation", "ReLU"} for layer in layers)


def test_a_network_that_is_no_chain_is_written_too(base: SpeechModel) -> None:
    pooled = pooled_model(base)
    golden = WordModel(pooled, "x")
    for format_id in WITHOUT_KERAS:
        export = export_words(pooled, format_id)
        if format_id in TO_READ_BACK:
            back = read_speech_model(export.content)
            answers = back.run(golden.golden_features).scores
            np.testing.assert_allclose(answers, golden.golden_answers, atol=1e-6)
            assert b"createTransfer" not in export.files["README.md"]
    assert b"createTransfer" in export_words(base, "tfjs").files["README.md"]


def test_a_tflite_file_holds_its_labels_and_contract(taught: SpeechModel) -> None:
    content = export_words(taught, "tflite").content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.read("labels.txt").decode().splitlines() == list(taught.labels)
        about = json.loads(archive.read("teachdeck.json"))
    assert about["format"] == "teachdeck-word-model"
    assert about["labels"] == list(taught.labels)
    assert about["words"] == list(taught.words)
    assert about["front_end"]["floor_db"] == taught.front_end.floor_db
    assert about["decision"]["thresholds"] == dict(taught.thresholds)
    expected = WordModel(taught, "x").golden_answers
    np.testing.assert_allclose([one["scores"] for one in about["golden"]], expected, atol=1e-6)
    model = schema.ModelT.InitFromPackedBuf(content)
    names = [entry.name for entry in model.metadata]
    assert b"TFLITE_METADATA" in names
    at = model.metadata[names.index(b"TFLITE_METADATA")].buffer
    packed = bytes(model.buffers[at].data)
    assert packed[4:8] == b"M001"
    assert b"labels.txt" in packed
    assert b"spectrogram" in packed


def test_the_page_holds_names_as_data_and_the_model(base: SpeechModel) -> None:
    export = export_words(base, "page", options=ExportOptions(name="</script><b>"))
    page = export.files["index.html"].decode()
    assert page.count("</script>") == 4
    assert "<b>" not in page
    assert "{{" not in page
    assert model_in_page(page).parameters == base.parameters


def test_chosen_options_are_what_is_written(taught: SpeechModel) -> None:
    mode = SmoothMode(threshold=0.9, smoothing_s=0.2, release=0.3, refractory_s=2.0)
    export = export_words(taught, "script", options=ExportOptions(name="My words", mode=mode))
    about = json.loads(export.files["teachdeck.json"])
    assert export.file_name == "My-words-script.zip"
    assert about["name"] == "My words"
    decision = about["decision"]
    assert (decision["threshold"], decision["thresholds"]) == (0.9, {})
    assert (decision["smoothing_steps"], decision["release"]) == (2, 0.3)
    assert decision["refractory_s"] == 2.0
    # It knows words and noise only, so there is nothing between two words.
    assert (decision["handover"], decision["handover_s"]) == (0.7, 0.0)


def test_a_model_with_other_speech_says_how_words_hand_over(base: SpeechModel) -> None:
    about = json.loads(export_words(base, "script").files["teachdeck.json"])
    assert (about["decision"]["handover"], about["decision"]["handover_s"]) == (0.7, 1.3)


def test_what_answers_differently_is_not_handed_over(
    taught: SpeechModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = tfjs_format.run_layers_model
    monkeypatch.setattr(tfjs_format, "run_layers_model", lambda *a: read(*a) * np.float32(0.99))
    with pytest.raises(ModelError, match="answers differently"):
        export_words(taught, "tfjs")
    model = WordModel(taught, "x")
    with pytest.raises(ModelError, match="Nothing was handed over"):
        check_answers(model, model.golden_answers[:, :2])
    with pytest.raises(UsageError, match="page, script"):
        export_words(taught, "onnx")


def test_the_floor_is_mentioned_where_a_library_does_not_know_it(taught: SpeechModel) -> None:
    (note,) = export_words(taught, "tfjs").report.notes
    assert "-100 dB" in note.message
    exact = replace(taught, front_end=replace(taught.front_end, floor_db=None))
    assert export_words(exact, "tfjs").report.notes == ()


def test_golden_sounds_differ_and_are_loud_enough() -> None:
    sounds = [golden_sound(number, 44_032) for number in range(3)]
    assert all(0.05 < np.abs(sound).max() <= 0.5 for sound in sounds)
    assert np.corrcoef(sounds).min() < 0.5


def test_the_command_line_exports_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_model(tmp_path / "words", units=16)
    command = ["export", str(folder), "--to"]
    assert main([*command, "teachable-machine", str(tmp_path / "tm"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["max_difference"] <= GOLDEN_TOLERANCE
    assert len(document["notes"]) == 1
    zipped = tmp_path / "tm.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        for path in (tmp_path / "tm").iterdir():
            archive.write(path, f"export/{path.name}")
    assert main(["export", str(zipped), "--to", "tflite", str(tmp_path / "out.tflite")]) == 0
    assert "golden sounds" in capsys.readouterr().out
    model_json = str(tmp_path / "tm" / "model.json")
    assert main(["export", model_json, "--to", "page", str(tmp_path / "page")]) == 0
    assert (tmp_path / "page" / "index.html").exists()
    capsys.readouterr()
    assert main([*command, "h5", str(tmp_path / "x")]) == 2
    assert "Choose one of: page, script" in capsys.readouterr().err
    assert main([*command, "tfjs", str(tmp_path / "x"), "--labels", "a,b"]) == 2
    assert "--labels" in capsys.readouterr().err
    assert main([*command, "tfjs", str(tmp_path / "tm")]) == 2
    assert "--overwrite" in capsys.readouterr().err
