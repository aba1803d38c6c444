"""The parts between a microphone and the front end: mixing, resampling, waiting, cutting."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from core.audio import PromptResampler, Resampler, RingBuffer, fit_clip, to_mono
from core.errors import AudioError


def test_whole_numbers_are_scaled_by_their_type() -> None:
    assert to_mono(np.array([-32768, 16384], np.int16)).tolist() == [-1.0, 0.5]
    assert to_mono(np.array([-(2**31), 2**30], np.int32)).tolist() == [-1.0, 0.5]
    assert to_mono(np.array([0, 128, 192], np.uint8)).tolist() == [-1.0, 0.0, 0.5]
    assert to_mono(np.array([-1.5, 0.5])).tolist() == [-1.5, 0.5]


def test_channels_are_averaged_however_they_lie() -> None:
    left, right = np.array([0.25, 0.5], np.float32), np.array([0.75, -0.5], np.float32)
    planar = np.stack([left, right])
    for block, layout in ((planar, "planar"), (planar.T.reshape(1, -1), "interleaved")):
        assert to_mono(block, channels=2, layout=layout).tolist() == [0.5, 0.0]


@pytest.mark.parametrize(
    ("block", "channels"),
    [(np.zeros(3, np.int16), 2), (np.zeros(4, complex), 1), (np.zeros(4, np.int16), 0)],
)
def test_blocks_that_do_not_fit_are_refused(block: np.ndarray, channels: int) -> None:
    with pytest.raises(AudioError) as caught:
        to_mono(block, channels=channels)
    assert caught.value.code == "audio.block"


@pytest.mark.parametrize("from_hz", [8_000, 16_000, 44_100, 48_000, 192_000])
def test_resampling_in_blocks_is_resampling_at_once(from_hz: int) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, from_hz).astype(np.float32)
    whole = Resampler(from_hz)
    expected = np.concatenate([whole.push(samples), whole.flush()])
    cut = Resampler(from_hz)
    edges = np.cumsum(np.random.default_rng(1).integers(1, 3_000, 500))
    parts = [cut.push(part) for part in np.split(samples, edges[edges < from_hz])]
    np.testing.assert_array_equal(np.concatenate([*parts, cut.flush()]), expected)
    assert len(expected) == pytest.approx(44_100, abs=1)


def test_what_the_new_rate_cannot_carry_is_filtered_out() -> None:
    time_s = np.arange(96_000) / 96_000
    resampler = Resampler(96_000)
    high = resampler.push(np.sin(2 * np.pi * 30_000 * time_s).astype(np.float32))
    assert np.abs(high[1_000:-1_000]).max() < 1e-4


@pytest.mark.parametrize("made", [Resampler, PromptResampler])
@pytest.mark.parametrize("rate_hz", [0, -1, 999, 10_000_000])
def test_absurd_rates_are_refused(
    rate_hz: int, made: type[Resampler] | type[PromptResampler]
) -> None:
    with pytest.raises(AudioError) as caught:
        made(rate_hz)
    assert caught.value.code == "audio.rate"


@pytest.mark.parametrize("from_hz", [16_000, 44_100, 48_000, 96_000])
def test_the_prompt_resampler_is_as_good_where_words_are_and_keeps_nothing_back(
    from_hz: int,
) -> None:
    time_s = np.arange(from_hz) / from_hz
    wanted_hz = (100, 440, 3000, min(7000, 0.3 * from_hz))
    tones = sum(0.1 * np.sin(2 * np.pi * hz * time_s) for hz in wanted_hz)
    samples = np.asarray(tones, np.float32)
    prompt, usual = PromptResampler(from_hz), Resampler(from_hz)
    edges = np.cumsum(np.random.default_rng(1).integers(1, 5_000, 200))
    parts = [prompt.push(part) for part in np.split(samples, edges[edges < from_hz])]
    heard, expected = np.concatenate(parts), np.concatenate([usual.push(samples), usual.flush()])
    # Less than a millisecond and a half waits, where the other keeps up to twenty.
    assert 44_100 - 66 <= len(heard) <= 44_100
    # 80 dB below the tones, but for where they begin and end.
    assert np.abs(heard - expected[: len(heard)])[500:-500].max() < 3e-5


def test_a_ring_gives_back_what_was_pushed_in_order() -> None:
    ring = RingBuffer(100)
    rng = np.random.default_rng(0)
    pushed, taken = [], []
    counter = 0
    for _ in range(300):
        block = np.arange(counter, counter + rng.integers(0, 40), dtype=np.float32)
        counter += len(block)
        ring.push(block)
        pushed.append(block)
        taken.append(ring.take(int(rng.integers(30, 60))))
        assert len(ring) <= 100
    taken.append(ring.take())
    assert ring.lost == 0
    np.testing.assert_array_equal(np.concatenate(taken), np.concatenate(pushed))


def test_a_full_ring_drops_the_oldest_and_counts_them() -> None:
    ring = RingBuffer(10)
    ring.push(np.arange(8, dtype=np.float32))
    ring.push(np.arange(8, 13, dtype=np.float32))
    assert ring.lost == 3
    assert ring.take().tolist() == list(range(3, 13))
    ring.push(np.arange(25, dtype=np.float32))
    assert ring.lost == 18
    assert ring.take(4).tolist() == [15, 16, 17, 18]
    assert ring.take().tolist() == [19, 20, 21, 22, 23, 24]


def test_a_ring_serves_two_threads() -> None:
    ring = RingBuffer(1 << 20)
    blocks = [np.full(100, number, np.float32) for number in range(2_000)]
    thread = threading.Thread(target=lambda: [ring.push(block) for block in blocks])
    thread.start()
    taken = []
    while thread.is_alive() or len(ring):
        taken.append(ring.take())
    thread.join()
    np.testing.assert_array_equal(np.concatenate(taken), np.concatenate(blocks))


def test_a_short_clip_is_set_in_the_middle_and_of_a_long_one_the_loudest_is_taken() -> None:
    assert fit_clip(np.ones(3, np.float32), 6).tolist() == [0, 1, 1, 1, 0, 0]
    long = np.zeros(50, np.float32)
    long[30:35] = 1
    assert fit_clip(long, 5).tolist() == [1] * 5
    assert len(fit_clip(np.zeros(0, np.float32), 5)) == 5
    assert fit_clip(np.zeros(9, np.float32), 5).tolist() == [0] * 5
