"""Linear models in the process that holds scikit-learn, so that the server need not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.errors import ModelError
from core.linear_model import held_out_logits, held_out_logits_by
from core.worker import ScoreWorker

ROOT = Path(__file__).resolve().parents[2]
RNG = np.random.default_rng(0)
TARGETS = np.arange(30) % 3
FEATURES = (RNG.normal(size=(30, 6)) + 3 * np.eye(6)[TARGETS]).astype(np.float32)
FOLDS = np.arange(30) // 6


@pytest.fixture(scope="module")
def worker() -> Iterator[ScoreWorker]:
    with ScoreWorker() as made:
        made.warm()
        end_s = time.monotonic() + 120
        while made.state != "ready" and time.monotonic() < end_s:
            time.sleep(0.02)
        yield made


def test_another_process_says_what_this_one_would(worker: ScoreWorker) -> None:
    there = held_out_logits_by(worker, FEATURES, TARGETS, FOLDS, 3)
    np.testing.assert_array_equal(there, held_out_logits(FEATURES, TARGETS, FOLDS, 3))
    assert (there.argmax(axis=1) == TARGETS).mean() > 0.9


def test_a_process_that_was_ended_is_replaced_without_a_word(worker: ScoreWorker) -> None:
    before = worker.process_id
    assert before is not None
    os.kill(before, signal.SIGKILL)
    there = held_out_logits_by(worker, FEATURES, TARGETS, FOLDS, 3)
    assert np.isfinite(there).all()
    assert worker.process_id not in (None, before)


def test_what_cannot_be_fitted_is_said(worker: ScoreWorker) -> None:
    with pytest.raises(ModelError) as caught:
        held_out_logits_by(worker, FEATURES[:5], TARGETS, FOLDS, 3)
    assert caught.value.code == "evaluation.no_score"


def test_what_nobody_waits_for_any_more_is_left(worker: ScoreWorker) -> None:
    many = RNG.normal(size=(3000, 600)).astype(np.float32)
    folds = np.arange(3000) % 100
    logits = held_out_logits_by(
        worker, many, RNG.integers(0, 3, 3000), folds, 3, stopped=lambda: True
    )
    assert np.isnan(logits).all()
    assert np.isfinite(held_out_logits_by(worker, FEATURES, TARGETS, FOLDS, 3)).all()


def test_the_process_holds_neither_tables_nor_tensorflow() -> None:
    code = """
import sys
from core.linear_model import warm_up
warm_up()
assert "sklearn" in sys.modules
assert not {"pandas", "pyarrow", "tensorflow", "keras", "streamlit"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
