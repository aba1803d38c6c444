"""The real speech-commands library takes our model for one of its own, and teaches on it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tfjs.oracle import FOLDER, require_node

pytestmark = [pytest.mark.node, pytest.mark.slow]

MODEL = Path(__file__).resolve().parents[2] / "models" / "speech"


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    require_node()
    folder = tmp_path_factory.mktemp("speech")
    with np.load(MODEL / "golden.npz") as golden:
        features = golden["features"]
    (folder / "features.f32").write_bytes(np.ascontiguousarray(features, "<f4"))
    command = ["node", str(FOLDER / "speech_model.mjs"), str(MODEL)]
    command += [str(folder / "features.f32"), str(len(features)), str(folder / "results.json")]
    ran = subprocess.run(command, check=False, capture_output=True, timeout=240, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return json.loads((folder / "results.json").read_text())


def test_create_loads_it_with_its_words_in_the_originals_order(said: dict[str, Any]) -> None:
    assert said["shape"] == [None, 43, 232, 1]
    assert said["words"][:2] == ["_background_noise_", "_unknown_"]
    assert said["words"][2:] == sorted(said["words"][2:])
    assert len(said["words"]) == 20
    assert said["params"]["sampleRateHz"] == 44100


def test_recognize_agrees_with_our_golden_pairs(said: dict[str, Any]) -> None:
    with np.load(MODEL / "golden.npz") as golden:
        ours = golden["probabilities"]
    np.testing.assert_allclose(np.array(said["scores"]), ours, atol=2e-5)


def test_create_transfer_trains_a_head_on_the_embedding_and_leaves_the_rest(
    said: dict[str, Any],
) -> None:
    learned = said["transfer"]
    assert learned["words"] == ["first", "second"]
    assert len(learned["trainable"]) == 2, "kernel and bias of the new head, nothing else"
    assert learned["trainable"][0][1] == 2
    assert learned["losses"][-1] < learned["losses"][0] / 2
    assert learned["untouched"]
    assert learned["correct"] >= 0.9 * learned["of"]
