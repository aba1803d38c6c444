"""The quick score: honest about chance, duplicates and few samples."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.datasets.samples import NewSample, SampleSet, SampleSnapshot
from core.errors import UsageError
from core.vision.evaluate import quick_score

ROOT = Path(__file__).resolve().parents[3]
RNG = np.random.default_rng(0)


def snapshot(*counts: int) -> SampleSnapshot:
    samples = SampleSet()
    samples.add_many(
        NewSample(f"class {at}", bytes([at, number, 1]))
        for at, count in enumerate(counts)
        for number in range(count)
    )
    return samples.snapshot()


def features_of(taken: SampleSnapshot, distance: float, size: int = 40) -> NDArray[np.float32]:
    centres = RNG.normal(size=(len(taken.classes), size)) * distance
    rows = [taken.classes.index(sample.label) for sample in taken.samples]
    return (centres[rows] + RNG.normal(size=(len(rows), size)) + 1).astype(np.float32)


def test_what_is_far_apart_scores_well_and_noise_scores_like_chance() -> None:
    taken = snapshot(20, 20, 20)
    clear = quick_score(features_of(taken, 1.5), taken)
    assert clear.accuracy > 0.95
    assert (clear.method, clear.folds, clear.count) == ("k_fold", 5, 60)
    noise = quick_score(features_of(taken, 0.0), taken)
    assert 0.1 < noise.accuracy < 0.6
    assert noise.interval[0] < 1 / 3 < noise.interval[1]
    assert noise.advice
    assert noise.wrong
    assert sum(map(sum, noise.confusion)) == 60


def test_copies_of_noise_do_not_make_a_score() -> None:
    samples = SampleSet()
    samples.add_many(
        NewSample(f"class {number % 2}", bytes([number])) for number in range(20) for _ in range(6)
    )
    taken = samples.snapshot()
    once = RNG.normal(size=(20, 200)).astype(np.float32)
    score = quick_score(np.repeat(once, 6, axis=0), taken)
    assert score.accuracy < 0.85
    assert score.interval[1] - score.interval[0] > 0.3


@pytest.mark.parametrize("counts", [(3, 4), (1, 6), (4, 4, 4), (1, 1)])
def test_few_samples_are_left_out_one_by_one(counts: tuple[int, ...]) -> None:
    taken = snapshot(*counts)
    score = quick_score(features_of(taken, 3.0), taken)
    assert score.method == "leave_one_out"
    assert score.folds == sum(counts)
    assert any(note.code == "evaluation.more_of_few" for note in score.advice)
    if 1 in counts:
        # What has no other of its class cannot have been recognised.
        assert score.accuracy < 1


def test_maps_are_pooled_first() -> None:
    taken = snapshot(8, 8)
    pooled = features_of(taken, 2.0, 6)
    maps = np.broadcast_to(pooled[:, None, None], (16, 2, 2, 6)).astype(np.float32)
    assert quick_score(maps, taken).accuracy == quick_score(pooled, taken).accuracy


def test_calibrated_probabilities_are_near_the_accuracy() -> None:
    taken = snapshot(60, 60)
    score = quick_score(features_of(taken, 0.25), taken)
    assert score.calibration is not None
    assert 0.6 < score.accuracy < 0.99
    assert score.calibration.error < 0.15


def test_two_thousand_samples_are_judged_like_a_hundred() -> None:
    samples = SampleSet()
    samples.add_many(
        NewSample(f"class {number % 4}", number.to_bytes(2, "little")) for number in range(2000)
    )
    taken = samples.snapshot()
    score = quick_score(features_of(taken, 0.25, 500), taken)
    assert score.count == 2000
    assert score.accuracy > 0.9


@pytest.mark.parametrize(
    ("counts", "code"), [((4,), "evaluation.one_class"), ((), "evaluation.one_class")]
)
def test_one_class_is_said(counts: tuple[int, ...], code: str) -> None:
    taken = snapshot(*counts)
    with pytest.raises(UsageError) as caught:
        quick_score(np.zeros((len(taken.samples), 4), np.float32), taken)
    assert caught.value.code == code


def test_tensorflow_is_not_imported_for_it() -> None:
    code = """
import sys
import numpy as np
from core.datasets import NewSample, SampleSet
from core.vision.evaluate import quick_score
samples = SampleSet()
samples.add_many(NewSample(str(n % 2), bytes([n])) for n in range(12))
quick_score(np.random.default_rng(0).normal(size=(12, 9)).astype("f4"), samples.snapshot())
assert not {"tensorflow", "keras", "streamlit"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
