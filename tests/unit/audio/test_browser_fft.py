"""The front end: what the browser computes, whole or in blocks."""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import pytest
from numpy.typing import NDArray

from core.audio import BrowserFft, BrowserFftStream, normalize
from core.errors import AudioError, UsageError

RATE_HZ = 44_100


@pytest.fixture
def sound() -> NDArray[np.float32]:
    """Return two seconds of a falling tone in a little noise."""
    generator = np.random.default_rng(7)
    time_s = np.arange(2 * RATE_HZ) / RATE_HZ
    tone = 0.3 * np.sin(2 * np.pi * (2_000 - 700 * time_s) * time_s)
    return (tone + generator.normal(0, 0.001, len(time_s))).astype(np.float32)


@pytest.mark.parametrize("number", range(5))
def test_spectrograms_are_those_of_the_original_preprocessing(
    shared_data: Path, number: int
) -> None:
    folder = shared_data / "speech" / "reference"
    waveform = np.load(folder / f"waveform_{number}.npy")
    expected = np.load(folder / f"spectrogram_{number}.npy")
    features = BrowserFft().features(waveform[np.newaxis])[0]
    assert features.shape == expected.shape
    assert np.abs(features - expected).max() < 0.005


def test_a_full_scale_sine_on_a_bin_peaks_where_the_window_says() -> None:
    samples = np.sin(2 * np.pi * 100 * np.arange(RATE_HZ) / 2048)
    column = BrowserFft().spectrogram(samples)[20]
    assert column.argmax() == 100
    assert column.max() == pytest.approx(20 * np.log10(0.5 * 0.42), abs=1e-4)


def test_columns_agree_with_librosa(sound: NDArray[np.float32]) -> None:
    padded = np.concatenate([np.zeros(1024, np.float32), sound])
    spectrum = librosa.stft(
        padded.astype(np.float64), n_fft=2048, hop_length=1024, window="blackman", center=False
    )
    expected = 20 * np.log10(np.abs(spectrum[:232]).T / 2048)
    columns = BrowserFft().columns(sound)
    assert len(columns) == len(expected) == len(sound) // 1024
    audible = expected > -160
    assert np.abs(columns.decibels - expected)[audible].max() < 1e-3


@pytest.mark.parametrize("block", [1, 7, 128, 1023, 1024, 1025, 5000, 1_000_000])
def test_however_sound_is_cut_the_columns_are_the_same(
    sound: NDArray[np.float32], block: int
) -> None:
    used = sound[: 3_000 if block < 10 else None]
    stream = BrowserFftStream(BrowserFft())
    parts = [stream.push(used[at : at + block]) for at in range(0, len(used), block)]
    whole = BrowserFft().columns(used)
    np.testing.assert_array_equal(np.concatenate([p.decibels for p in parts]), whole.decibels)
    np.testing.assert_array_equal(np.concatenate([p.silent for p in parts]), whole.silent)


def test_many_clips_at_once_give_what_each_gives_alone(sound: NDArray[np.float32]) -> None:
    clips = np.stack([sound[at : at + 44_032] for at in range(0, 44_000, 1_500)])
    together = BrowserFft().spectrograms(clips)
    assert together.shape == (len(clips), 43, 232)
    for clip, spectrogram in zip(clips, together, strict=True):
        np.testing.assert_array_equal(spectrogram, BrowserFft().columns(clip).decibels)


def test_no_clips_give_no_features() -> None:
    assert BrowserFft().features(np.zeros((0, 44_032), np.float32)).shape == (0, 43, 232, 1)


def test_a_short_clip_ends_in_silence_and_a_long_one_is_cut(sound: NDArray[np.float32]) -> None:
    short = BrowserFft().spectrogram(sound[:20_480])
    assert short.shape == (43, 232)
    np.testing.assert_array_equal(short[:20], BrowserFft().columns(sound[:20_480]).decibels)
    assert (short[25:] < -300).all()
    np.testing.assert_array_equal(
        BrowserFft().spectrogram(sound), BrowserFft().spectrogram(sound[:44_032])
    )


def test_digital_silence_is_marked_and_finite(sound: NDArray[np.float32]) -> None:
    gated = sound.copy()
    gated[10_240:20_480] = 0
    columns = BrowserFft().columns(gated)
    assert np.flatnonzero(columns.silent).tolist() == list(range(11, 20))
    assert np.isfinite(columns.decibels).all()
    assert np.isfinite(BrowserFft().features(np.zeros((1, 44_032), np.float32))).all()


def test_a_floor_raises_what_is_fainter_and_nothing_else(sound: NDArray[np.float32]) -> None:
    free, floored = BrowserFft().columns(sound), BrowserFft(floor_db=-90.0).columns(sound)
    np.testing.assert_array_equal(floored.decibels, np.maximum(free.decibels, -90))
    np.testing.assert_array_equal(floored.silent, free.silent)


def test_normalised_spectrograms_have_mean_0_and_deviation_1(sound: NDArray[np.float32]) -> None:
    spectrograms = BrowserFft().spectrograms(np.stack([sound[:44_032], 0.01 * sound[-44_032:]]))
    for features in normalize(spectrograms):
        assert features.mean() == pytest.approx(0, abs=1e-6)
        assert features.std() == pytest.approx(1, abs=1e-4)


def test_normalising_agrees_with_the_original_example() -> None:
    expected = [-1.3416407, -0.4472136, 0.4472136, 1.3416407]
    assert normalize(np.array([[1.0, 2.0, 3.0, 4.0]]), epsilon=1e-7)[0] == pytest.approx(
        expected, abs=1e-6
    )


@pytest.mark.parametrize("epsilon", [0.0, 1e-7, 1e-4])
def test_a_constant_spectrogram_becomes_zeros(epsilon: float) -> None:
    assert not normalize(np.full((43, 232), -77.7), epsilon=epsilon).any()


def test_a_spectrogram_of_one_value_cannot_be_normalised() -> None:
    with pytest.raises(AudioError) as caught:
        normalize(np.zeros((1, 1)))
    assert caught.value.code == "audio.too_few_values"


@pytest.mark.parametrize(
    ("samples", "code"),
    [
        (np.zeros((2, 100), np.float32), "audio.samples"),
        (np.zeros(100, np.int16), "audio.samples"),
        (np.array([0.0, np.nan, np.inf]), "audio.not_finite"),
    ],
)
def test_what_is_no_sound_is_refused(samples: NDArray[np.generic], code: str) -> None:
    with pytest.raises(AudioError) as caught:
        BrowserFft().columns(samples)
    assert caught.value.code == code


def test_clips_of_one_dimension_are_refused() -> None:
    with pytest.raises(AudioError) as caught:
        BrowserFft().features(np.zeros(100, np.float32))
    assert caught.value.code == "audio.clips"


@pytest.mark.parametrize(
    "settings",
    [
        {"bins": 0},
        {"bins": 1025},
        {"frames": 1.5},
        {"hop_length": True},
        {"epsilon": -1.0},
        {"epsilon": float("nan")},
        {"floor_db": float("inf")},
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        BrowserFft(**settings)


def test_settings_survive_a_models_metadata() -> None:
    front_end = BrowserFft(epsilon=1e-7, floor_db=-130.0)
    assert BrowserFft.from_dict(front_end.to_dict()) == front_end
    for wrong in ({"magic": 1}, {"bins": "many"}, {"bins": None}):
        with pytest.raises(UsageError):
            BrowserFft.from_dict(wrong)


def test_its_lengths_are_those_of_the_original() -> None:
    front_end = BrowserFft()
    assert front_end.window_samples == 44_032
    assert 1000 * front_end.window_s == pytest.approx(998.4580498866213)
    assert 1000 * front_end.hop_s == pytest.approx(23.219954648526077)
