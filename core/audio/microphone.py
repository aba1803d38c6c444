"""One visitor's microphone: frames come in, the latest sound and the heard words stay.

Three kinds of threads meet in a `Microphone`; its methods are grouped by them.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from core.audio import PromptResampler, to_mono
from core.audio.recent import RecentSound
from core.errors import TeachdeckError

if TYPE_CHECKING:
    import av

__all__ = ["RATE_HZ", "Ear", "Heard", "MicStatus", "Microphone"]

RATE_HZ = 44_100
_KEPT_S = 30.0
# So much sound may wait; beyond that the listener could never catch up.
_MOST_WAITING_S = 2.0
# Of so many frames the arrival is known: five seconds of the shortest that browsers send.
_KEPT_ARRIVALS = 500
_KEPT_EVENTS = 1000
# Without a frame for so long the worker ends; the next frame starts another.
_IDLE_S = 5.0
_QUIET_S = 1.5
# Frames hold 10 to 60 ms, as the browser likes; those that complete a decision together cost less.
# Longest that they wait, for the level's sake and in case that none follow.
_TOGETHER_S = 0.2
_LEVEL_S = 0.1
_CLIPPED = 0.99
_CLIPPING_SHOWN_S = 1.0
_TONE_S = 0.5


class Ear(Protocol):
    """What turns sound into words: `core.speech` for speech, or anything else for a test."""

    def hear(self, samples: NDArray[np.float32]) -> list[tuple[str, float, float]]:
        """Take the next samples at 44.1 kHz; return (word, probability, time_s) of new events."""

    def wanted_s(self) -> float:
        """Return how many more seconds of sound may pass before `hear` is worth a call."""
        return _TOGETHER_S


@dataclass(frozen=True)
class Heard:
    """A word that was heard.

    Attributes
    ----------
    serial : int
        1, 2, 3 … for one microphone.
    word : str
    probability : float
    time_s : float
        On the microphone's clock: seconds of sound since the page was opened.
    at_s : float
        Wall clock, as ``time.time()``.
    latency_s : float
        From the arrival of the sound that decided it to the decision.
    """

    serial: int
    word: str
    probability: float
    time_s: float
    at_s: float
    latency_s: float


@dataclass(frozen=True)
class MicStatus:
    """How the microphone does now.

    Attributes
    ----------
    listening : bool
        Frames came a moment ago.
    time_s : float
    frames, dropped : int
        Received, and of these given up because the worker was late.
    rate_hz, channels : int
        Of the latest frame; 0 before the first.
    level_db : float or None
        Of the latest tenth of a second; None for digital silence.
    clipping : bool
    silent_s : float
        For how long the sound has been digital silence or nearly so.
    since_frame_s : float
        Since the latest frame; infinite before the first.
    waiting_s : float
        Sound that waits for the worker.
    work_s : float
        What the worker took for its latest step, recognition included.
    connections : int
        How often sound began to come.
    problem : str
        Why recognition stopped; empty while all is well.
    """

    listening: bool
    time_s: float
    frames: int
    dropped: int
    rate_hz: int
    channels: int
    level_db: float | None
    clipping: bool
    silent_s: float
    since_frame_s: float
    waiting_s: float
    work_s: float
    connections: int
    problem: str


class _Block(NamedTuple):
    """What one frame brought: interleaved samples, and when."""

    samples: NDArray[Any]
    channels: int
    rate_hz: int
    at_s: float
    # Seconds of sound that came until its end.
    until_s: float


class Microphone:
    """Sound from one connection after another; the log and the clock go on over all of them.

    Attributes
    ----------
    on_heard : callable or None
        Called by the worker after each word.
    forgotten : int
        How often the log was emptied.
    """

    def __init__(self) -> None:
        self.recent = RecentSound(_KEPT_S, rate_hz=RATE_HZ)
        self._waiting: deque[_Block] = deque()
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._worker: threading.Thread | None = None
        self._ended = False
        self._frames = self._dropped = self._connections = 0
        self._rate_hz = self._channels = 0
        self._frame_at = -math.inf
        self._came_s = 0.0
        # Of the worker.
        self._due_s = 0.0
        self._resampler: PromptResampler | None = None
        self._ear: Ear | None = None
        self._level_db: float | None = None
        self._clipped_at = -math.inf
        self._loud_at = time.monotonic()
        self._work_s = 0.0
        self._arrivals: deque[tuple[float, float]] = deque(maxlen=_KEPT_ARRIVALS)
        self._heard: deque[Heard] = deque(maxlen=_KEPT_EVENTS)
        self._serial = 0
        self._ear_base_s = 0.0
        self._fresh_connection = False
        self._problem = ""
        # Of the page.
        self.forgotten = 0
        self.on_heard: Callable[[], None] | None = None
        self.playing = self.connecting = self.failed = False
        self.playing_since = self.connecting_since = -math.inf

    # ---- called on the connection's event loop: microseconds, no waiting ----

    def receive(self, frame: av.AudioFrame) -> None:
        """Take a frame of the connection."""
        self.push(frame.to_ndarray(), len(frame.layout.channels), int(frame.sample_rate))

    def push(self, block: NDArray[Any], channels: int, rate_hz: int) -> None:
        """Take a block of samples, interleaved where there are several channels."""
        now = time.monotonic()
        if now - self._frame_at > _IDLE_S or self._ended:
            self._connections += 1
            self._fresh_connection = True
            self._ended = False
        self._frames += 1
        self._frame_at, self._rate_hz, self._channels = now, rate_hz, channels
        self._came_s += block.size / (channels * rate_hz)
        self._waiting.append(_Block(block, channels, rate_hz, now, self._came_s))
        with suppress(IndexError):  # the worker takes them at the same time
            while self._came_s - self._waiting[0].until_s > _MOST_WAITING_S:
                self._waiting.popleft()
                self._dropped += 1
        if self._came_s >= self._due_s:
            self._wake.set()
        if self._worker is None:
            self._start()

    def ended(self) -> None:
        """Note that the connection is over; the worker finishes what waits and ends."""
        self._ended = True
        self._wake.set()

    def _start(self) -> None:
        with self._lock:
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="microphone", daemon=True)
                self._worker.start()

    # ---- the worker's thread ----

    def _work(self) -> None:
        busy_at = time.monotonic()
        while True:
            woken = self._wake.wait(min(_TOGETHER_S, _IDLE_S))
            self._wake.clear()
            enough = self._came_s >= self._due_s or self._ended or not woken
            if self._waiting and enough:
                self._step()
                busy_at = time.monotonic()
            idle = time.monotonic() - busy_at >= _IDLE_S
            with self._lock:
                # Whoever pushes after this starts a new worker; nothing is left lying.
                if not self._waiting and (self._ended or idle):
                    self._worker = None
                    return

    def _step(self) -> None:
        began = time.monotonic()
        blocks = [self._waiting.popleft()]
        with suppress(IndexError):
            while True:
                blocks.append(self._waiting.popleft())
        samples, came_s = self._converted(blocks), blocks[-1].until_s
        time_s = self.recent.time_s + len(samples) / RATE_HZ
        self._arrivals.extend((time_s - (came_s - one.until_s), one.at_s) for one in blocks)
        self.feed(samples)
        ear = self._ear
        wanted_s = _TOGETHER_S if ear is None else min(_TOGETHER_S, ear.wanted_s())
        self._due_s = came_s + wanted_s
        self._work_s = time.monotonic() - began

    def _converted(self, blocks: list[_Block]) -> NDArray[np.float32]:
        """Return the sound of one channel at 44.1 kHz; blocks of one kind are taken together."""
        parts = []
        for kind, alike in groupby(blocks, attrgetter("rate_hz", "channels", "samples.dtype")):
            rate_hz, channels, _ = kind
            resampler = None if self._fresh_connection else self._resampler
            if resampler is None or resampler.from_hz != rate_hz:
                resampler = self._resampler = PromptResampler(rate_hz, RATE_HZ)
                self._fresh_connection = False
            together = np.concatenate([one.samples.reshape(-1) for one in alike])
            parts.append(resampler.push(to_mono(together, channels=channels)))
        return np.concatenate(parts)

    def feed(self, samples: NDArray[np.float32]) -> None:
        """Take samples of one channel at 44.1 kHz: where a recording enters the same pipe."""
        self.recent.push(samples)
        self._measure(samples)
        ear = self._ear
        if ear is None or not len(samples):
            return
        try:
            events = ear.hear(samples)
        except TeachdeckError as error:
            self._ear, self._problem = None, str(error)
            return
        except Exception:
            logging.getLogger(__name__).exception("recognition failed")
            self._ear, self._problem = None, "?"
            return
        for word, probability, time_s in events:
            self._note(word, probability, self._ear_base_s + time_s)

    def _note(self, word: str, probability: float, time_s: float) -> None:
        arrived = next((at for until_s, at in self._arrivals if until_s >= time_s), None)
        latency_s = 0.0 if arrived is None else time.monotonic() - arrived
        self._serial += 1
        heard = Heard(self._serial, word, probability, time_s, time.time(), latency_s)
        self._heard.append(heard)
        if self.on_heard is not None:
            self.on_heard()

    def _measure(self, samples: NDArray[np.float32]) -> None:
        now = time.monotonic()
        latest = self.recent.latest(_LEVEL_S)
        power = float(np.square(latest, dtype=np.float64).mean()) if len(latest) else 0.0
        self._level_db = 10 * math.log10(power) if power > 1e-12 else None
        if self._level_db is not None and self._level_db > -75:
            self._loud_at = now
        if len(samples) and float(np.abs(samples).max()) >= _CLIPPED:
            self._clipped_at = now

    # ---- the page's thread ----

    def note_connection(self, *, playing: bool, connecting: bool) -> None:
        """Take the state of the connection as the page sees it."""
        now = time.monotonic()
        if playing and not self.playing:
            self.playing_since = now
        if connecting and not self.connecting:
            self.connecting_since = now
        if playing or connecting:
            self.failed = False
        elif self.connecting:
            # It was being made, and then there was none. One that was soon ended was one.
            self.failed = self._frame_at < self.connecting_since
        self.playing, self.connecting = playing, connecting

    def listen(self, ear: Ear | None) -> None:
        """Let another ear listen from now on; None only records."""
        self._ear_base_s = self.recent.time_s
        self._ear, self._problem = ear, ""

    @property
    def time_s(self) -> float:
        """Seconds of sound since the page was opened."""
        return self.recent.time_s

    @property
    def listening(self) -> bool:
        """Whether frames came a moment ago."""
        return not self._ended and time.monotonic() - self._frame_at < _QUIET_S

    def between(self, start_s: float, end_s: float) -> NDArray[np.float32]:
        """Return the sound between two times of the clock, 44.1 kHz, as far as it is there."""
        return self.recent.between(start_s, end_s)

    def heard(self, *, after: int = 0) -> list[Heard]:
        """Return the words that were heard after an event's serial number, oldest first."""
        return [event for event in list(self._heard) if event.serial > after]

    def latest(self) -> Heard | None:
        """Return the word that was heard last."""
        try:
            return self._heard[-1]
        except IndexError:
            return None

    def time_at(self, at_s: float) -> float:
        """Return which second of the sound arrived at a time of the machine's clock.

        Parameters
        ----------
        at_s : float
            As ``time.time()``, of the latest seconds.

        Returns
        -------
        float
            By the frames that came with the least delay; the latest time without any.
        """
        arrivals = list(self._arrivals)
        if not arrivals:
            return self.time_s
        ago_s = time.time() - at_s
        now = time.monotonic()
        return max(until_s + now - arrived for until_s, arrived in arrivals) - ago_s

    def forget(self, *, sound: bool = False) -> None:
        """Empty the log, and what is kept of the sound if wanted."""
        self._heard.clear()
        self.forgotten += 1
        if sound:
            self.recent.forget()

    def status(self) -> MicStatus:
        """Return how the microphone does now."""
        now = time.monotonic()
        waiting = list(self._waiting)
        return MicStatus(
            listening=self.listening,
            time_s=self.time_s,
            frames=self._frames,
            dropped=self._dropped,
            rate_hz=self._rate_hz,
            channels=self._channels,
            level_db=self._level_db if self.listening else None,
            clipping=now - self._clipped_at < _CLIPPING_SHOWN_S,
            silent_s=now - self._loud_at,
            since_frame_s=now - self._frame_at,
            waiting_s=now - waiting[0].at_s if waiting else 0.0,
            work_s=self._work_s,
            connections=self._connections,
            problem=self._problem,
        )

    def tone_hz(self) -> float:
        """Return the strongest frequency of the latest half second; 0 without sound."""
        samples = self.recent.latest(_TONE_S)
        if len(samples) < RATE_HZ * _TONE_S or not samples.any():
            return 0.0
        spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
        return float(spectrum[1:].argmax() + 1) * RATE_HZ / len(samples)
