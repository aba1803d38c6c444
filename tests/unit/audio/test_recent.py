"""The latest seconds of live sound."""

from __future__ import annotations

import threading

import numpy as np

from core.audio.recent import RecentSound


def counting(start: int, count: int) -> np.ndarray:
    return np.arange(start, start + count, dtype=np.float32)


def test_what_was_heard_is_found_by_its_time() -> None:
    sound = RecentSound(2.0, rate_hz=1000)
    for at in range(0, 1500, 100):
        sound.push(counting(at, 100))
    assert sound.time_s == 1.5
    np.testing.assert_array_equal(sound.between(0.4, 0.7), counting(400, 300))
    np.testing.assert_array_equal(sound.latest(0.25), counting(1250, 250))


def test_the_oldest_gives_way_and_the_clock_goes_on() -> None:
    sound = RecentSound(1.0, rate_hz=1000)
    for at in range(0, 3700, 37):
        sound.push(counting(at, 37))
    assert sound.time_s == 3.7
    np.testing.assert_array_equal(sound.latest(5), counting(2700, 1000))
    np.testing.assert_array_equal(sound.between(1.0, 2.8), counting(2700, 100))
    assert len(sound.between(0.0, 1.0)) == 0


def test_what_has_not_come_yet_is_left_out() -> None:
    sound = RecentSound(1.0, rate_hz=1000)
    sound.push(counting(0, 500))
    np.testing.assert_array_equal(sound.between(0.4, 1.4), counting(400, 100))
    assert len(sound.between(0.6, 0.9)) == 0


def test_a_block_longer_than_what_is_kept_leaves_its_end() -> None:
    sound = RecentSound(1.0, rate_hz=1000)
    sound.push(counting(0, 300))
    sound.push(counting(300, 2400))
    np.testing.assert_array_equal(sound.latest(1), counting(1700, 1000))


def test_one_thread_may_write_while_another_reads() -> None:
    sound = RecentSound(0.5, rate_hz=1000)

    def write() -> None:
        for at in range(0, 200_000, 10):
            sound.push(counting(at, 10))

    writer = threading.Thread(target=write)
    writer.start()
    torn = 0
    while writer.is_alive():
        seen = sound.latest(0.2)
        torn += int(len(seen) > 1 and not (np.diff(seen) == 1).all())
    writer.join()
    assert torn == 0
