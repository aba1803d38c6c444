"""FLAC files that we write come back sample for sample."""

from __future__ import annotations

import numpy as np
import pytest

from core.audio import decode_audio
from core.audio.flac import encode_flac
from core.errors import AudioError


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 48_000])
def test_what_was_written_comes_back(rate_hz: int) -> None:
    rng = np.random.default_rng(1)
    samples = rng.uniform(-1.2, 1.2, rate_hz + 17)
    decoded = decode_audio(encode_flac(samples, rate_hz), rate_hz=rate_hz)
    assert decoded.source_rate_hz == rate_hz
    assert len(decoded.samples) == len(samples)
    np.testing.assert_allclose(decoded.samples, np.clip(samples, -1, 1), atol=6e-5)


@pytest.mark.parametrize(
    "samples",
    [np.zeros((2, 5)), np.zeros(5, np.int16), np.array([0.0, np.nan]), np.zeros(0)],
)
def test_what_is_not_one_channel_of_numbers_is_refused(samples: np.ndarray) -> None:
    with pytest.raises(AudioError):
        encode_flac(samples, 16_000)
