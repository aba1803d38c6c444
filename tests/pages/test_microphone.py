"""The microphone's frames, clock, log and threads, without a browser."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from core.audio import microphone as module
from core.audio.microphone import RATE_HZ, Ear, Microphone
from core.errors import AudioError


def until(true: Callable[[], bool], *, seconds: float = 10.0) -> None:
    end_s = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end_s, "it did not happen in time"
        time.sleep(0.005)


def stereo_frames(samples: np.ndarray) -> list[np.ndarray]:
    """Cut sound as the connection delivers it: (1, 1920) interleaved int16 of 20 ms at 48 kHz."""
    whole = np.round(32767 * samples[: len(samples) // 960 * 960]).astype(np.int16)
    return [np.repeat(frame, 2)[np.newaxis] for frame in whole.reshape(-1, 960)]


def tone(seconds: float, hz: float, rate_hz: int = 48_000) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)


class Clicks(Ear):
    """An ear that reports each sample above 0.9."""

    def __init__(self) -> None:
        self.count = 0

    def hear(self, samples: np.ndarray) -> list[tuple[str, float, float]]:
        found = [
            ("click", 1.0, (self.count + place) / RATE_HZ)
            for place in np.flatnonzero(samples > 0.9)
        ]
        self.count += len(samples)
        return found


class Kept(Ear):
    """An ear that keeps what it hears."""

    def __init__(self) -> None:
        self.parts: list[np.ndarray] = []

    def hear(self, samples: np.ndarray) -> list[tuple[str, float, float]]:
        self.parts.append(samples)
        return []

    @property
    def time_s(self) -> float:
        return sum(map(len, self.parts)) / RATE_HZ


def test_interleaved_stereo_is_heard_as_one_channel_at_its_pitch() -> None:
    mic = Microphone()
    for frame in stereo_frames(tone(1.5, 440)):
        mic.push(frame, 2, 48_000)
    until(lambda: mic.time_s > 1.4)
    assert mic.status().frames == 75
    assert mic.tone_hz() == pytest.approx(440, abs=2)
    assert mic.time_s == pytest.approx(1.5, abs=0.02)
    assert mic.status().level_db == pytest.approx(20 * np.log10(0.3 / 2**0.5), abs=0.2)
    mic.ended()


@pytest.mark.parametrize("lengths", [[480], [1920], [2880], [960, 2880, 120, 1920, 480]])
def test_frames_of_any_length_are_the_same_sound(lengths: list[int]) -> None:
    mic = Microphone()
    mic.listen(ear := Kept())
    sound, at, count = np.round(32767 * tone(1.5, 440)).astype(np.int16), 0, 0
    while at < len(sound):
        part = sound[at : at + lengths[count % len(lengths)]]
        mic.push(np.repeat(part, 2)[np.newaxis], 2, 48_000)
        at, count = at + len(part), count + 1
    until(lambda: ear.time_s > 1.49)
    assert mic.status().frames == count
    assert mic.status().dropped == 0
    heard = np.concatenate(ear.parts)
    # Not a sample is missing or doubled between two frames: it goes on being this very tone.
    np.testing.assert_allclose(heard[500:], tone(1.5, 440, RATE_HZ)[500 : len(heard)], atol=1e-4)
    mic.ended()


def test_a_word_is_timed_by_the_frame_that_holds_it() -> None:
    mic = Microphone()
    mic.listen(Clicks())
    frame = np.zeros((1, 2 * 1920), np.int16)
    for _ in range(3):
        mic.push(frame, 2, 48_000)
    until(lambda: mic.time_s > 0.1)
    time.sleep(0.3)
    frame[0, 2000:2010] = 32767
    mic.push(frame, 2, 48_000)
    until(lambda: len(mic.heard()) > 0)
    heard = mic.heard()[0]
    assert heard.time_s == pytest.approx(0.12 + 1000 / 48_000, abs=0.002)
    # Counted from the frame before it, it would be 0.3 s more than what has passed.
    assert heard.latency_s < mic.status().since_frame_s + 0.01
    mic.ended()


def test_a_browser_may_change_the_rate_in_mid_sound() -> None:
    mic = Microphone()
    mic.listen(ear := Kept())
    for rate_hz, channels in ((48_000, 2), (8_000, 1), (48_000, 1)):
        part = np.round(32767 * tone(0.1, 440, rate_hz)).astype(np.int16)
        mic.push(np.repeat(part, channels)[np.newaxis], channels, rate_hz)
    until(lambda: ear.time_s > 0.28)
    assert ear.time_s == pytest.approx(0.3, abs=0.01)
    mic.ended()


def test_mono_at_eight_kilohertz_is_heard_too() -> None:
    mic = Microphone()
    samples = np.round(32767 * tone(1.5, 440, 8000)).astype(np.int16)
    for frame in samples.reshape(-1, 160):
        mic.push(frame[np.newaxis], 1, 8000)
    until(lambda: mic.time_s > 1.4)
    assert mic.tone_hz() == pytest.approx(440, abs=2)
    mic.ended()


def test_taking_a_frame_is_quick_and_never_waits_for_recognition() -> None:
    class Slow(Ear):
        def hear(self, samples: np.ndarray) -> list[tuple[str, float, float]]:
            time.sleep(0.5)
            return []

    mic = Microphone()
    mic.listen(Slow())
    frames = stereo_frames(tone(1.0, 440))
    mic.push(frames[0], 2, 48_000)  # starts the worker
    began = time.monotonic()
    for frame in frames[1:]:
        mic.push(frame, 2, 48_000)
    assert time.monotonic() - began < 0.4
    mic.ended()


@pytest.mark.parametrize("frame_ms", [10, 20, 40, 60])
def test_frames_that_nobody_can_keep_up_with_are_dropped_and_counted(frame_ms: int) -> None:
    started, go = threading.Event(), threading.Event()

    class Stuck(Ear):
        def hear(self, samples: np.ndarray) -> list[tuple[str, float, float]]:
            started.set()
            go.wait(10)
            return []

    mic = Microphone()
    mic.listen(Stuck())
    frame = np.zeros((1, 2 * 48 * frame_ms), np.int16)
    mic.push(frame, 2, 48_000)
    assert started.wait(10)
    for _ in range(round(1000 * module._MOST_WAITING_S / frame_ms) + 30):
        mic.push(frame, 2, 48_000)
    # What waits is counted from the end of the oldest frame.
    assert mic.status().dropped == pytest.approx(30, abs=1)
    go.set()
    mic.ended()


def test_words_are_logged_with_their_time_on_the_clock_and_their_latency() -> None:
    mic = Microphone()
    mic.feed(np.zeros(RATE_HZ, np.float32))
    mic.listen(Clicks())
    samples = np.zeros(RATE_HZ, np.float32)
    samples[22_050] = 1.0
    mic.feed(samples)
    (heard,) = mic.heard()
    assert heard.word == "click"
    assert heard.time_s == pytest.approx(1.5, abs=0.001)
    assert heard.serial == 1
    assert mic.heard(after=1) == []


def test_the_log_and_the_clock_go_on_over_a_new_connection() -> None:
    mic = Microphone()
    mic.listen(Clicks())
    click = np.zeros((1, 1920), np.int16)
    click[0, 960:970] = 32767
    for _ in range(3):
        mic.push(click, 2, 48_000)
        mic.push(np.zeros((1, 1920), np.int16), 2, 48_000)
        mic.ended()
        until(lambda: mic._worker is None)
    assert mic.status().connections == 3
    serials = [heard.serial for heard in mic.heard()]
    assert serials == sorted(set(serials))
    times = [heard.time_s for heard in mic.heard()]
    assert times == sorted(times)
    assert times[-1] > 0.06


def test_the_worker_ends_with_the_connection() -> None:
    mic = Microphone()
    for frame in stereo_frames(tone(0.2, 440)):
        mic.push(frame, 2, 48_000)
    worker = mic._worker
    assert worker is not None
    mic.ended()
    worker.join(5)
    assert not worker.is_alive()
    assert not mic.listening


def test_the_worker_ends_when_the_connection_dies_without_a_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_IDLE_S", 0.2)
    mic = Microphone()
    frames = stereo_frames(tone(0.2, 440))
    mic.push(frames[0], 2, 48_000)
    worker = mic._worker
    assert worker is not None
    worker.join(5)
    assert not worker.is_alive()
    mic.push(frames[1], 2, 48_000)  # the tab wakes up again
    until(lambda: mic.time_s > 0.03)
    mic.ended()


def test_a_hundred_connections_leave_no_thread() -> None:
    mic = Microphone()
    frame = stereo_frames(tone(0.02, 440))[0]
    before = threading.active_count()
    for _ in range(100):
        mic.push(frame, 2, 48_000)
        mic.ended()
    # Threads of tests before this one may still be ending.
    until(lambda: threading.active_count() <= before)


def test_an_ear_that_fails_is_taken_away_and_says_why() -> None:
    class Broken(Ear):
        def hear(self, samples: np.ndarray) -> list[tuple[str, float, float]]:
            raise AudioError("audio.empty")

    mic = Microphone()
    mic.listen(Broken())
    mic.feed(np.zeros(100, np.float32))
    mic.feed(np.zeros(100, np.float32))
    assert mic.status().problem == str(AudioError("audio.empty"))
    assert mic.time_s == pytest.approx(200 / RATE_HZ)


def test_digital_silence_is_told_from_a_quiet_room() -> None:
    mic = Microphone()
    mic.feed(np.zeros(RATE_HZ, np.float32))
    assert mic._level_db is None
    mic.feed(np.full(RATE_HZ, 1e-3, np.float32))
    assert mic._level_db == pytest.approx(-60, abs=0.1)


def test_frames_wait_for_the_next_decision_and_no_longer() -> None:
    class Patient(Ear):
        """Wants a twentieth of a second each time."""

        def __init__(self) -> None:
            self.lengths: list[int] = []

        def hear(self, samples: np.ndarray) -> list[tuple[str, float, float]]:
            self.lengths.append(len(samples))
            return []

        def wanted_s(self) -> float:
            return 0.05

    mic, ear = Microphone(), Patient()
    mic.listen(ear)
    frames = stereo_frames(tone(0.2, 440))
    mic.push(frames[0], 2, 48_000)
    until(lambda: len(ear.lengths) == 1)  # the first waits for nothing that is not there
    # Three frames hold the twentieth of a second; the fourth comes alone, and is heard all the
    # same when nothing follows.
    for frame in frames[1:5]:
        mic.push(frame, 2, 48_000)
    until(lambda: not mic.status().waiting_s)
    assert len(ear.lengths) <= 3
    mic.ended()
