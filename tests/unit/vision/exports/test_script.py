"""The exported Python script gives the same answers as the pages."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.vision.exports import export_model, picture_model
from core.vision.exports.script import script_source
from tests.picture_models import odd_photos, taught_model

# Of a probability; a turned picture's blocks are averaged from another corner.
TURNED_TOLERANCE, TOLERANCE = 0.01, 1e-5


@pytest.mark.parametrize(("pooled", "rejection"), [(False, "similarity"), (True, "probability")])
def test_the_script_answers_as_the_pages_do(tmp_path: Path, pooled: bool, rejection: str) -> None:
    taught, network = taught_model(pooled=pooled, rejection=rejection)
    photos = odd_photos()
    familiar = sorted(taught.predict(content).familiarity for content in photos.values())
    taught = taught.with_threshold((familiar[4] + familiar[5]) / 2)
    export = export_model(picture_model(taught, network), "script")
    for name, content in export.files.items():
        (tmp_path / name).write_bytes(content)
    for name, content in photos.items():
        (tmp_path / name).write_bytes(content)
    command = [sys.executable, "-W", "error", str(tmp_path / "predict.py")]
    command += [str(tmp_path / name) for name in photos]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(photos)
    rejected = set()
    for (name, content), answer in zip(photos.items(), answers, strict=True):
        expected = taught.predict(content)
        tolerance = TURNED_TOLERANCE if name.startswith("turned") else TOLERANCE
        difference = np.abs(np.array(answer["probabilities"]) - expected.probabilities).max()
        assert difference <= tolerance, name
        label = "none of these" if expected.rejected else expected.label
        assert answer["label"] == label, name
        rejected.add(expected.rejected)
    assert rejected == {True, False}


@pytest.mark.parametrize(("rejection", "most"), [("similarity", 27), ("probability", 26)])
def test_the_script_is_short(rejection: str, most: int) -> None:
    taught, network = taught_model(pooled=True, rejection=rejection)
    lines = script_source(picture_model(taught, network)).decode().splitlines()
    assert len(lines) <= most
    assert max(map(len, lines)) <= 110
