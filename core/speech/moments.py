"""What fired and what almost fired in the last minutes, with its sound."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.audio.recent import RecentSound

__all__ = ["Moment", "Moments"]

_RATE_HZ = 44_100
_KEPT, _KEPT_S = 60, 300.0
_SOUND_S = 5.0
# The second that was listened to, and a little that surrounds it.
_BEFORE_S, _AFTER_S = 1.15, 0.15
# What scored at least this part of its threshold almost fired; below it everything does.
_ALMOST, _LEAST_SCORE = 0.4, 0.15
_OVER, _LONGEST_S = 0.6, 1.5
# An event and the scores around it are one moment.
_SAME_S = 0.9


@dataclass(frozen=True, eq=False)
class Moment:
    """A second in which a word was heard, or almost.

    Attributes
    ----------
    serial : int
    word : str
    probability : float
        The score that decided, or the greatest that was reached.
    threshold : float
    time_s : float
        Seconds of sound since listening began.
    fired : bool
        Whether it reached the threshold.
    samples : ndarray of float32, shape (n,)
        At 44.1 kHz.
    label : str
        What the visitor said that it was; empty before.
    """

    serial: int
    word: str
    probability: float
    threshold: float
    time_s: float
    fired: bool
    samples: NDArray[np.float32]
    label: str = ""


@dataclass
class _Episode:
    word: str
    ratio: float
    probability: float
    threshold: float
    peak_s: float
    began_s: float
    fired: bool = False


class Moments:
    """Keeps moments of one session over all models that listen; its clock counts all sound."""

    def __init__(self) -> None:
        self._sound = RecentSound(_SOUND_S, rate_hz=_RATE_HZ)
        self._kept: deque[Moment] = deque(maxlen=_KEPT)
        self._lock = threading.Lock()
        self._serial = 0
        # Of the listening thread.
        self._episode: _Episode | None = None
        self._waiting: deque[_Episode] = deque()
        self._fired_s = -np.inf

    # Called by the listening thread.

    def take(
        self,
        samples: NDArray[np.float32],
        scores: Mapping[str, float],
        thresholds: Mapping[str, float],
        events: Sequence[tuple[str, float]],
    ) -> None:
        """Take the next sound and what was made of it.

        Parameters
        ----------
        samples : ndarray of float32, shape (n,)
            At 44.1 kHz.
        scores : mapping of str to float
            Of the words, after these samples.
        thresholds : mapping of str to float
        events : sequence of (word, probability)
            What fired with these samples.
        """
        self._sound.push(samples)
        now_s = self._sound.time_s
        for word, probability in events:
            self._fired_s = now_s
            self._episode = None
            self._waiting.append(
                _Episode(word, 1.0, probability, thresholds[word], now_s, now_s, fired=True)
            )
        self._follow(scores, thresholds, now_s)
        while self._waiting and now_s >= self._waiting[0].peak_s + _AFTER_S:
            self._keep(self._waiting.popleft())

    def _follow(
        self, scores: Mapping[str, float], thresholds: Mapping[str, float], now_s: float
    ) -> None:
        if not scores or now_s - self._fired_s < _SAME_S:
            return
        word = max(scores, key=lambda name: scores[name] / max(thresholds[name], 1e-3))
        score, threshold = scores[word], thresholds[word]
        bar = max(_ALMOST * threshold, _LEAST_SCORE)
        episode = self._episode
        if episode is None:
            if score >= bar:
                self._episode = _Episode(word, score / bar, score, threshold, now_s, now_s)
            return
        if score / bar > episode.ratio:
            episode.word, episode.ratio = word, score / bar
            episode.probability, episode.threshold, episode.peak_s = score, threshold, now_s
        if score < _OVER * bar or now_s - episode.began_s > _LONGEST_S:
            self._episode = None
            # What was over its threshold and did not fire is a word that still goes on.
            if episode.probability < episode.threshold:
                self._waiting.append(episode)

    def _keep(self, episode: _Episode) -> None:
        samples = self._sound.between(episode.peak_s - _BEFORE_S, episode.peak_s + _AFTER_S)
        with self._lock:
            self._serial += 1
            self._kept.append(
                Moment(
                    self._serial,
                    episode.word,
                    episode.probability,
                    episode.threshold,
                    episode.peak_s,
                    episode.fired,
                    samples,
                )
            )
            while self._kept and self._kept[0].time_s < episode.peak_s - _KEPT_S:
                self._kept.popleft()

    # Called by the page.

    @property
    def time_s(self) -> float:
        """Seconds of sound until now."""
        return self._sound.time_s

    def latest(self) -> list[Moment]:
        """Return what is kept, the newest first."""
        with self._lock:
            return list(reversed(self._kept))

    def get(self, serial: int) -> Moment | None:
        """Return a moment, if it is still kept."""
        return next((moment for moment in self.latest() if moment.serial == serial), None)

    def label(self, serial: int, label: str) -> None:
        """Note what a moment was."""
        with self._lock:
            for place, moment in enumerate(self._kept):
                if moment.serial == serial:
                    self._kept[place] = replace(moment, label=label)

    def forget(self) -> None:
        """Forget every moment and its sound."""
        with self._lock:
            self._kept.clear()
        self._sound.forget()
