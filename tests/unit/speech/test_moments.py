"""What fired and what almost fired is kept with its sound, and nothing else."""

from __future__ import annotations

import numpy as np

from core.speech.moments import Moments

THRESHOLDS = {"yes": 0.6, "no": 0.6}
STEP = 4410


def _play(
    moments: Moments, scores: list[float], fired_at: int | None = None, *, word: str = "yes"
) -> None:
    for place, score in enumerate(scores):
        events = [(word, score)] if place == fired_at else []
        other = "no" if word == "yes" else "yes"
        samples = np.full(STEP, score, np.float32)
        moments.take(samples, {word: score, other: 0.01}, THRESHOLDS, events)


def test_a_peak_under_the_threshold_is_one_moment_with_the_second_around_it() -> None:
    moments = Moments()
    _play(moments, [0.0] * 15 + [0.3, 0.45, 0.5, 0.4, 0.2, 0.1] + [0.0] * 10)
    (moment,) = moments.latest()
    assert (moment.word, moment.probability, moment.fired) == ("yes", 0.5, False)
    assert moment.threshold == 0.6
    assert len(moment.samples) == round(1.3 * 44_100)
    assert moment.samples.max() == np.float32(0.5)


def test_what_fired_is_kept_once_and_not_as_a_near_miss_too() -> None:
    moments = Moments()
    _play(moments, [0.0] * 15 + [0.3, 0.5, 0.7, 0.8, 0.5, 0.3, 0.1] + [0.0] * 10, fired_at=17)
    (moment,) = moments.latest()
    assert moment.fired
    assert moment.probability == 0.7


def test_what_is_far_from_the_threshold_is_no_moment() -> None:
    moments = Moments()
    _play(moments, [0.0, 0.1, 0.2, 0.22, 0.1] * 20)
    assert moments.latest() == []


def test_moments_end_with_their_minutes_and_can_be_labelled_and_forgotten() -> None:
    moments = Moments()
    peak = [0.3, 0.5, 0.2] + [0.0] * 10
    _play(moments, peak)
    _play(moments, [0.0] * 3000)
    _play(moments, peak, word="no")
    (moment,) = moments.latest()
    assert moment.word == "no"
    moments.label(moment.serial, "maybe")
    found = moments.get(moment.serial)
    assert found is not None
    assert found.label == "maybe"
    moments.forget()
    assert moments.latest() == []
