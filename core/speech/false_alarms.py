"""How often a model takes other talk for its words, and the threshold for a wanted rate."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.errors import UsageError
from core.speech.decide import SmoothMode, decide
from core.speech.track import ScoreTrack

__all__ = ["FalseAlarms", "count_false_alarms", "threshold_for"]

_CANDIDATES = tuple(np.round(np.arange(0.4, 0.991, 0.01), 2).tolist())


@dataclass(frozen=True)
class FalseAlarms:
    """What a model heard in sound that held none of its words.

    Attributes
    ----------
    count : int
    seconds : float
        That were listened to.
    by_word : dict of str to int
    """

    count: int
    seconds: float
    by_word: dict[str, int]

    @property
    def per_hour(self) -> float:
        """As counted."""
        return 3600 * self.count / self.seconds

    @property
    def bound_per_hour(self) -> float:
        """The rate that is not exceeded, with 95 % certainty (Poisson, exact).

        Without an alarm it is 3 in the time that was listened to.
        """
        return 3600 * _poisson_bound(self.count) / self.seconds


def _poisson_bound(count: int) -> float:
    """Return the mean at which so few events have a chance of 5 %."""

    def chance(mean: float) -> float:
        return sum(
            math.exp(-mean + n * math.log(mean) - math.lgamma(n + 1)) for n in range(count + 1)
        )

    low, high = 1e-6, 10.0 + 3.0 * count
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if chance(middle) > 0.05 else (low, middle)
    return high


def count_false_alarms(tracks: Sequence[ScoreTrack], mode: SmoothMode) -> FalseAlarms:
    """Return what would be heard, where nothing should be.

    Parameters
    ----------
    tracks : sequence of ScoreTrack
        Of talk without the words, and of noise.
    mode : SmoothMode

    Raises
    ------
    UsageError
        If there is no second of sound.
    """
    seconds = sum(track.duration_s for track in tracks)
    if seconds < 1:
        raise UsageError("words.talk_short", seconds=seconds)
    heard = Counter(event.word for track in tracks for event in decide(track, mode))
    return FalseAlarms(sum(heard.values()), seconds, dict(heard))


def threshold_for(
    tracks: Sequence[ScoreTrack], mode: SmoothMode, *, alarms_per_hour: float
) -> dict[str, float]:
    """Return each word's least threshold with which all words together stay below a rate.

    Every word may cause an equal part of the alarms; what was counted is compared, not the bound,
    which no minute of talk could bring below 180 an hour.

    Parameters
    ----------
    tracks : sequence of ScoreTrack
    mode : SmoothMode
        Its other options.
    alarms_per_hour : float

    Returns
    -------
    dict of str to float
        By word, 0.4 to 0.99.

    Raises
    ------
    UsageError
        If there is no second of sound.
    """
    words = tracks[0].words if tracks else ()
    found: dict[str, float] = {}
    for word in words:
        for threshold in _CANDIDATES:
            # A word that cannot fire (threshold 1 and more) does not hide another.
            others = {other: 1.0 for other in words if other != word}
            tried = replace(mode, thresholds={**others, word: threshold})
            alarms = count_false_alarms(tracks, tried)
            found[word] = threshold
            if 3600 * alarms.by_word.get(word, 0) / alarms.seconds <= alarms_per_hour / len(words):
                break
    return found
