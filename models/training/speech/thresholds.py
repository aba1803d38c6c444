"""From which smoothed score a word is believed, so that running speech raises no false alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.speech.decide import SmoothMode, decide
from core.speech.track import ScoreTrack
from models.training.speech.labels import TARGETS

__all__ = ["HIGHEST", "LOWEST", "word_thresholds"]

# Lower ones would let partial words through, higher ones some voices never reach.
LOWEST, HIGHEST = 0.6, 0.97
_MARGIN = 0.01


def word_thresholds(
    tracks: Sequence[ScoreTrack], mode: SmoothMode, *, allowed: int = 0
) -> dict[str, float]:
    """Return the lowest threshold of each word that keeps it quiet where it is not said.

    Parameters
    ----------
    tracks : sequence of ScoreTrack
        Sound without any of the words.
    mode : SmoothMode
        Everything but the thresholds.
    allowed : int
        So many false alarms a word are let through.

    Returns
    -------
    dict of str to float
        0.6 to 0.97.
    """
    heard: dict[str, list[float]] = {word: [] for word in TARGETS}
    # What the decisions let through at the lowest threshold are the peaks that matter.
    thresholds: Mapping[str, float] = dict.fromkeys(TARGETS, LOWEST)
    for _ in range(40):
        found = [
            event
            for track in tracks
            for event in decide(track, replace(mode, thresholds=thresholds))
        ]
        raised = dict(thresholds)
        for word in TARGETS:
            heard[word] = sorted(event.probability for event in found if event.word == word)
            if len(heard[word]) > allowed and thresholds[word] < HIGHEST:
                raised[word] = min(HIGHEST, heard[word][0] + _MARGIN)
        if raised == thresholds:
            break
        thresholds = raised
    return dict(thresholds)
