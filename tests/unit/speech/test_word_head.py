import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import UsageError
from core.speech.word_head import HeadFitter
from core.speech.word_score import TakeTable

UNITS, CLASSES, EACH, OTHERS = 7, 3, 5, 40
SHRINKAGE = 2.0


def _rows(seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    """Return rows of the classes 0 and 2, their classes, and other rows, which are class 1."""
    generator = np.random.default_rng(seed)
    targets = np.repeat(np.array([0, 2]), EACH)
    stretched = generator.normal(size=(UNITS, UNITS))
    rows = generator.normal(size=(2 * EACH, UNITS)) @ stretched + targets[:, np.newaxis]
    other = generator.normal(size=(OTHERS, UNITS)) @ stretched - 0.5
    return rows.astype(np.float32), targets, other.astype(np.float32)


def _plain_discriminant(
    groups: list[NDArray[np.float32]], floor_of: list[NDArray[np.float32]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the textbook's discriminant: the mean covariance of the classes, inverted."""
    means = np.stack([group.mean(axis=0, dtype=np.float64) for group in groups])
    spread = np.mean([np.cov(group.T, bias=True) for group in groups], axis=0)
    floor = SHRINKAGE * np.mean([group.var(axis=0).mean() for group in floor_of])
    kernel = np.linalg.solve(spread + floor * np.eye(UNITS), (means - means.mean(axis=0)).T)
    centre = means.mean(axis=0)
    bias = -0.5 * np.sum((means - centre).T * kernel, axis=0) - centre @ kernel
    return kernel, bias


def test_a_sum_of_takes_is_the_textbooks_discriminant() -> None:
    rows, targets, other = _rows()
    fitter = HeadFitter(rows, targets, CLASSES, "linear", other, 1)
    mixture = fitter.fit()
    groups = [rows[targets == 0], other, rows[targets == 2]]
    kernel, bias = _plain_discriminant(groups, groups)
    assert np.abs(fitter.kernel(mixture) - kernel).max() < 1e-4
    assert np.abs(mixture.bias - bias).max() < 1e-4
    means = np.stack([group.mean(axis=0) for group in groups])
    assert np.abs(mixture.own - (means @ kernel + bias)).max() < 1e-4


def test_takes_left_out_teach_nothing_and_are_scored_all_the_same() -> None:
    rows, targets, other = _rows()
    keep = np.ones(len(rows), np.bool_)
    keep[[1, 2, EACH]] = False
    fitter = HeadFitter(rows, targets, CLASSES, "linear", other, 1)
    groups = [rows[keep & (targets == 0)], other, rows[keep & (targets == 2)]]
    everything = [rows[targets == 0], other, rows[targets == 2]]
    kernel, bias = _plain_discriminant(groups, everything)
    hidden = np.flatnonzero(~keep)
    found = fitter.scores(fitter.fit(keep), hidden)
    assert np.abs(found - (rows[hidden] @ kernel + bias)).max() < 1e-4


def test_a_discriminant_needs_no_other_speech() -> None:
    rows, targets, _ = _rows()
    targets = targets // 2
    fitter = HeadFitter(rows, targets, 2, "linear")
    groups = [rows[targets == 0], rows[targets == 1]]
    kernel, bias = _plain_discriminant(groups, groups)
    mixture = fitter.fit()
    assert np.abs(fitter.kernel(mixture) - kernel).max() < 1e-4
    assert np.abs(mixture.bias - bias).max() < 1e-4


def test_the_prototype_head_answers_with_the_nearest_mean() -> None:
    rows, targets, other = _rows()
    fitter = HeadFitter(rows, targets, CLASSES, "prototype", other, 1)
    mixture = fitter.fit()
    means = np.stack([rows[targets == 0].mean(0), other.mean(0), rows[targets == 2].mean(0)])
    asked = np.random.default_rng(1).normal(size=(200, UNITS)) * 3
    nearest = np.square(asked[:, np.newaxis] - means).sum(axis=2).argmin(axis=1)
    assert set(nearest) == {0, 1, 2}
    assert ((asked @ fitter.kernel(mixture) + mixture.bias).argmax(axis=1) == nearest).all()


def test_a_head_that_is_not_known_is_refused() -> None:
    rows, targets, _ = _rows()
    with pytest.raises(UsageError) as error:
        HeadFitter(rows, targets // 2, 2, "forest")
    assert error.value.code == "words.head"


@pytest.mark.parametrize(("takes", "learned"), [(30, 11), (400, 3), (2000, 1)])
def test_many_takes_are_learned_from_with_fewer_copies(takes: int, learned: int) -> None:
    features = np.random.default_rng(0).normal(size=(takes, 11, 2)).astype(np.float32)
    table = TakeTable(features, np.arange(takes) % 2, ("a", "b"), None)
    assert table.learned == learned
    assert len(table.fitter("linear").rows) == takes * learned
    kernel, bias = table.head("linear")
    assert kernel.shape == (2, 2)
    assert np.isfinite(kernel).all()
    assert np.isfinite(bias).all()
