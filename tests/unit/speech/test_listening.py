"""Sound to scores to words: files and live sound go the same way, whoever pushes."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from core.audio import encode_wav
from core.errors import ModelError, UsageError
from core.speech import (
    ListeningPipe,
    ScoredSound,
    SmoothMode,
    SpeechCommands,
    SpeechModel,
    TfjsMode,
    decide,
    score_sound,
)
from core.speech.recognizer import RecognizeResult
from core.speech.scorer import StreamScorer
from tests.speech_kit import babble

MODES = [
    SmoothMode(threshold=0.3),
    TfjsMode(overlap_factor=0.5),
    TfjsMode(overlap_factor=0.95, suppression_time_millis=500, probability_threshold=0.6),
]


@pytest.fixture(scope="module")
def sound() -> NDArray[np.int16]:
    """Return 12 s of sound as a microphone has it, with digital silence in the middle."""
    samples = babble(12)
    samples[4 * 44_100 : 5 * 44_100] = 0
    return np.rint(samples * 32768).astype(np.int16)


@pytest.fixture(scope="module")
def scored(model: SpeechModel, sound: NDArray[np.int16]) -> ScoredSound:
    return score_sound(model, encode_wav(sound / 32768), keep_samples=True)


def test_a_recording_has_ten_scores_a_second_and_one_a_column(
    model: SpeechModel, scored: ScoredSound
) -> None:
    track = scored.track
    assert track.duration_s == pytest.approx(12)
    assert track.times_s[-1] == pytest.approx(12.5, abs=0.1)
    assert track.scores.shape[1] == track.browser_scores.shape[1] == len(model.labels)
    assert len(track.browser_scores) == len(track.silent) == 12 * 44_100 // 1024
    assert track.silent.sum() == pytest.approx(42, abs=2)
    np.testing.assert_array_equal(np.isnan(track.browser_scores[:, 0]), track.silent)
    assert np.isfinite(track.scores).all()
    assert scored.samples is not None
    assert len(scored.samples) == 12 * 44_100


def test_a_score_is_that_of_the_second_before_it(model: SpeechModel, scored: ScoredSound) -> None:
    assert scored.samples is not None
    columns = model.front_end.columns(scored.samples).decibels
    for step in (20, 33, 90):
        last = int(np.ceil((step + 1) * 0.1 / model.front_end.hop_s - 1e-9))
        window = model.front_end.normalize(columns[last - 43 : last])
        expected = model.run(window[np.newaxis, ..., np.newaxis]).scores[0]
        np.testing.assert_allclose(scored.track.scores[step], expected, atol=1e-6)


def test_the_browsers_first_windows_begin_with_zeros(
    model: SpeechModel, scored: ScoredSound
) -> None:
    assert scored.samples is not None
    front_end = replace(model.front_end, floor_db=None)
    columns = front_end.columns(scored.samples).decibels
    window = np.zeros((43, 232), np.float32)
    window[-10:] = columns[:10]
    expected = model.run(front_end.normalize(window)[np.newaxis, ..., np.newaxis]).scores[0]
    np.testing.assert_allclose(scored.track.browser_scores[9], expected, atol=1e-6)


@pytest.mark.parametrize("block", [100, 882, 44_100, 1_000_000])
def test_scores_do_not_depend_on_how_sound_is_cut(
    model: SpeechModel, sound: NDArray[np.int16], block: int
) -> None:
    used = (sound[: 3 * 44_100] / 32768).astype(np.float32)
    scorer = StreamScorer(model, browser_period=1)
    parts = [scorer.push(used[at : at + block]) for at in range(0, len(used), block)]
    whole = StreamScorer(model, browser_period=1).push(used)
    for name in ("scores", "browser_scores", "step_columns"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(joined, getattr(whole, name))


def test_only_what_a_mode_needs_is_scored(model: SpeechModel, scored: ScoredSound) -> None:
    content = encode_wav(scored.samples)
    sparse = score_sound(model, content, steps=False, browser_period=22)
    assert len(sparse.track.scores) == 0
    mode = TfjsMode(overlap_factor=0.5)
    assert decide(sparse.track, mode) == decide(scored.track, mode)
    with pytest.raises(UsageError):
        decide(sparse.track, TfjsMode(overlap_factor=0.3))
    with pytest.raises(UsageError):
        decide(score_sound(model, content, browser_period=None).track, mode)


@pytest.mark.parametrize("mode", MODES)
def test_live_sound_gives_the_words_of_the_file(
    model: SpeechModel, sound: NDArray[np.int16], scored: ScoredSound, mode: SmoothMode | TfjsMode
) -> None:
    pipe = ListeningPipe(model, mode)
    stereo = np.repeat(sound, 2).reshape(1, -1)
    for at in range(0, stereo.shape[1], 1764):
        pipe.push(stereo[:, at : at + 1764], rate_hz=44_100, channels=2)
        pipe.step()
    expected = [event for event in decide(scored.track, mode) if event.time_s <= 12]
    assert len(expected) > 3
    assert list(pipe.snapshot().events) == expected
    assert pipe.snapshot().lost_s == 0


def test_what_the_microphone_sends_is_resampled(model: SpeechModel) -> None:
    pipe = ListeningPipe(model)
    time_s = np.arange(48_000) / 48_000
    tone = np.rint(16_384 * np.sin(2 * np.pi * 1_000 * time_s)).astype(np.int16)
    for at in range(0, 48_000, 960):
        pipe.push(np.repeat(tone[at : at + 960], 2).reshape(1, -1), rate_hz=48_000, channels=2)
    pipe.flush()
    pipe.step()
    snapshot = pipe.snapshot()
    assert snapshot.time_s == pytest.approx(1, abs=0.001)
    assert int(snapshot.columns[20].argmax()) == round(1_000 / (44_100 / 2_048))
    time_s, smoothed = pipe.latest()
    assert time_s == snapshot.time_s
    np.testing.assert_array_equal(smoothed, snapshot.smoothed)
    for most in (5, 1000):
        time_s, columns = pipe.latest_columns(most)
        assert time_s == snapshot.time_s
        np.testing.assert_array_equal(columns, snapshot.columns[-most:])
    assert snapshot.level_db == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.5)
    assert snapshot.peak == pytest.approx(0.5, abs=0.02)
    assert not snapshot.clipping


def test_a_thread_listens_until_it_is_stopped(
    model: SpeechModel, sound: NDArray[np.int16], scored: ScoredSound
) -> None:
    before = threading.active_count()
    pipe = ListeningPipe(model, MODES[0])
    for _ in range(3):
        pipe.start()
    assert pipe.running
    assert threading.active_count() == before + 1
    pipe.push(sound[: 4 * 44_100])
    until = time.monotonic() + 30
    while pipe.snapshot().time_s < 4 and time.monotonic() < until:
        time.sleep(0.01)
    pipe.stop()
    pipe.stop()
    assert not pipe.running
    assert threading.active_count() == before
    expected = [event for event in decide(scored.track, MODES[0]) if event.time_s <= 4]
    assert list(pipe.snapshot().events) == expected


def test_a_listener_that_is_late_loses_the_oldest_and_says_so(model: SpeechModel) -> None:
    pipe = ListeningPipe(model)
    for _ in range(8):
        pipe.push(np.zeros(44_100, np.int16))
    snapshot = pipe.snapshot()
    assert snapshot.waiting_s == pytest.approx(5)
    assert snapshot.lost_s == pytest.approx(3)


def test_a_broken_device_does_not_end_the_listening(model: SpeechModel) -> None:
    pipe = ListeningPipe(model)
    pipe.push(np.full(44_100, np.nan, np.float32))
    pipe.push(np.full(44_100, 1e30, np.float32))
    pipe.step()
    assert pipe.snapshot().time_s == pytest.approx(2)
    assert np.isfinite(pipe.snapshot().scores).all()


def test_a_mode_may_change_while_it_listens(model: SpeechModel, sound: NDArray[np.int16]) -> None:
    pipe = ListeningPipe(model, SmoothMode(threshold=1.0))
    pipe.push(sound[: 3 * 44_100])
    pipe.step()
    assert pipe.snapshot().events == ()
    pipe.set_mode(TfjsMode(invoke_callback_on_noise_and_unknown=True))
    assert isinstance(pipe.mode, TfjsMode)
    pipe.push(sound[5 * 44_100 : 8 * 44_100])
    pipe.step()
    times_s = [event.time_s for event in pipe.snapshot().events]
    assert len(times_s) == 3 * 44_100 // 1024 // 22
    assert min(times_s) > 3
    assert np.diff(times_s) == pytest.approx(22 * 1024 / 44_100)


def listen(model: SpeechModel, sound: NDArray[np.int16], **options: float) -> list[RecognizeResult]:
    results: list[RecognizeResult] = []
    recognizer = SpeechCommands(model)
    recognizer.listen(results.append, **options)
    samples = (sound / 32768).astype(np.float32)
    for at in range(0, len(samples), 5_000):
        recognizer.push(samples[at : at + 5_000])
    recognizer.stop_listening()
    return results


@pytest.mark.parametrize("mode", MODES[1:])
def test_the_recogniser_calls_back_what_the_track_decides(
    model: SpeechModel, sound: NDArray[np.int16], scored: ScoredSound, mode: TfjsMode
) -> None:
    results = listen(
        model,
        sound,
        probability_threshold=mode.probability_threshold,
        overlap_factor=mode.overlap_factor,
        suppression_time_millis=mode.suppression_time_millis,
    )
    events = decide(scored.track, mode)
    assert [int(result.scores.argmax()) for result in results] == [event.index for event in events]


def test_spectrogram_and_embedding_come_on_request(
    model: SpeechModel, sound: NDArray[np.int16]
) -> None:
    results = listen(
        model, sound, include_spectrogram=True, include_embedding=True, probability_threshold=1.0
    )
    # With the embedding every decision is reported, whatever the threshold says.
    heard = (12 * 44_100 // 1024 - 42) // 22
    assert len(results) == pytest.approx(heard, abs=1)
    first = results[0]
    assert first.spectrogram is not None
    assert first.embedding is not None
    assert first.spectrogram.frame_size == 232
    assert first.embedding.shape == (1, 64)
    raw = first.spectrogram.data.reshape(43, 232)
    assert not raw[:21].any()
    assert (raw[21:] < 0).any()
    plain = listen(model, sound)
    assert plain[0].spectrogram is None
    assert plain[0].embedding is None


def test_spectrograms_are_recognised_alone_and_together(model: SpeechModel) -> None:
    recognizer = SpeechCommands(model)
    inputs = model.front_end.features(babble(3).reshape(3, -1))
    many = recognizer.recognize(inputs, include_embedding=True, include_spectrogram=True)
    assert many.scores.shape == (3, 6)
    assert many.embedding is not None
    flat = recognizer.recognize(inputs.ravel())
    np.testing.assert_array_equal(flat.scores, many.scores)
    one = recognizer.recognize(inputs[:1])
    assert one.scores.shape == (6,)
    assert recognizer.word_labels() == model.labels
    assert recognizer.model_input_shape() == (None, 43, 232, 1)
    assert recognizer.params().spectrogram_duration_millis == pytest.approx(998.4580498866213)


@pytest.mark.parametrize(
    ("shape", "code"),
    [
        ((9_975,), "speech.length"),
        ((0,), "speech.length"),
        ((43, 232, 1), "speech.tensor_rank"),
        ((1, 42, 232, 1), "speech.tensor_shape"),
        ((0, 43, 232, 1), "speech.tensor_shape"),
    ],
)
def test_inputs_of_other_shapes_are_refused(
    model: SpeechModel, shape: tuple[int, ...], code: str
) -> None:
    with pytest.raises(ModelError) as caught:
        SpeechCommands(model).recognize(np.zeros(shape, np.float32))
    assert caught.value.code == code


def test_listening_twice_and_stopping_twice_are_errors(model: SpeechModel) -> None:
    recognizer = SpeechCommands(model)
    with pytest.raises(UsageError) as caught:
        recognizer.stop_listening()
    assert caught.value.code == "speech.not_streaming"
    recognizer.listen(print)
    assert recognizer.is_listening()
    with pytest.raises(UsageError) as caught:
        recognizer.listen(print)
    assert caught.value.code == "speech.already_streaming"
    recognizer.stop_listening()
    assert not recognizer.is_listening()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"fft_type": "SOFT_FFT"}, "speech.soft_fft"),
        ({"fft_type": "FFT"}, "speech.fft_type"),
        ({"vocabulary": "17w"}, "speech.vocabulary"),
        ({"vocabulary": "18w", "model": "x"}, "speech.vocabulary_with_model"),
        ({"metadata": {}}, "speech.metadata_without_model"),
    ],
)
def test_create_takes_what_the_original_takes(arguments: dict[str, object], code: str) -> None:
    with pytest.raises(UsageError) as caught:
        SpeechCommands.create(**arguments)
    assert caught.value.code == code


def test_a_scorer_says_how_many_samples_its_next_scores_need(model: SpeechModel) -> None:
    scorer = StreamScorer(model)
    for _ in range(12):
        wanted = scorer.wanted()
        assert 0 < wanted <= 5 * 1024
        assert not len(scorer.push(np.zeros(wanted - 1, np.float32)).step_columns)
        assert scorer.wanted() == 1
        assert len(scorer.push(np.zeros(1, np.float32)).step_columns) == 1
    scorer = StreamScorer(model, steps=False, browser_period=4)
    rng = np.random.default_rng(1)
    for _ in range(5):
        noise = rng.normal(0, 0.1, scorer.wanted()).astype(np.float32)
        assert np.isnan(scorer.push(noise[:-1]).browser_scores).all()
        assert np.isfinite(scorer.push(noise[-1:]).browser_scores).any()


def test_a_pipe_counts_what_waits_in_what_it_wants(model: SpeechModel) -> None:
    pipe = ListeningPipe(model)
    whole_s = pipe.wanted_s()
    pipe.push(np.zeros(441, np.float32))
    assert pipe.wanted_s() == pytest.approx(whole_s - 0.01)
    pipe.push(np.zeros(44_100, np.float32))
    assert pipe.wanted_s() == 0
    pipe.step()
    assert 0 < pipe.wanted_s() < 0.13
