"""Sound files of every kind become samples of one channel, or a sentence."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.audio import decode_audio, encode_wav, open_audio
from core.errors import AudioError
from tests.sound_files import FORMATS, sound_file

TONE_HZ = 440.0


def tone(rate_hz: int = 48_000, seconds: float = 1.0) -> NDArray[np.float32]:
    time_s = np.arange(int(seconds * rate_hz)) / rate_hz
    return (0.3 * np.sin(2 * np.pi * TONE_HZ * time_s)).astype(np.float32)


def strongest_hz(samples: NDArray[np.float32]) -> float:
    middle = samples[8_820:-8_820]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 20))
    return float(spectrum.argmax()) * 44_100 / (1 << 20)


@pytest.mark.parametrize("name", [*FORMATS, "ogg"])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_format_keeps_pitch_and_length(name: str, channels: int) -> None:
    decoded = decode_audio(sound_file(tone(), name, rate_hz=48_000, channels=channels))
    assert (decoded.source_rate_hz, decoded.source_channels) == (48_000, channels)
    assert decoded.duration_s == pytest.approx(1, abs=0.05)
    assert strongest_hz(decoded.samples) == pytest.approx(TONE_HZ, abs=0.5)
    assert np.abs(decoded.samples[8_820:-8_820]).max() == pytest.approx(0.3, abs=0.13)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 22_050, 44_100, 96_000, 192_000])
def test_every_rate_is_resampled(rate_hz: int) -> None:
    decoded = decode_audio(sound_file(tone(rate_hz), rate_hz=rate_hz))
    assert len(decoded.samples) == pytest.approx(44_100, abs=2)
    assert strongest_hz(decoded.samples) == pytest.approx(TONE_HZ, abs=0.5)
    assert decoded.samples[8_820:-8_820].std() == pytest.approx(0.3 / np.sqrt(2), abs=0.001)


@pytest.mark.parametrize("channels", [6, 8])
def test_surround_sound_is_mixed(channels: int) -> None:
    decoded = decode_audio(sound_file(tone(), rate_hz=48_000, channels=channels))
    assert decoded.source_channels == channels
    assert np.abs(decoded.samples).max() == pytest.approx(0.3, abs=0.001)


def test_of_a_video_the_sound_is_taken() -> None:
    decoded = decode_audio(sound_file(tone(), "m4a", rate_hz=48_000, video=True))
    assert strongest_hz(decoded.samples) == pytest.approx(TONE_HZ, abs=0.5)


def test_a_path_and_an_open_file_are_read_too(tmp_path: Path) -> None:
    content = sound_file(tone(), rate_hz=48_000)
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    expected = decode_audio(content).samples
    np.testing.assert_array_equal(decode_audio(path).samples, expected)
    np.testing.assert_array_equal(decode_audio(io.BytesIO(content)).samples, expected)


def test_real_recordings_are_read(shared_data: Path) -> None:
    for path in ("words/up/004ae714_nohash_0.flac", "digits_8k", "mandarin/hsk_YueTan"):
        found = shared_data / "speech" / path
        file = next(entry for entry in [found, *sorted(found.rglob("*"))] if entry.is_file())
        if file.suffix in (".flac", ".mp3"):
            assert len(decode_audio(file).samples) > 4_000


def test_a_written_wav_is_read_back() -> None:
    samples = tone(44_100)
    back = decode_audio(encode_wav(samples)).samples
    assert np.abs(back - samples).max() <= 1 / 65536 + 1e-7


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "audio.empty"),
        (b"la la la " * 200, "audio.text"),
        (b"RIFF\x10\0\0\0WAVE", "audio.damaged"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "audio.other_file"),
        (bytes(2_000), "audio.unknown"),
        (encode_wav(np.zeros(0)), "audio.no_samples"),
        (b"#EXTM3U\n#EXTINF:10,\nfile:///etc/hostname\n", "audio.text"),
        (b"ffconcat version 1.0\nfile '/etc/hostname'\n", "audio.text"),
        (b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n", "audio.text"),
    ],
)
def test_what_is_no_sound_is_named(content: bytes, code: str) -> None:
    with pytest.raises(AudioError) as caught:
        decode_audio(content)
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["wav", "flac", "mp3", "webm"])
def test_of_a_file_that_ends_too_early_the_beginning_is_used(name: str) -> None:
    content = sound_file(tone(seconds=3), name, rate_hz=48_000)
    decoded = decode_audio(content[: len(content) // 2])
    assert 0.5 < decoded.duration_s < 2.5
    assert decoded.notes


def test_a_cut_m4a_is_called_damaged() -> None:
    content = sound_file(tone(), "m4a", rate_hz=48_000)
    with pytest.raises(AudioError) as caught:
        decode_audio(content[: len(content) // 2])
    assert caught.value.code == "audio.damaged"


def test_a_video_without_sound_says_so() -> None:
    with pytest.raises(AudioError) as caught:
        decode_audio(sound_file(tone(), video=True, sound=False))
    assert caught.value.code == "audio.no_sound"


def test_values_that_are_no_numbers_are_an_error() -> None:
    samples = tone()
    samples[100] = np.nan
    with pytest.raises(AudioError) as caught:
        decode_audio(sound_file(samples, "wavfloat", rate_hz=48_000))
    assert caught.value.code == "audio.not_finite"


def test_an_absurd_rate_is_refused() -> None:
    content = bytearray(encode_wav(tone(44_100)))
    content[24:28] = (7).to_bytes(4, "little")
    with pytest.raises(AudioError) as caught:
        decode_audio(bytes(content))
    assert caught.value.code == "audio.rate"


@pytest.mark.parametrize(
    ("samples", "code"),
    [
        (np.zeros(44_100), "audio.note_silent"),
        (np.sign(np.sin(np.arange(44_100) / 10)), "audio.note_clipped"),
        (tone(44_100) + 0.4, "audio.note_offset"),
    ],
)
def test_what_a_listener_would_notice_is_noted(samples: NDArray[np.float32], code: str) -> None:
    assert [note.code for note in decode_audio(encode_wav(samples)).notes] == [code]


def test_too_long_a_sound_is_refused_before_it_is_kept() -> None:
    with pytest.raises(AudioError) as caught:
        decode_audio(encode_wav(np.zeros(44_100 * 3)), max_s=2)
    assert caught.value.code == "audio.too_long"


def test_blocks_joined_are_the_whole() -> None:
    content = sound_file(tone(seconds=4.3), "flac", rate_hz=48_000)
    with open_audio(content) as stream:
        assert stream.duration_s == pytest.approx(4.3)
        blocks = list(stream)
    assert len(blocks) > 3
    np.testing.assert_array_equal(np.concatenate(blocks), decode_audio(content).samples)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for path, code in ((tmp_path / "none.wav", "audio.no_file"), (tmp_path, "audio.unreadable")):
        with pytest.raises(AudioError) as caught:
            decode_audio(path)
        assert caught.value.code == code
    with pytest.raises(AudioError):
        decode_audio("concat:/etc/hostname|/etc/hosts")
