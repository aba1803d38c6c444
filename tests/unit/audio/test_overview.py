"""What a recording looks like as a whole."""

from __future__ import annotations

import numpy as np
import pytest

from core.audio import BrowserFft
from core.audio.overview import OverviewBuilder, SoundOverview

RATE_HZ = 44_100


def overview_of(samples: np.ndarray, *, block: int = 10_007) -> SoundOverview:
    builder = OverviewBuilder()
    for at in range(0, len(samples), block):
        builder.push(samples[at : at + block])
    return builder.finish()


def tone(seconds: float, hz: float) -> np.ndarray:
    at = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (0.5 * np.sin(2 * np.pi * hz * at)).astype(np.float32)


def test_a_short_clip_has_a_bin_for_each_column() -> None:
    overview = overview_of(tone(1.0, 440))
    assert len(overview) == 44  # 43 whole hops and a rest
    assert overview.duration_s == pytest.approx(1.0)
    assert overview.high[:43] == pytest.approx(0.5, abs=0.01)
    assert overview.low[:43] == pytest.approx(-0.5, abs=0.01)


def test_the_loudest_band_is_where_the_tone_is() -> None:
    overview = overview_of(tone(1.0, 2000))
    loudest = int(overview.decibels[20].argmax())
    assert loudest * overview.band_hz <= 2000 <= (loudest + 1) * overview.band_hz


def test_a_click_stays_at_its_place_however_long_the_recording_is() -> None:
    seconds = 300
    samples = np.zeros(seconds * RATE_HZ, np.float32)
    samples[200 * RATE_HZ] = 0.9
    overview = overview_of(samples, block=44_100)
    assert 1024 <= len(overview) <= 2049
    loudest = int(overview.high.argmax())
    assert overview.high[loudest] == pytest.approx(0.9)
    assert abs(overview.time_s[loudest] - 200) <= overview.bin_s
    assert len(overview) * overview.bin_s == pytest.approx(seconds, abs=overview.bin_s)


@pytest.mark.parametrize("block", [1, 1023, 44_100, 10_000_000])
def test_it_does_not_matter_how_the_sound_is_cut(block: int) -> None:
    samples = tone(0.3 if block == 1 else 60, 700)
    expected = overview_of(samples, block=4096)
    found = overview_of(samples, block=block)
    np.testing.assert_array_equal(found.low, expected.low)
    np.testing.assert_allclose(found.decibels, expected.decibels, atol=1e-3)


def test_memory_does_not_grow_with_the_length() -> None:
    builder = OverviewBuilder(BrowserFft())
    second = tone(1.0, 300)
    for _ in range(120):
        builder.push(second)
    kept = sum(value.nbytes for value in vars(builder).values() if isinstance(value, np.ndarray))
    assert kept < 2_000_000


def test_nothing_gives_an_empty_overview() -> None:
    overview = OverviewBuilder().finish()
    assert len(overview) == 0
    assert overview.duration_s == 0
