"""The thresholds of words, from made scores."""

from __future__ import annotations

import numpy as np

from core.speech.decide import SmoothMode
from core.speech.track import ScoreTrack
from models.training.speech.labels import LABELS
from models.training.speech.thresholds import GRID, word_thresholds

MODE = SmoothMode(smoothing_s=0.1)


def _track(peaks: list[tuple[str, float]]) -> ScoreTrack:
    """A second of quiet after each word, which scores so much for two tenths of a second."""
    scores = np.zeros((12 * len(peaks), len(LABELS)), np.float32)
    scores[:, 0] = 1
    for place, (word, score) in enumerate(peaks):
        rows = slice(12 * place, 12 * place + 2)
        scores[rows, LABELS.index(word)] = score
        scores[rows, 0] = 1 - score
    none = np.zeros((0, len(LABELS)), np.float32)
    return ScoreTrack(
        tuple(LABELS), scores, none, np.zeros(0, np.bool_), 0.023, 43, 0.1 * len(scores)
    )


def _said(peaks: list[tuple[str, float]]) -> tuple[tuple[str, float, float], ...]:
    return tuple((word, 1.2 * place, 1.2 * place + 0.2) for place, (word, _) in enumerate(peaks))


def test_a_word_that_is_said_often_gets_the_threshold_at_which_it_is_worth_most() -> None:
    # Said twenty times at 0.92, once at 0.82; heard falsely at 0.86 three times.
    right = [("right", 0.92)] * 20 + [("right", 0.82)]
    thresholds = word_thresholds(
        [_track([("right", 0.86)] * 3)], [(_said(right), _track(right))], MODE
    )
    assert thresholds["right"] == 0.9


def test_a_word_without_alarms_that_is_often_said_unclearly_gets_the_lowest() -> None:
    said = [("go", 0.96)] * 20 + [("go", 0.77)] * 3
    thresholds = word_thresholds(
        [_track([("right", 0.86)] * 3)], [(_said(said), _track(said))], MODE
    )
    assert thresholds["go"] == GRID[0]


def test_a_word_without_alarms_is_not_believed_at_once_if_nothing_is_lost_by_it() -> None:
    said = [("go", 0.96)] * 20
    thresholds = word_thresholds(
        [_track([("right", 0.86)] * 3)], [(_said(said), _track(said))], MODE
    )
    # The others' alarms end at 0.86, and "go" would have some there too, sooner or later.
    assert thresholds["go"] == 0.9


def test_a_word_that_is_hardly_said_follows_how_the_alarms_of_all_words_become_fewer() -> None:
    said = [("seven", 0.96)] * 3 + [("left", 0.96)] * 20
    alarms = [("left", 0.76)] * 6 + [("left", 0.94)]
    # "seven" had no alarm at all, but with three clips that is no reason to believe it at 0.75.
    thresholds = word_thresholds([_track(alarms)], [(_said(said), _track(said))], MODE)
    assert thresholds["left"] == 0.95
    assert thresholds["seven"] == 0.95


def test_the_alarms_of_words_that_are_hardly_said_count_for_all_of_them() -> None:
    said = [("left", 0.96)] * 10 + [("left", 0.87)] * 10
    streams = [(_said(said), _track(said))]
    few = word_thresholds([_track([("six", 0.86)] * 6)], streams, MODE, cost=0.1)
    many = word_thresholds([_track([("six", 0.86)] * 60)], streams, MODE, cost=0.1)
    # "seven" had none itself.
    assert few["seven"] == GRID[0]
    assert many["seven"] == 0.9
