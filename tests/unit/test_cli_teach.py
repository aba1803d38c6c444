"""``python -m core teach`` and ``predict --model``, as people and programs use them."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.vision.taught_world import KINDS, drawn

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
Core = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Core:
    home = tmp_path_factory.mktemp("home")

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "TEACHDECK_HOME": str(home), "TEACHDECK_MODELS": ""}
        return subprocess.run(
            [sys.executable, "-m", "core", *map(str, arguments)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=280,
        )

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of classes, one named in Chinese, with a text that poses as a picture."""
    root = tmp_path_factory.mktemp("pictures")
    for kind in KINDS:
        label = "圆 disc" if kind == "disc" else kind
        (root / label).mkdir()
        for seed in range(6):
            (root / label / f"{seed}.png").write_bytes(drawn(kind, seed))
    (root / "bars" / "note.jpg").write_text("not a picture")
    return root


@pytest.fixture(scope="module")
def taught(core: Core, folder: Path) -> tuple[Path, subprocess.CompletedProcess[str]]:
    out = folder.parent / "model.zip"
    return out, core("teach", folder, "--out", out, "--epochs", "15", "--json")


def test_teaching_prints_one_document_and_says_what_was_left_out(
    taught: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    out, done = taught
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert document["classes"] == ["bars", "nothing else", "圆 disc"]
    assert document["accuracy"] >= 0.8
    assert document["interval"][0] <= document["accuracy"] <= document["interval"][1]
    assert document["seconds"] > 0
    assert document["method"] == "k_fold"
    assert document["counts"]["bars"] == 6
    assert [entry["file"] for entry in document["skipped"]] == ["bars/note.jpg"]
    assert "note.jpg" in done.stderr
    assert document["backbone"] == "efficientnet-lite0"
    with zipfile.ZipFile(out) as archive:
        assert not [name for name in archive.namelist() if name.startswith("samples/")]


def test_predictions_always_list_the_taught_classes_and_rejection_apart(
    core: Core, taught: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    picture, bad = tmp_path / "new.png", tmp_path / "bad.png"
    picture.write_bytes(drawn("disc", 77))
    bad.write_bytes(b"\x89PNG\r\n\x1a\n")
    done = core("predict", "--model", taught[0], picture, bad, "--json")
    assert done.returncode == 1
    good, failed = json.loads(done.stdout)
    assert good["predictions"][0]["label"] == "圆 disc"
    assert len(good["predictions"]) == 3
    assert good["rejected"] is False
    assert set(failed) == {"file", "error"}
    text = core("predict", "--model", taught[0], picture)
    assert text.returncode == 0
    assert "圆 disc" in text.stdout


def test_files_named_for_their_class_are_taught_too(core: Core, tmp_path: Path) -> None:
    source = tmp_path / "flat"
    source.mkdir()
    for kind in ("bars", "disc"):
        for seed in range(3):
            (source / f"{kind}-{seed}.png").write_bytes(drawn(kind, seed))
    out = tmp_path / "flat.zip"
    done = core("teach", source, "--out", out, "--preset", "article", "--seed", "3")
    assert done.returncode == 0, done.stderr
    assert "accuracy on pictures that were held out" in done.stdout
    assert "Add more" in done.stderr
    again = core("teach", source, "--out", out)
    assert again.returncode == 2
    assert "--overwrite" in again.stderr


def test_wrong_use_is_said_before_anything_starts(core: Core, tmp_path: Path) -> None:
    source = tmp_path / "one"
    (source / "only").mkdir(parents=True)
    (source / "only" / "a.png").write_bytes(drawn("disc", 1))
    bomb = tmp_path / "bomb.zip"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/zeros.png", b"\0" * 50_000_000)
    bomb.write_bytes(buffer.getvalue())
    out = tmp_path / "out.zip"
    for arguments, said in (
        ((tmp_path / "missing", "--out", out), "missing"),
        ((source, "--out", tmp_path / "no" / "x.zip"), "no folder"),
        ((source, "--out", out, "--backbone", "resnet"), "resnet"),
        ((source, "--out", out, "--epochs", "0"), "epochs"),
        ((bomb, "--out", out), "expands"),
        ((source, "--out", out), "two classes"),
    ):
        done = core("teach", *arguments)
        assert done.returncode == 2, done.stderr
        assert said in done.stderr
        assert "Traceback" not in done.stderr
        assert not out.exists()
    done = core("predict", "--model", bomb, source / "only" / "a.png", "--json")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_what_was_taught_is_exported_by_the_same_file(
    core: Core, taught: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = core("export", taught[0], tmp_path / "page", "--to", "page")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert "圆 disc" in page or "\\u5706 disc" in page
