"""Decisions over scripted scores: the original's, and ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import UsageError
from core.speech import ARTICLE_MODE, STEP_S, ScoreTrack, SmoothMode, TfjsMode, decide
from core.speech.decide import SmoothDecider, smooth_scores
from core.speech.track import columns_at_steps, step_time_s

LABELS = ("_background_noise_", "_unknown_", "left", "right")
HOP_S = 1024 / 44_100


def one_hot(index: int, probability: float = 0.97) -> NDArray[np.float32]:
    scores = np.full(4, (1 - probability) / 3, np.float32)
    scores[index] = probability
    return scores


def track(
    *,
    steps: Sequence[NDArray[np.float32]] = (),
    columns: Sequence[NDArray[np.float32]] = (),
    silent: Sequence[int] = (),
    labels: tuple[str, ...] = LABELS,
) -> ScoreTrack:
    quiet = np.zeros(len(columns), bool)
    quiet[list(silent)] = True
    return ScoreTrack(
        labels=labels,
        scores=np.array(steps, np.float32).reshape(-1, len(labels)),
        browser_scores=np.array(columns, np.float32).reshape(-1, len(labels)),
        silent=quiet,
        hop_s=HOP_S,
        frames=43,
        duration_s=max(len(columns) * HOP_S, len(steps) * STEP_S),
    )


def columns_of(events: tuple) -> list[int]:
    return [round(event.time_s / HOP_S) for event in events]


@pytest.mark.parametrize(
    ("overlap", "period"), [(0, 43), (0.3, 30), (0.5, 22), (0.75, 11), (0.95, 2), (0.999, 1)]
)
def test_the_overlap_sets_the_columns_between_decisions(overlap: float, period: int) -> None:
    assert TfjsMode(overlap_factor=overlap).period(43) == period
    events = decide(track(columns=[one_hot(2)] * 200), TfjsMode(overlap_factor=overlap))
    assert columns_of(events) == list(range(period, 201, period))


def test_suppression_counts_columns_from_the_event() -> None:
    mode = TfjsMode(overlap_factor=0.5, suppression_time_millis=1000)
    assert mode.suppression_columns(HOP_S) == 43
    # 44 is the first multiple of 22 that lies more than 43 columns after 22: none is; 66 is next.
    events = decide(track(columns=[one_hot(2)] * 250), mode)
    assert columns_of(events) == [22, 66, 110, 154, 198, 242]
    longer = TfjsMode(overlap_factor=0.5, suppression_time_millis=1030)
    assert longer.suppression_columns(HOP_S) == 44
    assert columns_of(decide(track(columns=[one_hot(2)] * 250), longer)) == [22, 88, 154, 220]


def test_only_what_was_called_back_suppresses() -> None:
    columns = [one_hot(0)] * 44 + [one_hot(2)] * 60
    mode = TfjsMode(overlap_factor=0.5, suppression_time_millis=1000)
    assert columns_of(decide(track(columns=columns), mode)) == [66]
    every = TfjsMode(
        overlap_factor=0.5,
        suppression_time_millis=1000,
        invoke_callback_on_noise_and_unknown=True,
    )
    events = decide(track(columns=columns), every)
    assert [
        (event.word, column) for event, column in zip(events, columns_of(events), strict=True)
    ] == [
        ("_background_noise_", 22),
        ("left", 66),
    ]


def test_the_threshold_may_be_reached_exactly() -> None:
    exact = float(np.float32(0.9))
    scores = one_hot(3)
    scores[3] = 0.9
    columns = [scores] * 43
    assert decide(track(columns=columns), TfjsMode(exact, 0.0))
    assert not decide(track(columns=columns), TfjsMode(float(np.nextafter(exact, 1)), 0.0))


def test_noise_and_unknown_are_no_words_whatever_their_maker_calls_them() -> None:
    for labels in (LABELS, ("Background Noise", "_unknown_", "左", "右")):
        heard = track(columns=[one_hot(0)] * 43 + [one_hot(1)] * 43, labels=labels)
        assert decide(heard, TfjsMode(overlap_factor=0)) == ()


def test_silent_columns_are_not_counted() -> None:
    columns = [one_hot(2)] * 100
    for number in range(10, 20):
        columns[number] = np.full(4, np.nan, np.float32)
    events = decide(track(columns=columns, silent=range(10, 20)), TfjsMode(overlap_factor=0))
    assert columns_of(events) == [53, 96]


def test_scores_that_were_not_kept_are_asked_for() -> None:
    columns = [np.full(4, np.nan, np.float32)] * 43
    with pytest.raises(UsageError) as caught:
        decide(track(columns=columns), ARTICLE_MODE)
    assert caught.value.code == "speech.not_scored"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"probability_threshold": 1.1}, "speech.probability_threshold"),
        ({"probability_threshold": -0.1}, "speech.probability_threshold"),
        ({"overlap_factor": 1.0}, "speech.overlap_factor"),
        ({"overlap_factor": 1.5}, "speech.overlap_factor"),
        ({"overlap_factor": -0.5}, "speech.overlap_factor"),
        ({"overlap_factor": float("nan")}, "speech.overlap_factor"),
        ({"suppression_time_millis": -1}, "speech.suppression"),
    ],
)
def test_options_are_checked_as_in_the_original(options: Mapping[str, float], code: str) -> None:
    with pytest.raises(UsageError) as caught:
        TfjsMode(**options)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "options",
    [
        {"threshold": 2.0},
        {"thresholds": {"left": -0.1}},
        {"release": 1.5},
        {"smoothing_s": -1.0},
        {"refractory_s": float("inf")},
        {"handover_s": -0.1},
    ],
)
def test_smooth_options_are_checked(options: Mapping[str, float]) -> None:
    with pytest.raises(UsageError):
        SmoothMode(**options)


def said(index: int, steps: int) -> list[NDArray[np.float32]]:
    return [one_hot(index)] * steps


QUIET = said(0, 10)


def test_a_word_is_heard_once_however_long_its_score_stays() -> None:
    events = decide(track(steps=[*QUIET, *said(2, 30), *QUIET]), SmoothMode())
    assert [event.word for event in events] == ["left"]
    # Three of the four scores that are averaged must be the word's.
    assert events[0].time_s == pytest.approx(1.3)


def test_a_word_is_heard_again_after_its_score_fell() -> None:
    steps = [*QUIET, *said(2, 6), *QUIET, *said(2, 6), *QUIET]
    assert [event.word for event in decide(track(steps=steps), SmoothMode())] == ["left"] * 2


def test_a_short_dip_is_not_a_second_word() -> None:
    steps = [*QUIET, *said(2, 12), one_hot(0), *said(2, 12), *QUIET]
    assert len(decide(track(steps=steps), SmoothMode())) == 1


def test_a_single_score_is_not_yet_a_word() -> None:
    assert decide(track(steps=[*QUIET, one_hot(2), *QUIET]), SmoothMode()) == ()
    assert decide(track(steps=[*QUIET, one_hot(2), *QUIET]), SmoothMode(smoothing_s=0))


def test_within_the_refractory_time_no_other_word_is_heard() -> None:
    steps = [*QUIET, *said(2, 4), *said(3, 4), *QUIET]
    assert [event.word for event in decide(track(steps=steps), SmoothMode())] == ["left"]
    quick = SmoothMode(refractory_s=0.3, handover_s=0)
    assert [event.word for event in decide(track(steps=steps), quick)] == ["left", "right"]


def test_the_end_of_a_word_is_not_another_one() -> None:
    # The window slides from the whole word to its end, with no step that is other than a word.
    slide = [*QUIET, *said(2, 8), *said(3, 5), *QUIET]
    assert [event.word for event in decide(track(steps=slide), SmoothMode())] == ["left"]
    both = SmoothMode(handover_s=0)
    assert [event.word for event in decide(track(steps=slide), both)] == ["left", "right"]
    # One step between them is enough, and so is the time in which such a window has passed.
    apart = [*QUIET, *said(2, 8), one_hot(1), *said(3, 5), *QUIET]
    assert [event.word for event in decide(track(steps=apart), SmoothMode())] == ["left", "right"]
    late = [*QUIET, *said(2, 8), *said(3, 12), *QUIET]
    events = decide(track(steps=late), SmoothMode())
    assert [event.word for event in events] == ["left", "right"]
    assert events[1].time_s - events[0].time_s == pytest.approx(1.3)


def test_a_model_that_knows_only_words_and_noise_hands_over_at_once() -> None:
    scores = np.array([[0, 1, 0]] * 8 + [[0, 0, 1]] * 5, np.float32)
    decider = SmoothDecider(SmoothMode(), ("_background_noise_", "left", "right"))
    events = [decider.step(0.1 * (place + 1), row) for place, row in enumerate(scores)]
    assert [event.word for event in events if event] == ["left", "right"]


def test_a_word_has_its_own_threshold() -> None:
    steps = [*QUIET, *[one_hot(2, 0.75)] * 6, *QUIET, *[one_hot(3, 0.75)] * 6]
    mode = SmoothMode(threshold=0.6, thresholds={"left": 0.9})
    assert [event.word for event in decide(track(steps=steps), mode)] == ["right"]


def test_the_plot_shows_what_the_decider_compares() -> None:
    scores = np.random.default_rng(0).dirichlet(np.ones(4), 50).astype(np.float32)
    mode = SmoothMode(smoothing_s=0.4)
    plotted = smooth_scores(track(steps=list(scores)), mode)
    decider = SmoothDecider(mode, LABELS)
    for number, row in enumerate(scores):
        decider.step(0.1 * number, row)
        assert plotted[number] == pytest.approx(decider.smoothed, abs=1e-6)


def test_nothing_heard_is_nothing_said() -> None:
    assert decide(track(), SmoothMode()) == decide(track(), TfjsMode()) == ()


def test_steps_come_ten_a_second_however_the_columns_are_cut() -> None:
    whole = columns_at_steps(0, 10_000, hop_s=HOP_S)
    assert len(whole) == int(10_000 * HOP_S / STEP_S)
    edges = [0, 1, 2, 3, 50, 51, 777, 5_000, 10_000]
    parts = [columns_at_steps(a, b, hop_s=HOP_S) for a, b in pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    times = [step_time_s(int(column), hop_s=HOP_S) for column in whole]
    np.testing.assert_allclose(times, STEP_S * np.arange(1, len(whole) + 1), atol=1e-9)
    assert (((whole + 1) * HOP_S) - times).min() >= -1e-9
    assert (((whole + 1) * HOP_S) - times).max() < HOP_S
