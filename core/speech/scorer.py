"""From sound that arrives in blocks to the scores of every step: front end and network."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.audio.browser_fft import BrowserFftStream, Columns
from core.audio.decode import MAX_STREAM_S, AudioStream, SoundSource, open_audio
from core.errors import Note
from core.speech.model import QUIET_FLOOR_DB, SpeechModel
from core.speech.track import STEP_S, ScoreTrack, columns_at_steps

__all__ = ["ScoredBlock", "ScoredSound", "StreamScorer", "score_sound"]


@dataclass(frozen=True, eq=False)
class ScoredBlock:
    """What a block of sound completed.

    Attributes
    ----------
    first_column : int
        Index of the first of `columns` since the beginning.
    columns : Columns
        As a browser has them, digital silence included.
    step_columns : ndarray of int64, shape (k,)
        The columns at which steps were reached.
    scores : ndarray of float32, shape (k, labels)
        At these steps.
    browser_scores : ndarray of float32, shape (columns, labels)
        NaN where there is none.
    """

    first_column: int
    columns: Columns
    step_columns: NDArray[np.int64]
    scores: NDArray[np.float32]
    browser_scores: NDArray[np.float32]


class StreamScorer:
    """Scores sound as it arrives; one thread at a time.

    Parameters
    ----------
    model : SpeechModel
    steps : bool, optional
        Whether to score each step of 0.1 s, for our own decisions.
    browser_period : int or None, optional
        Score the browser's spectrogram at every so-manyth column that is not silent, for the
        original's decisions: 1 for every column, None for none.
    """

    def __init__(
        self, model: SpeechModel, *, steps: bool = True, browser_period: int | None = None
    ) -> None:
        self.model = model
        self.steps = steps
        self.browser_period = browser_period
        front_end = model.front_end
        self._stream = BrowserFftStream(replace(front_end, floor_db=None))
        self._floor_db = -np.inf if front_end.floor_db is None else front_end.floor_db
        # Before the first column it is quiet.
        quiet_db = QUIET_FLOOR_DB if front_end.floor_db is None else front_end.floor_db
        self._recent = np.full((front_end.frames - 1, front_end.bins), quiet_db, np.float32)
        self._queue = np.zeros((front_end.frames - 1, front_end.bins), np.float32)
        self._count = 0
        self._queued = 0

    @property
    def columns(self) -> int:
        """How many columns there were."""
        return self._count

    def wanted(self) -> int:
        """Return how many more samples complete the next column that may be scored; 1 or more."""
        hop = self.model.front_end.hop_length
        ahead = hop
        if self.steps:
            # A step is shorter than its columns together, so that one of these reaches it.
            most = self._count + int(STEP_S / self.model.front_end.hop_s) + 2
            reached = columns_at_steps(self._count, most, hop_s=self.model.front_end.hop_s)
            ahead = (int(reached[0]) + 1 - self._count) * hop
        elif self.browser_period is not None:
            ahead = (self.browser_period - self._queued % self.browser_period) * hop
        return ahead - self._stream.waiting

    def restart_browser(self) -> None:
        """Begin the browser's spectrogram anew, as its ``listen`` does."""
        self._queue = np.zeros_like(self._queue)
        self._queued = 0

    def push(self, samples: NDArray[np.floating]) -> ScoredBlock:
        """Take the next samples, at the model's sample rate, and return what they complete.

        Raises
        ------
        AudioError
            If the samples are not finite numbers of one channel.
        ModelError
            If the network answers with values that are not finite.
        """
        columns = self._stream.push(samples)
        first, self._count = self._count, self._count + len(columns)
        step_columns, scores = self._score_steps(columns, first)
        return ScoredBlock(first, columns, step_columns, scores, self._score_browser(columns))

    def _score_steps(
        self, columns: Columns, first: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        frames = self.model.front_end.frames
        hop_s = self.model.front_end.hop_s
        known = np.concatenate([self._recent, np.maximum(columns.decibels, self._floor_db)])
        self._recent = known[len(known) - (frames - 1) :].copy()
        reached = columns_at_steps(first, first + len(columns), hop_s=hop_s)
        if not self.steps or not len(reached):
            return reached[:0], self._none(0)
        windows = np.stack([known[at - first : at - first + frames] for at in reached])
        return reached, self._run(windows)

    def _score_browser(self, columns: Columns) -> NDArray[np.float32]:
        scores = self._none(len(columns))
        if self.browser_period is None:
            return scores
        frames = self.model.front_end.frames
        heard = np.flatnonzero(~columns.silent)
        # Missing columns before the first are zeros, louder than any speech: the original's way.
        known = np.concatenate([self._queue, columns.decibels[heard]])
        ticks = self._queued + 1 + np.arange(len(heard))
        wanted = np.flatnonzero(ticks % self.browser_period == 0)
        self._queue = known[len(known) - (frames - 1) :].copy()
        self._queued += len(heard)
        if len(wanted):
            windows = np.stack([known[at : at + frames] for at in wanted])
            scores[heard[wanted]] = self._run(windows)
        return scores

    def _run(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        features = self.model.front_end.normalize(windows)[..., np.newaxis]
        return self.model.run(features).scores

    def _none(self, count: int) -> NDArray[np.float32]:
        return np.full((count, len(self.model.labels)), np.nan, np.float32)


@dataclass(frozen=True, eq=False)
class ScoredSound:
    """The scores of a whole recording, with what is needed to show it.

    Attributes
    ----------
    track : ScoreTrack
    samples : ndarray of float32, shape (n,), or None
        The sound at the model's rate, where it was asked for.
    rate_hz : int
    format : str
    source_rate_hz, source_channels : int
    notes : tuple of Note
    """

    track: ScoreTrack
    samples: NDArray[np.float32] | None
    rate_hz: int
    format: str
    source_rate_hz: int
    source_channels: int
    notes: tuple[Note, ...]


def score_sound(
    model: SpeechModel,
    source: SoundSource | AudioStream,
    *,
    steps: bool = True,
    browser_period: int | None = 1,
    keep_samples: bool = False,
    max_s: float = MAX_STREAM_S,
    progress: Callable[[float, float | None], None] | None = None,
) -> ScoredSound:
    """Decode a recording and score it, in constant memory unless the samples are kept.

    Parameters
    ----------
    model : SpeechModel
    source : bytes, path, binary file or AudioStream
    steps, browser_period
        As in :class:`StreamScorer`.
    keep_samples : bool, optional
    max_s : float, optional
        Longer sound is an error.
    progress : callable, optional
        Called with the seconds heard, and all seconds where the file says them. What it raises
        ends the work.

    Returns
    -------
    ScoredSound

    Raises
    ------
    AudioError
        If the file holds no sound that can be used.
    ModelError
        If the network answers with values that are not finite.
    """
    front_end = model.front_end
    scorer = StreamScorer(model, steps=steps, browser_period=browser_period)
    scores, browser_scores, silent, kept = [scorer._none(0)], [scorer._none(0)], [], []
    count = 0
    with ExitStack() as resources:
        if isinstance(source, AudioStream):
            stream = source
        else:
            stream = resources.enter_context(
                open_audio(source, rate_hz=front_end.rate_hz, max_s=max_s)
            )
        for block in stream:
            scored = scorer.push(block)
            scores.append(scored.scores)
            if browser_period is not None:
                browser_scores.append(scored.browser_scores)
            silent.append(scored.columns.silent)
            if keep_samples:
                kept.append(block)
            count += len(block)
            if progress is not None:
                progress(count / front_end.rate_hz, stream.duration_s)
        # The last word may end at the very end: let the quiet after it be heard too.
        tail = scorer.push(np.zeros(_tail_samples(count, front_end.hop_length), np.float32))
        scores.append(tail.scores)
        track = ScoreTrack(
            labels=model.labels,
            scores=np.concatenate(scores),
            browser_scores=np.concatenate(browser_scores),
            silent=np.concatenate(silent) if silent else np.zeros(0, np.bool_),
            hop_s=front_end.hop_s,
            frames=front_end.frames,
            duration_s=count / front_end.rate_hz,
        )
        return ScoredSound(
            track,
            np.concatenate(kept) if kept else None,
            front_end.rate_hz,
            stream.format,
            stream.source_rate_hz,
            stream.source_channels,
            stream.notes,
        )


def _tail_samples(count: int, hop_length: int) -> int:
    """Return how much quiet follows a recording: what fills its last column, and half a second."""
    return -count % hop_length + 22 * hop_length
