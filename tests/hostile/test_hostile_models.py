from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.tfjs.read import read_model

HERE = Path(__file__).parent
MAX_SECONDS = 5
MAX_MEGABYTES = 300


def load_models():
    # importmode=importlib puts no test folder on the path.
    spec = importlib.util.spec_from_file_location("hostile_models", HERE / "models.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


models = load_models()
CASES = models.all_cases()


def read_measured(cases, folder):
    """Read each case in a process of its own, and return what came of it by the case's name."""
    for number, files in enumerate(cases.values()):
        case = folder / str(number)
        case.mkdir()
        for i, (name, content) in enumerate(files.items()):
            (case / f"{i}.content").write_bytes(content)
            (case / f"{i}.name").write_text(json.dumps(name))
    finished = subprocess.run(
        [sys.executable, str(HERE / "measure.py"), str(folder)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(HERE.parent.parent)},
        timeout=240,
    )
    return dict(zip(cases, json.loads(finished.stdout), strict=True))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Return what came of every case."""
    cases = {name: files for name, (files, _) in CASES.items()}
    return read_measured(cases, tmp_path_factory.mktemp("cases"))


def test_there_are_at_least_sixty_cases():
    assert len(CASES) >= 60


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_clearly_quickly_and_in_little_memory(results, name):
    result = results[name]
    code, _, message = result["outcome"].partition("\n")
    assert result["status"] == 0
    assert code == CASES[name][1], result["outcome"]
    assert message.endswith(".")
    assert result["seconds"] <= MAX_SECONDS
    assert result["megabytes"] <= MAX_MEGABYTES


def test_the_files_that_the_cases_spoil_are_good():
    assert read_model(models.good_files()).parameters == 8
    assert read_model({"model.h5": models.hdf5(lambda file: None)}).parameters == 8
    assert read_model(models.archive(models.good_files())).parameters == 8


def test_random_damage_is_read_or_refused_and_never_crashes(tmp_path):
    results = read_measured(models.damaged_files(15), tmp_path)
    for name, result in results.items():
        assert result["status"] == 0, name
        assert result["outcome"].startswith(("model_file.", "read 8 parameters")), (name, result)
        assert result["seconds"] <= MAX_SECONDS, name
        assert result["megabytes"] <= MAX_MEGABYTES, name
    assert len({result["outcome"].partition("\n")[0] for result in results.values()}) > 3
