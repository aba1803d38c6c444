"""``python -m core convert`` and ``inspect``: the original's flags, without its traps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.cli import main
from core.tfjs.model import LayersModel
from core.tfjs.read import read_model
from core.tfjs.write_h5 import h5_bytes


@pytest.fixture
def h5(tmp_path: Path) -> Path:
    layers = [
        {
            "class_name": "InputLayer",
            "config": {"name": "i", "batch_input_shape": [None, 4], "dtype": "float32"},
        },
        {"class_name": "Dense", "config": {"name": "d", "units": 50, "activation": "relu"}},
        {"class_name": "Dense", "config": {"name": "e", "units": 3, "activation": "softmax"}},
    ]
    rng = np.random.default_rng(0)
    weights = {
        "d/kernel": rng.normal(size=(4, 50)).astype(np.float32),
        "d/bias": rng.normal(size=50).astype(np.float32),
        "e/kernel": rng.normal(size=(50, 3)).astype(np.float32),
        "e/bias": rng.normal(size=3).astype(np.float32),
    }
    topology = {"class_name": "Sequential", "config": {"name": "m", "layers": layers}}
    path = tmp_path / "a model.h5"
    path.write_bytes(h5_bytes(LayersModel(topology, weights)))
    return path


def convert(*arguments: object) -> int:
    return main(["convert", *map(str, arguments)])


def manifest(folder: Path) -> list[dict[str, Any]]:
    return json.loads((folder / "model.json").read_text())["weightsManifest"]


def dtypes(folder: Path) -> dict[str, str]:
    return {
        weight["name"]: weight.get("quantization", {}).get("dtype", "float32")
        for group in manifest(folder)
        for weight in group["weights"]
    }


def test_paths_with_spaces_work_both_ways(h5: Path, tmp_path: Path) -> None:
    assert convert(h5, tmp_path / "web model") == 0
    back = tmp_path / "back again.h5"
    assert convert(tmp_path / "web model" / "model.json", back) == 0
    original, converted = read_model(h5), read_model(back)
    for name, weight in original.weights.items():
        assert converted.weights[name].tobytes() == weight.tobytes()


@pytest.mark.parametrize("flag", ["--quantize_uint8", "--quantize_uint16", "--quantize_float16"])
def test_a_quantise_flag_does_not_swallow_the_paths(h5: Path, tmp_path: Path, flag: str) -> None:
    for number, arguments in enumerate(
        ([flag, h5, "OUT"], [h5, flag, "OUT"], [h5, "OUT", flag], [f"{flag}=*", h5, "OUT"])
    ):
        out = tmp_path / str(number)
        assert convert(*[out if a == "OUT" else a for a in arguments]) == 0
        assert set(dtypes(out).values()) == {flag.removeprefix("--quantize_")}


def test_patterns_before_the_paths_stay_patterns(h5: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert convert("--quantize_uint16", "d/*,*bias", "--quantize_float16", h5, out) == 0
    assert dtypes(out) == {
        "d/kernel": "uint16",
        "d/bias": "uint16",
        "e/kernel": "float16",
        "e/bias": "uint16",
    }


@pytest.mark.parametrize(("number", "dtype"), [(1, "uint8"), (2, "uint16")])
def test_quantization_bytes_is_the_old_way(
    h5: Path, tmp_path: Path, number: int, dtype: str
) -> None:
    assert convert(f"--quantization_bytes={number}", h5, tmp_path / "out") == 0
    assert set(dtypes(tmp_path / "out").values()) == {dtype}
    assert convert("--quantization_bytes=1", "--quantize_uint16", h5, tmp_path / "b") == 2


def test_the_articles_misspelling_is_taken_with_a_warning(
    h5: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert("--weight_shared_size_bytes", 100, h5, tmp_path / "out") == 0
    assert "misspelling" in capsys.readouterr().err
    assert len(manifest(tmp_path / "out")[0]["paths"]) == 17


def test_shards_can_be_counted_and_split_by_layer(h5: Path, tmp_path: Path) -> None:
    assert convert("--shards", 3, h5, tmp_path / "three") == 0
    assert len(list((tmp_path / "three").glob("*.bin"))) == 3
    assert convert("--split_weights_by_layer", h5, tmp_path / "split") == 0
    assert len(manifest(tmp_path / "split")) == 2


def test_metadata_is_put_into_the_model(h5: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text('["a", "b"]')
    out = tmp_path / "out"
    assert convert(h5, out, f"--metadata=labels:{tmp_path / 'labels.json'}") == 0
    written = json.loads((out / "model.json").read_text())
    assert written["userDefinedMetadata"] == {"labels": ["a", "b"]}
    again = tmp_path / "again"
    assert convert(out, again, "--output_format=tfjs_layers_model") == 0
    assert read_model(again).metadata == {"labels": ["a", "b"]}
    assert convert(h5, tmp_path / "c", "--metadata=labels") == 2


def test_json_is_exactly_one_document(
    h5: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(h5, tmp_path / "out", "--json", "--weight_shared_size_bytes=100") == 0
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert report["input"] == str(h5)
    assert report["bytes_before"] == h5.stat().st_size
    assert report["bytes_after"] == sum(
        path.stat().st_size for path in (tmp_path / "out").iterdir()
    )
    assert report["proof"] == ["structure", "weights"]
    assert {"output", "max_abs_difference", "top1_agreement", "seconds"} <= set(report)
    assert any("misspelling" in note for note in report["notes"])
    assert printed.err == ""


def test_nothing_of_the_users_is_overwritten(
    h5: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "model.json").write_text('{"mine": true}')
    assert convert(h5, out) == 2
    assert (out / "model.json").read_text() == '{"mine": true}'
    assert "--overwrite" in capsys.readouterr().err
    assert convert(h5, out, "--overwrite") == 0
    other = tmp_path / "other.h5"
    other.write_bytes(b"mine")
    assert convert(out, other) == 2
    assert other.read_bytes() == b"mine"


def test_an_earlier_conversion_is_replaced_and_said(
    h5: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert convert(h5, out, "--shards=5") == 0
    (out / "notes.txt").write_text("mine")
    capsys.readouterr()
    assert convert(h5, out) == 0
    assert "replaced" in capsys.readouterr().err
    assert sorted(p.name for p in out.iterdir()) == [
        "group1-shard1of1.bin",
        "model.json",
        "notes.txt",
    ]
    back = tmp_path / "back.h5"
    assert convert(out, back) == 0
    assert convert(out, back) == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["missing.h5", "out"], "no file or folder"),
        (["H5", "OUT", "--output_format=tfjs_graph_model"], "not available yet"),
        (["H5", "OUT", "--weight_shard_size_bytes=0"], "positive"),
        (["H5", "OUT.keras", "--split_weights_by_layer"], "do not apply"),
        (["H5", "OUT.tflite", "--quantize_uint16"], "TFLite"),
        (["H5", "OUT", "--input_format=keras_keras"], "is keras, not keras_keras"),
        (["H5", "OUT", "--quantize_uint8", "--quantize_uint16"], "Only one type"),
        (["H5", "OUT", "--pictures=nowhere"], "no pictures"),
    ],
)
def test_wrong_use_ends_with_status_2_and_says_what_to_do(
    h5: Path,
    tmp_path: Path,
    arguments: list[str],
    text: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = str(tmp_path / "out")
    given = [a.replace("H5", str(h5)).replace("OUT", out) for a in arguments]
    assert convert(*given) == 2
    assert text in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_file_where_a_folder_belongs_is_refused(h5: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert convert(h5, tmp_path / "file") == 2
    (tmp_path / "folder.h5").mkdir()
    assert convert("--quantize_uint8", h5, tmp_path / "out") == 0
    assert convert(tmp_path / "out", tmp_path / "folder.h5") == 2


def test_a_broken_model_ends_with_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    assert convert(tmp_path / "broken.h5", tmp_path / "out") == 1
    assert "broken.h5" in capsys.readouterr().err


def test_graph_flags_are_accepted_and_said_to_do_nothing(
    h5: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(h5, tmp_path / "out", "--strip_debug_ops=False") == 0
    assert "strip_debug_ops" in capsys.readouterr().err


def test_the_version_flag_needs_no_paths(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        convert("--version")
    assert end.value.code == 0
    assert "keras" in capsys.readouterr().out


def test_inspect_describes_a_model(h5: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(h5)]) == 0
    text = capsys.readouterr().out
    assert "403 parameters" in text
    assert "tfjs_layers_model: can be written" in text
    assert main(["inspect", str(h5), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["parameters"] == 403
    assert summary["input_format"] == "keras"
    assert [layer["parameters"] for layer in summary["layers"]] == [0, 250, 153]
    assert main(["inspect", "nowhere"]) == 2
