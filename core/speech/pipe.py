"""Live listening: sound in at one end from any thread, words and levels out at the other."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.audio.resample import Resampler, to_mono
from core.audio.ring import RingBuffer
from core.errors import TeachdeckError
from core.speech.decide import Mode, SmoothDecider, SmoothMode, TfjsDecider, TfjsMode, WordEvent
from core.speech.model import SpeechModel
from core.speech.scorer import ScoredBlock, StreamScorer
from core.speech.track import step_time_s

__all__ = ["ListeningPipe", "Snapshot"]

# Longest that the listener may be behind before the oldest sound gives way.
_BUFFER_S = 5.0
_KEPT_EVENTS = 1_000
_KEPT_COLUMNS = 430
_POLL_S = 0.02
# Sound is worked on in pieces of a tenth of a second at most, so that a late listener still
# reports what it hears on the way.
_PIECE_S = 0.1
_CLIPPED = 0.999
_LEAST_LEVEL_DB = -120.0


@dataclass(frozen=True, eq=False)
class Snapshot:
    """How listening stands; never changes once it was made.

    Attributes
    ----------
    running : bool
        Whether the listening thread runs.
    time_s : float
        Seconds of sound listened to.
    labels : tuple of str
    scores : ndarray of float32, shape (labels,)
        The latest; zeros before the first.
    smoothed : ndarray of float32, shape (labels,)
        What the smooth mode compares with its thresholds; in the other mode the latest scores.
    events : tuple of WordEvent
        The latest 1,000, the oldest first.
    event_count : int
        All events since the beginning.
    level_db : float
        Loudness of the last block, dB of full scale (RMS), -120 for silence.
    peak : float
        Largest sample of the last block, 0..1.
    clipping : bool
    columns : ndarray of float32, shape (k, bins)
        The latest 10 s of the spectrogram, in dB.
    lost_s : float
        Seconds of sound that came faster than they could be listened to.
    waiting_s : float
        Seconds of sound that wait.
    step_ms : float
        Time that the last piece of sound took: front end, network and decision.
    error : TeachdeckError or None
        What ended the listening.
    """

    running: bool
    time_s: float
    labels: tuple[str, ...]
    scores: NDArray[np.float32]
    smoothed: NDArray[np.float32]
    events: tuple[WordEvent, ...]
    event_count: int
    level_db: float
    peak: float
    clipping: bool
    columns: NDArray[np.float32]
    lost_s: float
    waiting_s: float
    step_ms: float
    error: TeachdeckError | None


class ListeningPipe:
    """Listens to sound that any thread pushes.

    Microphone and file enter at the same place, so what happened live can be replayed. Methods
    are grouped by the thread that calls them.

    Parameters
    ----------
    model : SpeechModel
    mode : SmoothMode or TfjsMode, optional
        By default our own with the model's thresholds.

    Examples
    --------
    >>> pipe = ListeningPipe(model)  # doctest: +SKIP
    >>> pipe.push(frame, rate_hz=48_000, channels=2)  # doctest: +SKIP
    >>> pipe.step()  # or start() a thread that does  # doctest: +SKIP
    >>> pipe.snapshot().events  # doctest: +SKIP
    (WordEvent(time_s=1.2, word='up', probability=0.97, index=17),)
    """

    def __init__(self, model: SpeechModel, mode: Mode | None = None) -> None:
        self.model = model
        self._mode: Mode = mode or SmoothMode(thresholds=model.thresholds)
        front_end = model.front_end
        self._ring = RingBuffer(int(_BUFFER_S * front_end.rate_hz))
        self._piece = int(_PIECE_S * front_end.rate_hz)
        # Of the pushing thread.
        self._push_lock = threading.Lock()
        self._resampler: Resampler | None = None
        self._rate_hz = 0
        self._broken_samples = 0
        # Of the listening thread.
        self._step_lock = threading.Lock()
        self._new_mode: Mode | None = None
        self._begin(self._mode)
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        # Read by all, replaced by the listening thread.
        self._state_lock = threading.Lock()
        nothing = np.zeros(len(model.labels), np.float32)
        self._columns: deque[NDArray[np.float32]] = deque(maxlen=_KEPT_COLUMNS)
        self._events: deque[WordEvent] = deque(maxlen=_KEPT_EVENTS)
        self._event_count = 0
        self._samples = 0
        self._scores = self._smoothed = nothing
        self._level_db, self._peak = _LEAST_LEVEL_DB, 0.0
        self._step_ms = 0.0
        self._error: TeachdeckError | None = None

    # Called by the thread that receives sound.

    def push(
        self,
        block: NDArray[np.generic],
        *,
        rate_hz: int = 44_100,
        channels: int = 1,
        layout: Literal["interleaved", "planar"] = "interleaved",
    ) -> None:
        """Take sound of any rate and channel count; takes well under a millisecond.

        Values that are not numbers count as silence: a device that sends them must not end the
        listening.

        Parameters
        ----------
        block : ndarray
            As :func:`core.audio.to_mono` takes it; of WebRTC (1, 2 * n) int16.
        rate_hz : int, optional
            May change from block to block.
        channels : int, optional
        layout : {"interleaved", "planar"}, optional

        Raises
        ------
        AudioError
            If the block or its rate is not one of sound.
        """
        mono = to_mono(block, channels=channels, layout=layout)
        if not np.isfinite(mono).all():
            self._broken_samples += int((~np.isfinite(mono)).sum())
            mono = np.nan_to_num(mono, nan=0.0, posinf=0.0, neginf=0.0)
        with self._push_lock:
            if self._resampler is None or rate_hz != self._rate_hz:
                new = Resampler(rate_hz, self.model.front_end.rate_hz)
                if self._resampler is not None:
                    self._ring.push(self._resampler.flush())
                self._resampler, self._rate_hz = new, rate_hz
            self._ring.push(self._resampler.push(mono))

    def flush(self) -> None:
        """Say that no sound follows: what the resampler holds back is let go."""
        with self._push_lock:
            if self._resampler is not None:
                self._ring.push(self._resampler.flush())
                self._resampler = None

    # Called by the thread that listens: either start() one, or call step() yourself.

    def start(self) -> None:
        """Start a thread that listens until `stop`; does nothing if it runs."""
        if self.running:
            return
        self._stop.clear()
        self._thread = threading.Thread(target=self._listen, name="listening", daemon=True)
        self._thread.start()

    def stop(self, *, timeout_s: float = 5.0) -> None:
        """End the thread and wait for it; does nothing if none runs."""
        self._stop.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)

    def step(self) -> int:
        """Listen to all sound that waits; return how many samples that were."""
        total = 0
        with self._step_lock:
            while len(samples := self._ring.take(self._piece)):
                self._take_mode()
                self._hear(samples)
                total += len(samples)
        return total

    def wanted_s(self) -> float:
        """Return how many more seconds of sound the next decision needs, at the earliest."""
        with self._step_lock:
            wanted = self._scorer.wanted()
        return max(0, wanted - len(self._ring)) / self.model.front_end.rate_hz

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                heard = self.step()
            except TeachdeckError as error:
                with self._state_lock:
                    self._error = error
                return
            if not heard:
                self._stop.wait(_POLL_S)

    def _take_mode(self) -> None:
        with self._state_lock:
            mode, self._new_mode = self._new_mode, None
        if mode is not None:
            self._begin(mode, start=self._scorer.columns)

    def _begin(self, mode: Mode, *, start: int = 0) -> None:
        front_end = self.model.front_end
        self._mode = mode
        if start == 0:
            self._scorer = StreamScorer(self.model, browser_period=None)
        self._scorer.steps = isinstance(mode, SmoothMode)
        # Every column that may be decided at: silence moves them.
        self._scorer.browser_period = (
            mode.period(front_end.frames) if isinstance(mode, TfjsMode) else None
        )
        self._decider: SmoothDecider | TfjsDecider
        if isinstance(mode, SmoothMode):
            self._decider = SmoothDecider(mode, self.model.labels)
        else:
            self._scorer.restart_browser()
            self._decider = TfjsDecider(
                mode, self.model.labels, frames=front_end.frames, hop_s=front_end.hop_s
            )

    def _hear(self, samples: NDArray[np.float32]) -> None:
        started = time.perf_counter()
        block = self._scorer.push(samples)
        events, scores, smoothed = self._decide(block)
        peak = float(np.abs(samples).max())
        power = float(np.mean(np.square(samples, dtype=np.float64)))
        level_db = max(_LEAST_LEVEL_DB, 10 * float(np.log10(max(power, 1e-30))))
        with self._state_lock:
            self._samples += len(samples)
            self._columns.extend(block.columns.decibels)
            self._events.extend(events)
            self._event_count += len(events)
            if scores is not None and smoothed is not None:
                self._scores, self._smoothed = scores, smoothed
            self._peak, self._level_db = peak, level_db
            self._step_ms = 1000 * (time.perf_counter() - started)

    def _decide(
        self, block: ScoredBlock
    ) -> tuple[list[WordEvent], NDArray[np.float32] | None, NDArray[np.float32] | None]:
        hop_s = self.model.front_end.hop_s
        events: list[WordEvent | None] = []
        latest: NDArray[np.float32] | None = None
        if isinstance(self._decider, SmoothDecider):
            for column, scores in zip(block.step_columns, block.scores, strict=True):
                latest = scores
                events.append(self._decider.step(step_time_s(int(column), hop_s=hop_s), scores))
            return [event for event in events if event], latest, self._decider.smoothed
        for at in np.flatnonzero(~block.columns.silent).tolist():
            if self._decider.tick():
                latest = block.browser_scores[at]
                events.append(self._decider.decide(block.first_column + at, latest))
        return [event for event in events if event], latest, latest

    # Called by the page, or by anybody.

    @property
    def running(self) -> bool:
        """Whether the listening thread runs."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    @property
    def mode(self) -> Mode:
        """How words are decided."""
        with self._state_lock:
            return self._new_mode or self._mode

    def set_mode(self, mode: Mode) -> None:
        """Decide otherwise from the next piece of sound on."""
        with self._state_lock:
            self._new_mode = mode

    def events_since(self, count: int) -> tuple[int, tuple[WordEvent, ...]]:
        """Return how many events there were, and those after the first `count` of them.

        Cheaper than a snapshot, for whoever listens to every step.

        Parameters
        ----------
        count : int
            What the last call returned; 0 at first.

        Returns
        -------
        count : int
        events : tuple of WordEvent
            The oldest first; the latest 1,000 at most.
        """
        with self._state_lock:
            fresh = self._event_count - count
            return self._event_count, tuple(self._events)[-fresh:] if fresh > 0 else ()

    def latest(self) -> tuple[float, NDArray[np.float32]]:
        """Return the seconds listened to, and what `Snapshot` calls `smoothed`.

        Cheaper than a snapshot, for whoever looks several times a second.
        """
        with self._state_lock:
            return self._samples / self.model.front_end.rate_hz, self._smoothed

    def latest_columns(self, most: int) -> tuple[float, NDArray[np.float32]]:
        """Return the seconds listened to, and the latest columns of the spectrogram.

        Parameters
        ----------
        most : int
            Up to 10 s are kept.

        Returns
        -------
        time_s : float
        columns : ndarray of float32, shape (k, bins)
            In dB.
        """
        with self._state_lock:
            time_s = self._samples / self.model.front_end.rate_hz
            columns = list(islice(reversed(self._columns), most))[::-1]
        drawn = np.stack(columns) if columns else np.zeros((0, self.model.front_end.bins))
        return time_s, drawn.astype(np.float32, copy=False)

    def snapshot(self) -> Snapshot:
        """Return how listening stands."""
        rate_hz = self.model.front_end.rate_hz
        with self._state_lock:
            columns = list(self._columns)
            snapshot = Snapshot(
                running=False,
                time_s=self._samples / rate_hz,
                labels=self.model.labels,
                scores=self._scores,
                smoothed=self._smoothed,
                events=tuple(self._events),
                event_count=self._event_count,
                level_db=self._level_db,
                peak=self._peak,
                clipping=self._peak >= _CLIPPED,
                columns=np.zeros((0, self.model.front_end.bins), np.float32),
                lost_s=self._ring.lost / rate_hz,
                waiting_s=len(self._ring) / rate_hz,
                step_ms=self._step_ms,
                error=self._error,
            )
        drawn = np.stack(columns) if columns else snapshot.columns
        return replace(snapshot, running=self.running, columns=drawn)
