"""The table of formats and pairs."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import UsageError
from core.tfjs.registry import (
    FORMATS,
    find_pair,
    infer_input_format,
    infer_output_format,
    markdown_table,
    pairs,
)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("keras", "tfjs_layers_model"),
        ("keras_keras", "tfjs_layers_model"),
        ("tfjs_layers_model", "tfjs_layers_model"),
        ("tfjs_layers_model", "keras"),
        ("tfjs_layers_model", "keras_keras"),
        ("keras", "tflite"),
        ("tfjs_layers_model", "tflite"),
    ],
)
def test_the_promised_pairs_are_there(source: str, target: str) -> None:
    assert [side.name for side in find_pair(source, target)] == [source, target]


@pytest.mark.parametrize(
    ("source", "target", "text"),
    [
        ("keras", "tfjs_graph_model", "not available yet"),
        ("tf_saved_model", "tfjs_graph_model", "Save the model from Keras"),
        ("tflite", "keras", "cannot be read back"),
        ("keras", "keras", "would change nothing"),
    ],
)
def test_other_pairs_say_why_not(source: str, target: str, text: str) -> None:
    with pytest.raises(UsageError) as error:
        find_pair(source, target)
    assert text in error.value.message


def test_an_unknown_format_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as error:
        find_pair("onnx", "keras")
    assert "tfjs_layers_model" in error.value.message


def test_every_pair_is_available_or_has_a_reason() -> None:
    found = pairs()
    assert len(found) == len(FORMATS) ** 2
    assert all(note is None or note.message for _, _, note in found)


def test_formats_are_told_from_names_and_kinds(tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").touch()
    assert infer_input_format(tmp_path / "saved") == "tf_saved_model"
    assert infer_input_format(tmp_path) == "tfjs_layers_model"
    assert infer_input_format(Path("x/Model.H5")) == "keras"
    assert infer_input_format(Path("a.keras")) == "keras_keras"
    assert infer_input_format(Path("model.json")) == "tfjs_layers_model"
    with pytest.raises(UsageError):
        infer_input_format(Path("weights.bin"))


def test_the_output_follows_its_name_and_then_the_original_default() -> None:
    assert infer_output_format("keras", Path("out")) == "tfjs_layers_model"
    assert infer_output_format("tfjs_layers_model", Path("out")) == "keras"
    assert infer_output_format("tfjs_layers_model", Path("m.keras")) == "keras_keras"
    assert infer_output_format("keras", Path("m.tflite")) == "tflite"


def test_the_readme_table_has_a_row_for_each_input() -> None:
    lines = markdown_table().splitlines()
    assert len(lines) == 2 + len(FORMATS) - 1
    assert "| `keras` | yes | - | yes | yes | - |" in lines
