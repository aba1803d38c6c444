"""Windows cut from takes: the original's worked values, and what belongs together."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import UsageError
from core.speech.examples import Example
from core.speech.windows import cut_windows, focus_frame, hop_frames, mix_noise, valid_windows


@pytest.mark.parametrize(
    ("length", "focus", "window", "hop", "begins"),
    [
        (100, 50, 21, 5, [30, 35, 40, 45, 50]),
        (100, 50, 20, 5, [35, 40, 45, 50]),
        (100, 8, 20, 5, [0, 5]),
        (100, 0, 21, 5, [0]),
        (100, 95, 20, 5, [80]),
        (100, 50, 21, 35, [40]),
        (100, 50, 91, 35, [5]),
        (12, 0, 10, 2, [0]),
        (12, 1, 10, 2, [0]),
        (12, 5, 10, 2, [0, 2]),
        (12, 9, 10, 2, [0, 2]),
        (43, 7, 43, 11, [0]),
        (20, None, 8, 5, [0, 5, 10]),
    ],
)
def test_windows_begin_where_the_original_begins_them(
    length: int, focus: int | None, window: int, hop: int, begins: list[int]
) -> None:
    cut = valid_windows(length, focus, window=window, hop=hop)
    assert cut == [(begin, begin + window) for begin in begins]


@pytest.mark.parametrize(
    ("length", "focus", "window", "hop", "code"),
    [
        (10, 0, 11, 1, "examples.window"),
        (10, 0, 0, 1, "examples.window"),
        (10, 0, 5, 0, "examples.window"),
        (10, 10, 5, 1, "examples.focus"),
        (10, -1, 5, 1, "examples.focus"),
    ],
)
def test_windows_that_cannot_be_are_refused(
    length: int, focus: int, window: int, hop: int, code: str
) -> None:
    with pytest.raises(UsageError) as caught:
        valid_windows(length, focus, window=window, hop=hop)
    assert caught.value.code == code


def test_the_hop_rounds_halves_up_and_is_never_zero() -> None:
    assert [hop_frames(ratio, 43) for ratio in (0.25, 0.5, 1.0, 0.001)] == [11, 22, 43, 1]
    assert hop_frames(0.25, 10) == 3  # Python's round would say 2


def takes() -> list[Example]:
    rng = np.random.default_rng(0)
    loud = rng.normal(size=(30, 4)).astype(np.float32)
    loud[20] += 50
    noise = rng.normal(size=(30, 4)).astype(np.float32)
    return [Example("word", loud), Example("_background_noise_", noise)]


def test_each_window_of_a_word_holds_its_loudest_column_and_is_normalised() -> None:
    examples = takes()
    assert focus_frame(examples[0].spectrogram) == 20
    windows = cut_windows(examples, frames=10, hop=5)
    assert windows.labels == ("_background_noise_", "word")
    assert windows.features.shape == (len(windows.targets), 10, 4, 1)
    assert list(windows.targets) == [0] * 5 + [1] * 2
    assert list(windows.takes) == list(windows.targets)
    for features in windows.features[windows.targets == 1]:
        assert features.max() > 3
    np.testing.assert_allclose(windows.features.mean(axis=(1, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(windows.features.std(axis=(1, 2, 3)), 1, atol=1e-3)


def test_mixed_windows_are_added_and_stay_with_their_take() -> None:
    windows = cut_windows(takes(), frames=10, hop=5)
    mixed = mix_noise(windows, 0.5, seed=3)
    words = windows.targets == 1
    assert len(mixed.targets) == len(windows.targets) + words.sum()
    np.testing.assert_array_equal(mixed.features[: len(words)], windows.features)
    np.testing.assert_array_equal(mixed.takes[len(words) :], windows.takes[words])
    added = mixed.features[len(words) :]
    np.testing.assert_allclose(added.std(axis=(1, 2, 3)), 1, atol=1e-3)
    assert np.abs(added - windows.features[words]).max() > 0.01
    np.testing.assert_array_equal(added, mix_noise(windows, 0.5, seed=3).features[len(words) :])


def test_mixing_needs_background_noise() -> None:
    with pytest.raises(UsageError) as caught:
        mix_noise(cut_windows(takes()[:1], frames=10, hop=5), 0.5)
    assert caught.value.code == "examples.no_noise"


def test_takes_of_different_heights_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        cut_windows([Example("a", np.zeros((5, 4), "f4")), Example("b", np.zeros((5, 3), "f4"))],
                    frames=5, hop=1)  # fmt: skip
    assert caught.value.code == "examples.mixed_bins"
