"""From which smoothed score a word is believed: words caught against false alarms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from core.speech.decide import SmoothMode, decide
from core.speech.track import ScoreTrack
from models.training.speech.labels import TARGETS

__all__ = ["GRID", "word_thresholds"]

# Lower ones let partial words through, higher ones many voices never reach.
GRID = (0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97)
# One false alarm less is worth so many words of the validation streams.
FALSE_ALARM_COST = 2.0
# With fewer clips than this, what is caught says little of a word's threshold. What so few people
# teach is believed too soon: these words make most of the false alarms, so one costs twice as much.
_FEW = 10
_FEW_COST = 2.0
# And a word without a false alarm in all of the sound is taken to have had half of one.
_PRIOR = 0.5

Said = tuple[tuple[str, float, float], ...]


def word_thresholds(
    without: Sequence[ScoreTrack],
    with_words: Sequence[tuple[Said, ScoreTrack]],
    mode: SmoothMode,
    *,
    cost: float = FALSE_ALARM_COST,
) -> dict[str, float]:
    """Return each word's threshold, the lowest of the best.

    In hours of speech a single word is heard falsely once or never, which says little of how often
    it will be. So its false alarms are the mean of what was counted at a level and of what is
    expected there: as many as at the lowest level, fewer at the rate at which those of all words
    together become fewer. Where the streams hardly say a word, only the latter counts, from the
    mean of all such words, and what is caught is the mean of all words.

    Parameters
    ----------
    without : sequence of ScoreTrack
        Sound without any of the words.
    with_words : sequence of (words, ScoreTrack)
        Validation streams, with word, start and end in seconds of all that is said in them.
    mode : SmoothMode
        Everything but the thresholds.
    cost : float
        Of a false alarm, in words caught.

    Returns
    -------
    dict of str to float
        Values of ``GRID``. Words are taken one by one, as if they did not compete.
    """
    caught: dict[float, Counter[str]] = {}
    alarms: dict[float, Counter[str]] = {}
    for level in GRID:
        current = replace(mode, threshold=level, thresholds={})
        alarms[level] = Counter(event.word for track in without for event in decide(track, current))
        caught[level] = Counter()
        for said, track in with_words:
            starts = np.array([start for _, start, _ in said])
            for event in decide(track, current):
                place = int(np.searchsorted(starts, event.time_s, side="right")) - 1
                caught[level][event.word] += place >= 0 and said[place][0] == event.word
    lowest = alarms[GRID[0]]
    left = {level: alarms[level].total() / max(lowest.total(), 1) for level in GRID}
    usual = {level: caught[level].total() / len(TARGETS) for level in GRID}
    count = Counter(word for said, _ in with_words for word, _, _ in said)

    few = [word for word in TARGETS if count[word] < _FEW]
    of_few = sum(lowest[word] for word in few) / max(len(few), 1)

    def worth(word: str, level: float) -> float:
        if word in few:
            return usual[level] - _FEW_COST * cost * (of_few + _PRIOR) * left[level]
        expected = (lowest[word] + _PRIOR) * left[level]
        return caught[level][word] - cost * (alarms[level][word] + expected) / 2

    return {word: max(GRID, key=lambda level: (worth(word, level), -level)) for word in TARGETS}
