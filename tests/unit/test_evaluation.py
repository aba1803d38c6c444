"""Splits, intervals, calibration and advice, on numbers whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import UsageError
from core.evaluation import (
    advice_for,
    assign_folds,
    calibrate,
    check_classes,
    confusion_matrix,
    fit_temperature,
    hold_out,
    judge,
    wilson_interval,
)

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    # Newcombe (1998), table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_wilsons(right: int, count: int, low: float, high: float) -> None:
    assert wilson_interval(right, count) == pytest.approx((low, high), abs=1e-4)


def test_without_samples_everything_is_possible() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_folds_are_stratified_and_never_part_a_group() -> None:
    targets = np.repeat([0, 1, 2], [40, 20, 10])
    groups = np.arange(70)
    groups[[3, 17, 30]] = 3
    groups[[41, 55]] = 41
    folds, method = assign_folds(targets, groups)
    assert method == "k_fold"
    for group in np.unique(groups):
        assert len(np.unique(folds[groups == group])) == 1
    for at, size in enumerate((40, 20, 10)):
        counts = np.bincount(folds[targets == at], minlength=5)
        assert counts.min() >= size // 5 - 2
        assert counts.max() <= size // 5 + 2


def test_with_fewer_than_five_of_a_class_one_is_left_out_at_a_time() -> None:
    targets = np.array([0] * 9 + [1] * 4)
    groups = np.arange(13)
    groups[1] = 0
    folds, method = assign_folds(targets, groups)
    assert method == "leave_one_out"
    assert len(np.unique(folds)) == 12
    assert folds[0] == folds[1]


def test_duplicates_do_not_count_towards_five() -> None:
    targets = np.repeat([0, 1], 6)
    groups = np.array([0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    assert assign_folds(targets, groups)[1] == "leave_one_out"


@pytest.mark.parametrize("share", [0.0, 0.15, 0.3, 0.5])
def test_holding_out_keeps_groups_whole_and_leaves_every_class_something(share: float) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        targets = np.repeat([0, 1, 2], [20, 6, 1])
        groups = rng.integers(0, 18, 27)
        train, validation = hold_out(targets, groups, share, seed=seed)
        assert sorted([*train, *validation]) == list(range(27))
        assert set(targets[train]) == {0, 1, 2}
        kept = set(groups[train]) & set(groups[validation])
        # Only a class that would be left without anything may take a group apart.
        assert all(len(set(targets[groups == group])) > 1 for group in kept)
        if share == 0:
            assert len(validation) == 0


def test_equal_seeds_hold_out_the_same() -> None:
    targets, groups = np.repeat([0, 1], 20), np.arange(40)
    first, second = (hold_out(targets, groups, 0.2, seed=4)[1] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert len(first) == 8


def test_the_confusion_matrix_has_truth_in_rows() -> None:
    matrix = confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2)
    assert matrix == ((1, 1), (0, 1))


def test_the_temperature_undoes_overconfidence() -> None:
    logits = RNG.normal(size=(4000, 3)).astype(np.float32) * 2
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    targets = np.array([RNG.choice(3, p=row / row.sum()) for row in shares.astype(float)])
    assert fit_temperature(logits * 5, targets) == pytest.approx(5, rel=0.15)
    assert fit_temperature(logits, targets) == pytest.approx(1, rel=0.15)


def test_a_few_right_answers_are_not_taken_for_certainty() -> None:
    logits = np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2]] * 4
    temperature = fit_temperature(logits, np.array([0, 1, 2, 0, 1, 2]))
    probabilities = np.exp(logits[0] / temperature)
    assert probabilities.max() / probabilities.sum() < 0.99


def test_calibration_compares_confidence_with_accuracy() -> None:
    probabilities = np.array([[0.95, 0.05]] * 10, np.float32)
    targets = np.array([0] * 5 + [1] * 5)
    found = calibrate(probabilities, targets)
    assert found.error == pytest.approx(0.45)
    assert found.counts == (10,)
    assert found.accuracies == (0.5,)


def test_mistakes_are_listed_worst_first_and_the_interval_counts_groups_once() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.45, 0.55]], np.float32)
    score = judge(
        probabilities,
        np.array([0, 0, 0, 1]),
        labels=("a", "b"),
        sample_ids=("p", "q", "r", "s"),
        groups=np.array([0, 1, 2, 2]),
        method="k_fold",
        folds=2,
    )
    assert [entry.sample_id for entry in score.wrong] == ["q", "r"]
    assert [entry.sample_id for entry in score.uncertain] == ["s", "p"]
    assert score.accuracy == 0.5
    assert score.interval == wilson_interval(2, 3)


def test_advice_names_the_class_that_is_short_or_taken_for_another() -> None:
    targets = np.repeat([0, 1, 2], [30, 3, 8])
    notes = advice_for(((25, 0, 5), (0, 3, 0), (0, 0, 8)), ("a", "b", "c"), targets, np.arange(41))
    assert [(note.code, note.fields["label"]) for note in notes] == [
        ("evaluation.more_of_few", "b"),
        ("evaluation.more_of_confused", "a"),
    ]


@pytest.mark.parametrize(
    ("classes", "labels", "digests", "code"),
    [
        (["a"], ["a"], ["1"], "evaluation.one_class"),
        ([], [], [], "evaluation.one_class"),
        (["a", "b"], ["a", "a"], ["1", "2"], "evaluation.empty_class"),
        (["a", "b"], ["a", "b", "b"], ["1", "1", "1"], "evaluation.equal_classes"),
    ],
)
def test_what_cannot_be_told_apart_is_said(
    classes: list[str], labels: list[str], digests: list[str], code: str
) -> None:
    with pytest.raises(UsageError) as caught:
        check_classes(classes, labels, digests)
    assert caught.value.code == code
