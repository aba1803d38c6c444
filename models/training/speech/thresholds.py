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
FALSE_ALARM_COST = 4.0

Said = tuple[tuple[str, float, float], ...]


def word_thresholds(
    without: Sequence[ScoreTrack],
    with_words: Sequence[tuple[Said, ScoreTrack]],
    mode: SmoothMode,
    *,
    cost: float = FALSE_ALARM_COST,
) -> dict[str, float]:
    """Return each word's threshold, the lowest of the best.

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
    worth: dict[tuple[str, float], float] = {}
    for level in GRID:
        current = replace(mode, threshold=level, thresholds={})
        alarms = Counter(event.word for track in without for event in decide(track, current))
        caught: Counter[str] = Counter()
        for said, track in with_words:
            starts = np.array([start for _, start, _ in said])
            for event in decide(track, current):
                place = int(np.searchsorted(starts, event.time_s, side="right")) - 1
                caught[event.word] += place >= 0 and said[place][0] == event.word
        for word in TARGETS:
            worth[word, level] = caught[word] - cost * alarms[word]
    return {word: max(GRID, key=lambda level: (worth[word, level], -level)) for word in TARGETS}
