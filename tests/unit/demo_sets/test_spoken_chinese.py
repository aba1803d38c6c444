"""The spoken demo set is small, varied and playable."""

from __future__ import annotations

import io
import zipfile

import numpy as np

from core.audio import decode_audio
from models.training.spoken_chinese import NOISES, RATE_HZ, TAKES_A_VOICE, TARGET, VOICES, WORDS


def test_the_set_holds_a_second_for_each_take_of_each_voice() -> None:
    assert TARGET.stat().st_size < 1_000_000
    with zipfile.ZipFile(io.BytesIO(TARGET.read_bytes())) as archive:
        sounds = {name: archive.read(name) for name in archive.namelist()}
    counts: dict[str, int] = {}
    digests = set()
    for name, content in sounds.items():
        label = name.partition("/")[0]
        counts[label] = counts.get(label, 0) + 1
        decoded = decode_audio(content, rate_hz=RATE_HZ)
        assert (decoded.source_rate_hz, len(decoded.samples)) == (RATE_HZ, RATE_HZ)
        peak = float(np.abs(decoded.samples).max())
        assert (0.2 if label in WORDS else 0.0002) < peak < 0.99
        digests.add(decoded.samples.tobytes())
    takes = TAKES_A_VOICE * len(VOICES)
    assert counts == {**dict.fromkeys(WORDS, takes), "_background_noise_": NOISES}
    assert len(digests) == len(sounds)
