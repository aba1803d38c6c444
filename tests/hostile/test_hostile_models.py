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


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Read all cases in a few processes that are measured, and return what came of each."""
    folder = tmp_path_factory.mktemp("cases")
    for number, (files, _) in enumerate(CASES.values()):
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
    return dict(zip(CASES, json.loads(finished.stdout), strict=True))


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
