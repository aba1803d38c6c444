"""From scores to words: when the recogniser says that it heard something.

A mode is a frozen set of options; its decider takes one score vector after the other. The same
deciders serve live sound and kept scores, so that what happened live can be decided again.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.errors import UsageError
from core.speech.labels import is_unknown, word_indices
from core.speech.track import STEP_S, ScoreTrack

__all__ = [
    "ARTICLE_MODE",
    "HANDOVER",
    "Mode",
    "SmoothDecider",
    "SmoothMode",
    "TfjsDecider",
    "TfjsMode",
    "WordEvent",
    "decide",
    "smooth_scores",
]


# Between two words the scores of all words together fall below this, for a step at least.
HANDOVER = 0.7


@dataclass(frozen=True)
class WordEvent:
    """A word that was heard.

    Attributes
    ----------
    time_s : float
        When it was decided, in seconds since the beginning: the end of the second listened to.
    word : str
    probability : float
        The score that decided, 0..1.
    index : int
        Position of the word among the labels.
    """

    time_s: float
    word: str
    probability: float
    index: int


@dataclass(frozen=True)
class TfjsMode:
    """Decide as the original library's ``listen`` does, with its options and defaults.

    Parameters
    ----------
    probability_threshold : float, optional
        0..1; the best score must reach it.
    overlap_factor : float, optional
        0 to below 1: how much of a window the next one shares. With 0.3 there is a decision each
        0.7 s.
    suppression_time_millis : float, optional
        After an event, no decision for so long.
    invoke_callback_on_noise_and_unknown : bool, optional
        Whether noise and unknown words are events too.
    """

    probability_threshold: float = 0.0
    overlap_factor: float = 0.5
    suppression_time_millis: float = 0.0
    invoke_callback_on_noise_and_unknown: bool = False

    def __post_init__(self) -> None:
        threshold, overlap = self.probability_threshold, self.overlap_factor
        if not _is_number(threshold) or not 0 <= threshold <= 1:
            raise UsageError("speech.probability_threshold", value=str(threshold)[:40])
        if not _is_number(overlap) or not 0 <= overlap < 1:
            raise UsageError("speech.overlap_factor", value=str(overlap)[:40])
        if not _is_number(self.suppression_time_millis) or self.suppression_time_millis < 0:
            raise UsageError("speech.suppression", value=str(self.suppression_time_millis)[:40])

    def period(self, frames: int) -> int:
        """Return the columns between decisions."""
        return max(1, _js_round(frames * (1 - self.overlap_factor)))

    def suppression_columns(self, hop_s: float) -> int:
        """Return the columns without a decision after an event."""
        return _js_round(self.suppression_time_millis / (1000 * hop_s))


@dataclass(frozen=True)
class SmoothMode:
    """Decide every 0.1 s from smoothed scores; our default.

    A word is heard when its smoothed score is the best of all labels and reaches the word's
    threshold. It is heard again only after its score fell below `release` times the threshold,
    and no word is heard within the refractory time after another. The window that has only the end
    of a word may look like another word: until the words' scores together fell below
    ``HANDOVER``, no word is heard within the handover time either, in which such a window passes.
    A model without ``_unknown_`` has nothing to fall to, so this is left out there.

    The defaults were chosen on unseen speakers' words in noise and 16 hours of running speech, with
    our own model and its thresholds: 95 % of the words are heard at most 0.25 s after their end;
    0.1 s more of smoothing would save a fifth of the false ones and take 0.08 s longer.

    Parameters
    ----------
    threshold : float, optional
        0..1, for words without one of their own.
    thresholds : mapping of str to float, optional
        By word; a model's own are a good choice.
    smoothing_s : float, optional
        Scores are averaged over so many seconds.
    release : float, optional
        0..1, as a share of the threshold.
    refractory_s : float, optional
    handover_s : float, optional
        The window's second and the smoothing; 0 leaves it out.
    """

    threshold: float = 0.7
    thresholds: Mapping[str, float] = field(default_factory=dict)
    smoothing_s: float = 0.3
    release: float = 0.5
    refractory_s: float = 0.8
    handover_s: float = 1.3

    def __post_init__(self) -> None:
        for value in (self.threshold, *self.thresholds.values()):
            if not _is_number(value) or not 0 <= value <= 1:
                raise UsageError("speech.probability_threshold", value=str(value)[:40])
        if not _is_number(self.release) or not 0 <= self.release <= 1:
            raise UsageError("speech.release", value=str(self.release)[:40])
        for name in ("smoothing_s", "refractory_s", "handover_s"):
            value = getattr(self, name)
            if not _is_number(value) or not 0 <= value <= 60:
                raise UsageError("speech.seconds", setting=name, value=str(value)[:40])

    @property
    def smoothing_steps(self) -> int:
        """Over how many scores is averaged."""
        return max(1, round(self.smoothing_s / STEP_S))


Mode = TfjsMode | SmoothMode


class TfjsDecider:
    """Decides as the original's Tracker and ``listen``; one thread at a time.

    Parameters
    ----------
    mode : TfjsMode
    labels : tuple of str
    frames : int
        Columns of one spectrogram.
    hop_s : float
        Seconds between columns.
    """

    def __init__(
        self, mode: TfjsMode, labels: tuple[str, ...], *, frames: int, hop_s: float
    ) -> None:
        self.mode = mode
        self._labels = labels
        self._words = frozenset(word_indices(labels))
        self._hop_s = hop_s
        self._period = mode.period(frames)
        self._suppression = mode.suppression_columns(hop_s)
        self._counter = 0
        self._onset: int | None = None

    def tick(self) -> bool:
        """Count a column that is not silent; return whether to decide now."""
        self._counter += 1
        suppressed = self._onset is not None and self._counter - self._onset <= self._suppression
        return self._counter % self._period == 0 and not suppressed

    def decide(self, column: int, scores: NDArray[np.float32]) -> WordEvent | None:
        """Return the event of a decision, if it is one; suppression begins with it."""
        best = int(scores.argmax())
        probability = float(scores[best])
        if probability < self.mode.probability_threshold:
            return None
        if not self.mode.invoke_callback_on_noise_and_unknown and best not in self._words:
            return None
        self._onset = self._counter
        return WordEvent((column + 1) * self._hop_s, self._labels[best], probability, best)


class SmoothDecider:
    """Decides from smoothed scores; one thread at a time.

    Parameters
    ----------
    mode : SmoothMode
    labels : tuple of str
    """

    def __init__(self, mode: SmoothMode, labels: tuple[str, ...]) -> None:
        self.mode = mode
        self._labels = labels
        self._words = word_indices(labels)
        self._thresholds = np.array(
            [mode.thresholds.get(label, mode.threshold) for label in labels], np.float32
        )
        self._recent: deque[NDArray[np.float32]] = deque(maxlen=mode.smoothing_steps)
        self._held = np.zeros(len(labels), np.bool_)
        self._last_s = -math.inf
        self._over = True
        self._handover_s = mode.handover_s if any(map(is_unknown, labels)) else 0.0
        self.smoothed = np.zeros(len(labels), np.float32)

    def step(self, time_s: float, scores: NDArray[np.float32]) -> WordEvent | None:
        """Take the scores of the next step and return the event that they make, if any."""
        self._recent.append(scores)
        self.smoothed = np.mean(self._recent, axis=0, dtype=np.float32)
        self._held &= self.smoothed >= self.mode.release * self._thresholds
        self._over |= bool(scores[list(self._words)].sum() < HANDOVER)
        best = int(self.smoothed.argmax())
        pause_s = self.mode.refractory_s
        if not self._over:
            pause_s = max(pause_s, self._handover_s)
        if (
            best not in self._words
            or self.smoothed[best] < self._thresholds[best]
            or self._held[best]
            # Times are multiples of a tenth, which floats miss by a little.
            or time_s - self._last_s < pause_s - 1e-9
        ):
            return None
        self._held[best] = True
        self._over = False
        self._last_s = time_s
        return WordEvent(time_s, self._labels[best], float(self.smoothed[best]), best)


def decide(track: ScoreTrack, mode: Mode) -> tuple[WordEvent, ...]:
    """Return the words that are heard in kept scores; the network is not needed.

    Parameters
    ----------
    track : ScoreTrack
    mode : TfjsMode or SmoothMode

    Returns
    -------
    tuple of WordEvent
        In the order of time.

    Raises
    ------
    UsageError
        If the track was not scored for this mode.
    """
    if isinstance(mode, SmoothMode):
        decider = SmoothDecider(mode, track.labels)
        events = [
            decider.step(round((step + 1) * STEP_S, 9), scores)
            for step, scores in enumerate(track.scores)
        ]
        return tuple(event for event in events if event is not None)
    return _decide_tfjs(track, mode)


def _decide_tfjs(track: ScoreTrack, mode: TfjsMode) -> tuple[WordEvent, ...]:
    decider = TfjsDecider(mode, track.labels, frames=track.frames, hop_s=track.hop_s)
    events = []
    for column in np.flatnonzero(~track.silent).tolist():
        if not decider.tick():
            continue
        if column >= len(track.browser_scores) or np.isnan(track.browser_scores[column, 0]):
            raise UsageError("speech.not_scored", overlap_factor=mode.overlap_factor)
        event = decider.decide(column, track.browser_scores[column])
        if event is not None:
            events.append(event)
    return tuple(events)


def smooth_scores(track: ScoreTrack, mode: SmoothMode) -> NDArray[np.float32]:
    """Return the smoothed scores that `decide` compares with the thresholds, for a plot.

    Parameters
    ----------
    track : ScoreTrack
    mode : SmoothMode

    Returns
    -------
    ndarray of float32, shape (n, labels)
    """
    sums = np.cumsum(track.scores, axis=0, dtype=np.float64)
    steps = mode.smoothing_steps
    sums[steps:] = sums[steps:] - sums[:-steps]
    counts = np.minimum(np.arange(1, len(sums) + 1), steps)[:, np.newaxis]
    return (sums / counts).astype(np.float32)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _js_round(value: float) -> int:
    """Round as JavaScript does: a half goes up."""
    return math.floor(value + 0.5)


ARTICLE_MODE = TfjsMode(probability_threshold=0.9, overlap_factor=0.3)
"""The options of the article's slideshow."""
