import numpy as np
import pytest

from core.audio import BrowserFft
from core.errors import AudioError
from core.speech.examples import Example
from core.speech.takes import (
    align_take,
    check_take,
    check_takes,
    cut_at_pauses,
    cut_noise,
    example_from_audio,
)

RATE_HZ = 44_100
FRONT_END = BrowserFft(floor_db=-100.0)


def _hiss(seconds: float, level: float, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return (level * generator.standard_normal(int(seconds * RATE_HZ))).astype(np.float32)


def _word(
    *, at_s: float = 0.3, seconds: float = 1.0, length_s: float = 0.4, level: float = 0.3
) -> np.ndarray:
    samples = _hiss(seconds, 0.0005)
    span = np.arange(int(length_s * RATE_HZ)) / RATE_HZ
    tone = level * np.sin(2 * np.pi * 440 * span) * np.hanning(len(span))
    start = int(at_s * RATE_HZ)
    samples[start : start + len(tone)] += tone.astype(np.float32)[: len(samples) - start]
    return samples


@pytest.mark.parametrize("at_s", [0.2, 0.9, 1.5])
def test_a_word_comes_to_the_middle_wherever_it_was_said(at_s: float) -> None:
    taken = align_take(_word(at_s=at_s, seconds=2.5), FRONT_END.window_samples)
    loud = np.flatnonzero(np.abs(taken) > 0.1)
    assert len(taken) == 44_032
    assert abs(loud.mean() - 22_016) < 0.25 * RATE_HZ


def test_a_short_recording_is_kept_whole() -> None:
    word = _word(at_s=0.05, seconds=0.6)
    taken = align_take(word, FRONT_END.window_samples)
    assert np.isclose(np.square(taken).sum(), np.square(word).sum())


@pytest.mark.parametrize(
    ("samples", "codes"),
    [
        (_word(), []),
        (np.clip(8 * _word(), -1, 1), ["words.note_clipped"]),
        (0.003 * _word(), ["words.note_quiet"]),
        (_word(at_s=0.75), ["words.note_cut_off"]),
        (_word() + _hiss(1, 0.1), ["words.note_noisy"]),
    ],
    ids=["good", "clipped", "quiet", "cut off", "noisy"],
)
def test_what_is_wrong_with_a_take_is_said(samples: np.ndarray, codes: list[str]) -> None:
    if "words.note_cut_off" in codes:
        samples = samples[: int(0.95 * RATE_HZ)]
    assert [note.code for note in check_take(samples.astype(np.float32))] == codes


def test_noise_may_be_quiet_and_noisy() -> None:
    assert check_take(_hiss(1, 0.001), noise=True) == ()


def test_silence_is_refused_with_its_word() -> None:
    with pytest.raises(AudioError) as error:
        example_from_audio("下一张", np.zeros(RATE_HZ, np.float32), FRONT_END)
    assert error.value.code == "words.silent"
    assert "下一张" in error.value.message


def test_a_take_that_is_there_twice_and_one_that_is_unlike_the_others_are_found() -> None:
    takes = [example_from_audio("a", _word(at_s=0.3 + 0.01 * n), FRONT_END) for n in range(6)]
    features = np.array([[0, 0], [0.1, 0], [0, 0.1], [0.1, 0.1], [0.05, 0], [9, 9]], np.float32)
    doubts = check_takes([*takes[:5], takes[5]], features)
    assert [(doubt.position, doubt.note.code) for doubt in doubts] == [(5, "words.note_unlike")]
    doubts = check_takes([takes[0], takes[1], takes[0]])
    assert [(doubt.position, doubt.note.code) for doubt in doubts] == [(2, "words.note_duplicate")]


def test_a_long_recording_is_cut_at_its_pauses() -> None:
    words = [_word(at_s=0.4, seconds=1.2) for _ in range(4)]
    parts = cut_at_pauses(np.concatenate(words))
    assert len(parts) == 4
    for number, (begin, end) in enumerate(parts):
        middle = (number * 1.2 + 0.6) * RATE_HZ
        assert begin < middle < end


def test_noise_is_cut_into_pieces_without_overlap() -> None:
    pieces = cut_noise(_hiss(20, 0.01), FRONT_END)
    assert len(pieces) == 20
    assert all(isinstance(piece, Example) and piece.frames == 43 for piece in pieces)
    assert not np.array_equal(pieces[0].spectrogram, pieces[1].spectrogram)
