"""Sound files made to break a reader: a sentence or what could be heard, in bounded memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from core.audio import decode_audio, encode_wav, open_audio
from core.errors import AudioError
from core.speech import read_speech_model, score_sound
from tests.sound_files import sound_file
from tests.speech_kit import babble, model_files


@pytest.mark.parametrize("name", ["wav", "wavfloat", "flac", "mp3", "m4a", "webm", "opus", "ogg"])
def test_flipped_bytes_end_in_sound_or_in_a_sentence(name: str) -> None:
    content = sound_file(babble(0.5), name, rate_hz=48_000)
    rng = np.random.default_rng(0)
    for number in range(25):
        damaged = bytearray(content)
        # Headers first: there the lies are.
        reach = 200 if number % 2 else len(damaged)
        for at in rng.integers(0, min(reach, len(damaged)), 8):
            damaged[at] = rng.integers(0, 256)
        try:
            decoded = decode_audio(bytes(damaged), max_s=60)
        except AudioError:
            continue
        assert np.isfinite(decoded.samples).all()


def test_a_header_that_claims_hours_takes_no_memory() -> None:
    content = bytearray(encode_wav(babble(1)))
    content[4:8] = (2**31 - 100).to_bytes(4, "little")
    content[40:44] = (2**31 - 200).to_bytes(4, "little")
    tracemalloc.start()
    try:
        decoded = decode_audio(bytes(content))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert decoded.duration_s == pytest.approx(1, abs=0.01)
    assert peak_bytes < 5_000_000


def test_a_long_file_streams_in_constant_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    path.write_bytes(sound_file(np.tile(babble(5), 60), "flac"))
    model = read_speech_model(model_files())
    peaks = []
    for seconds in (20, 290):
        tracemalloc.start()
        try:
            with open_audio(path) as stream:
                for number, block in enumerate(stream):
                    assert len(block) < 2 * 44_100
                    if number >= seconds:
                        break
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        peaks.append(peak_bytes)
    assert peaks[1] < 1.2 * peaks[0] + 200_000
    track = score_sound(model, path, browser_period=None).track
    # What is kept of an hour are its scores: under a megabyte for six labels.
    assert track.scores.nbytes < 300 * 10 * 6 * 4 + 1_000


def test_a_playlist_cannot_open_other_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_bytes(encode_wav(babble(1)))
    for content in (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{secret}'\n",
        f'<?xml version="1.0"?><MPD><Period><BaseURL>{secret}</BaseURL></Period></MPD>',
    ):
        for name in ("a.m3u8", "a.wav"):
            path = tmp_path / name
            path.write_text(content)
            with pytest.raises(AudioError):
                decode_audio(path)
