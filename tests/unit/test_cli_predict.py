"""``python -m core predict`` as people and programs use it: a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]

Predict = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for the module, so that the model is converted once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def predict(data_folder: Path) -> Predict:
    def run(*arguments: str | Path, code: str = "") -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "TEACHDECK_HOME": str(data_folder), "TEACHDECK_MODELS": ""}
        program = ["-c", code] if code else ["-m", "core"]
        return subprocess.run(
            [sys.executable, *program, "predict", *map(str, arguments)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, Path]:
    """A picture, an animation with markup and a space in its name, and a text that poses as one."""
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    good = tmp_path / "good.png"
    Image.fromarray(pixels).save(good)
    moving = tmp_path / "<b>moving picture.gif"
    frames = [Image.fromarray(pixels), Image.fromarray(pixels[::-1])]
    frames[0].save(moving, save_all=True, append_images=frames[1:])
    bad = tmp_path / "bad.jpg"
    bad.write_text("not a picture")
    return {"good": good, "moving": moving, "bad": bad, "missing": tmp_path / "none.jpg"}


def test_json_is_one_document_on_standard_output(
    predict: Predict, pictures: dict[str, Path]
) -> None:
    done = predict(
        pictures["good"],
        pictures["moving"],
        "--model",
        "efficientnet-lite0",
        "--top",
        "3",
        "--json",
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert [entry["file"] for entry in document] == [
        str(pictures["good"]),
        str(pictures["moving"]),
    ]
    for entry in document:
        assert set(entry) == {"file", "model", "predictions"}
        assert entry["model"] == "efficientnet-lite0"
        assert len(entry["predictions"]) == 3
        for prediction in entry["predictions"]:
            assert set(prediction) == {"label", "probability"}
            assert 0 <= prediction["probability"] <= 1
        probabilities = [prediction["probability"] for prediction in entry["predictions"]]
        assert probabilities == sorted(probabilities, reverse=True)
    assert "first frame" in done.stderr


def test_with_failing_files_it_is_still_one_document_and_status_1(
    predict: Predict, pictures: dict[str, Path]
) -> None:
    done = predict(pictures["bad"], pictures["good"], pictures["missing"], "--json")
    assert done.returncode == 1, done.stderr
    bad, good, missing = json.loads(done.stdout)
    assert set(bad) == set(missing) == {"file", "error"}
    assert "text, not a picture" in bad["error"]
    assert bad["error"] in done.stderr
    assert len(good["predictions"]) == 5
    assert "no file of this name" in missing["error"]


def test_plain_output_is_aligned_and_errors_go_elsewhere(
    predict: Predict, pictures: dict[str, Path]
) -> None:
    done = predict(pictures["good"], pictures["bad"], "--top", "4")
    assert done.returncode == 1, done.stderr
    name, *lines = done.stdout.splitlines()
    assert name == str(pictures["good"])
    assert len(lines) == 4
    assert len({len(line) for line in lines}) == 1
    assert all(line.startswith("  ") and line.endswith("%") for line in lines)
    assert str(pictures["bad"]) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.jpg", "--model", "no-such-model"], "efficientnet-lite0"),
        (["a.jpg", "--top", "0"], "1 or more"),
        (["a.jpg", "--top", "many"], "--top"),
        (["a.jpg", "--unknown"], "--unknown"),
        ([], "FILE"),
    ],
)
def test_wrong_use_ends_with_status_2_and_says_what_is_right(
    predict: Predict, arguments: list[str], said: str
) -> None:
    done = predict(*arguments, "--json")
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_neither_streamlit_nor_tensorflow_is_imported_to_predict(
    predict: Predict, pictures: dict[str, Path]
) -> None:
    code = (
        "import sys; from core.cli import main; status = main();"
        "heavy = {'streamlit', 'tensorflow', 'keras', 'pandas', 'librosa'} & set(sys.modules);"
        "print(sorted(heavy), file=sys.stderr); sys.exit(status)"
    )
    done = predict(pictures["good"], "--json", code=code)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)) == 1
    assert done.stderr.splitlines()[-1] == "[]"


def test_a_name_cannot_steer_the_terminal(predict: Predict, tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[2J.jpg"
    path.write_text("no")
    done = predict(path)
    assert done.returncode == 1
    assert "\x1b" not in done.stderr + done.stdout
    entry = json.loads(predict(path, "--json").stdout)[0]
    assert entry["file"] == str(path)


def test_help_names_every_option(predict: Predict) -> None:
    done = predict("--help")
    assert done.returncode == 0
    for option in ("FILE", "--model", "--top", "--json"):
        assert option in done.stdout
