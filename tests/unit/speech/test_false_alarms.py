import numpy as np
import pytest

from core.errors import UsageError
from core.speech import ScoreTrack, SmoothMode, decide
from core.speech.false_alarms import count_false_alarms, threshold_for

LABELS = ("_background_noise_", "left", "right")
MODE = SmoothMode(threshold=0.5, smoothing_s=0.1, refractory_s=0.3)


def _track(seconds: float, peaks: dict[float, tuple[str, float]]) -> ScoreTrack:
    steps = round(10 * seconds)
    scores = np.zeros((steps, 3), np.float32)
    scores[:, 0] = 1
    for time_s, (word, score) in peaks.items():
        at = round(10 * time_s)
        scores[at] = 0
        scores[at, LABELS.index(word)] = score
    return ScoreTrack(
        LABELS, scores, np.zeros((0, 3), np.float32), np.zeros(0, np.bool_), 0.0232, 43, seconds
    )


def test_no_alarm_in_a_minute_bounds_the_rate_at_three_a_minute() -> None:
    alarms = count_false_alarms([_track(60, {})], MODE)
    assert alarms.count == 0
    assert alarms.per_hour == 0
    assert alarms.bound_per_hour == pytest.approx(179.7, abs=0.5)


def test_alarms_are_counted_by_word_and_by_the_hour() -> None:
    track = _track(60, {5.0: ("left", 0.9), 20.0: ("left", 0.7), 40.0: ("right", 0.6)})
    alarms = count_false_alarms([track], MODE)
    assert alarms.by_word == {"left": 2, "right": 1}
    assert alarms.per_hour == 180
    assert alarms.bound_per_hour > alarms.per_hour


def test_each_word_gets_the_least_threshold_that_keeps_the_rate() -> None:
    track = _track(60, {5.0: ("left", 0.9), 20.0: ("left", 0.7), 40.0: ("right", 0.6)})
    found = threshold_for([track], MODE, alarms_per_hour=0)
    assert found["left"] == pytest.approx(0.91)
    assert found["right"] == pytest.approx(0.61)
    assert decide(track, SmoothMode(thresholds=found, smoothing_s=0.1, refractory_s=0.3)) == ()
    some = threshold_for([track], MODE, alarms_per_hour=120)
    assert some["left"] == pytest.approx(0.71)
    assert some["right"] == pytest.approx(0.4)


def test_too_little_talk_says_so() -> None:
    with pytest.raises(UsageError) as error:
        count_false_alarms([_track(0.5, {})], MODE)
    assert error.value.code == "words.talk_short"
