"""The page "Teach words", driven without a browser."""

from __future__ import annotations

import io
import threading
import time
import wave
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.audio import decode_audio
from core.audio.microphone import Microphone
from core.errors import TeachdeckError
from core.speech import SpeechModel
from core.speech.examples import read_examples, write_examples
from core.speech.word_projects import save_word_project
from pages.components import slideshow_live, words_recording
from pages.components.mic import microphone_of
from pages.components.word_recorder import TakeTime
from pages.components.words_recording import add_take

PROJECT = Path(__file__).resolve().parent.parent.parent
DEMO = PROJECT / "models" / "demo_sets" / "words_zh.zip"


@pytest.fixture(autouse=True)
def no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the connection, which needs a browser; the microphone behind it stays."""
    monkeypatch.setattr(words_recording, "microphone", microphone_of)


def _open(language: str = "en") -> AppTest:
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=90)
    app.session_state["language"] = language
    app.switch_page("pages/teach_words.py").run()
    assert not app.exception
    return app


def _wav(samples: np.ndarray, rate_hz: int = 44_100) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes((32767 * np.clip(samples, -1, 1)).astype("<i2").tobytes())
    return buffer.getvalue()


def _session(app: AppTest) -> object:
    return app.session_state["teach_words_session"]


@pytest.mark.parametrize(("language", "accuracy"), [("en", "Words right"), ("zh", "词的正确率")])
def test_one_click_teaches_the_demo_words_and_judges_them(language: str, accuracy: str) -> None:
    app = _open(language)
    app.button(key="words_demo").click().run()
    assert not app.exception
    assert not app.error
    metric = next(metric for metric in app.metric if metric.label == accuracy)
    assert float(metric.value.rstrip(" %")) >= 80
    model = app.session_state["taught_words"]
    assert isinstance(model, SpeechModel)
    assert model.words == ("上一张", "下一张")
    assert any("上一张" in text.value and "下一张" in text.value for text in app.markdown)
    assert _session(app).samples.classes[:2] == ("上一张", "下一张")  # type: ignore[attr-defined]


def test_a_run_that_begins_while_takes_still_come_in_shows_them() -> None:
    app = _open()
    session = _session(app)
    begun, wanted = threading.Event(), threading.Event()

    def slowly() -> None:
        begun.set()
        wanted.wait(5)
        session.load_demo()  # type: ignore[attr-defined]

    # The thread of the run before, which a report of the microphone has overtaken.
    before = threading.Thread(target=session.change, args=(slowly,))  # type: ignore[attr-defined]
    before.start()
    assert begun.wait(5)
    threading.Timer(1.0, wanted.set).start()
    app.run()
    before.join(10)
    assert not app.exception
    assert any(metric.label == "Words right" for metric in app.metric)


def test_the_taught_words_go_to_the_slideshow_with_one_click(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slideshow_live, "microphone", microphone_of)
    app = _open()
    app.button(key="words_demo").click().run()
    assert app.slider(key="words_threshold").disabled  # each word has its own
    app.toggle(key="words_own_thresholds").set_value(False).run()
    assert not app.slider(key="words_threshold").disabled
    app.segmented_control(key="words_preset").set_value("tfjs").run()
    app.button(key="words_to_slides").click().run()
    assert not app.exception
    assert app.selectbox(key="speech_model").value == "taught"
    assert set(app.session_state["show_table"]) == {"上一张", "下一张"}
    app.switch_page("pages/teach_words.py").run()
    assert not app.toggle(key="words_own_thresholds").value
    assert app.session_state["words_preset"] == "tfjs"


def test_a_project_brings_back_the_model_that_was_taught_with_its_thresholds() -> None:
    app = _open()
    app.button(key="words_demo").click().run()
    session = _session(app)
    session.set_thresholds({"上一张": 0.91})  # type: ignore[attr-defined]
    project = save_word_project(session.project())  # type: ignore[attr-defined]
    other = _open()
    _session(other).bring("words-project.zip", project)  # type: ignore[attr-defined]
    other.run()
    assert not other.exception
    assert _session(other).problem is None  # type: ignore[attr-defined]
    assert other.session_state["taught_words"].thresholds["上一张"] == 0.91
    assert _session(other).score is not None  # type: ignore[attr-defined]


def test_a_take_that_is_recorded_teaches_and_is_gone_with_all_recordings() -> None:
    app = _open()
    session = _session(app)
    generator = np.random.default_rng(0)
    noise = 0.02 * generator.standard_normal(5 * 44_100)
    app.selectbox(key="words_label").set_value("Background noise").run()
    app.audio_input[0].set_value(("take.wav", _wav(noise), "audio/wav")).run()
    assert session.samples.counts() == {"_background_noise_": 5}  # type: ignore[attr-defined]
    with zipfile.ZipFile(DEMO) as archive:
        names = [name for name in archive.namelist() if "上一张" in name and name.endswith("flac")]
        takes = [archive.read(name) for name in names[:3]]
    app.selectbox(key="words_label").set_value("上一张").run()
    for take in takes:
        app.audio_input[0].set_value(("take.wav", take, "audio/wav")).run()
    assert session.samples.counts()["上一张"] == 3  # type: ignore[attr-defined]
    assert "taught_words" in app.session_state
    app.button(key="words_undo").click().run()
    assert session.samples.counts()["上一张"] == 2  # type: ignore[attr-defined]
    app.button(key="words_forget").click().run()
    assert _session(app).samples.samples() == ()  # type: ignore[attr-defined]
    assert "taught_words" not in app.session_state
    assert not app.exception


def _said(word: str, number: int = 3) -> np.ndarray:
    with zipfile.ZipFile(DEMO) as archive:
        return decode_audio(archive.read(f"{word}/{number:02}.flac"), rate_hz=48_000).samples


def _speak(mic: Microphone, samples: np.ndarray) -> None:
    """Bring sound as a connection does, and wait until it has been taken."""
    until_s = mic.time_s + len(samples) / 48_000 - 0.05
    for frame in np.round(32767 * samples[: len(samples) // 960 * 960]).reshape(-1, 960):
        mic.push(np.repeat(frame, 2).astype(np.int16)[np.newaxis], 2, 48_000)
        time.sleep(0.001)
    give_up_s = time.monotonic() + 10
    while mic.time_s < until_s:
        assert time.monotonic() < give_up_s
        time.sleep(0.01)


def test_a_second_of_the_microphone_becomes_a_take_and_may_stand_in_for_another() -> None:
    app = _open()
    session, mic = _session(app), app.session_state["words_live_microphone"]
    quiet = np.zeros(24_000, np.float32)
    _speak(mic, np.concatenate([quiet, _said("上一张"), quiet]))
    # By the machine's clock all of it came just now: the word ended half a second ago.
    began_s = time.time() - (mic.time_s - 0.5)
    add_take(session, mic, TakeTime("上一张", began_s, 1.0, ""))  # type: ignore[arg-type]
    assert session.problem is None  # type: ignore[attr-defined]
    (first,) = session.samples.samples("上一张")  # type: ignore[attr-defined]
    example = session.example(first)  # type: ignore[attr-defined]
    assert len(example.audio) == 44_032
    said = decode_audio(_wav(_said("上一张"), 48_000), rate_hz=44_100).samples
    match = np.correlate(example.audio, said[11_025:33_075], "valid").max()
    assert match > 0.9 * np.square(said[11_025:33_075]).sum()
    add_take(session, mic, TakeTime("上一张", began_s, 1.0, first.id))  # type: ignore[arg-type]
    (second,) = session.samples.samples("上一张")  # type: ignore[attr-defined]
    assert second.id != first.id


def test_a_take_while_the_microphone_was_off_says_how_much_was_missing() -> None:
    app = _open("zh")
    session, mic = _session(app), app.session_state["words_live_microphone"]
    add_take(session, mic, TakeTime("上一张", time.time(), 1.0, ""))  # type: ignore[arg-type]
    app.run()
    assert any("1.0 秒" in error.value for error in app.error)
    assert session.samples.samples() == ()  # type: ignore[attr-defined]


def test_silence_gets_a_sentence_and_nothing_is_lost() -> None:
    app = _open()
    app.button(key="words_demo").click().run()
    app.audio_input[0].set_value(("take.wav", _wav(np.zeros(44_100)), "audio/wav")).run()
    assert any("silent" in error.value for error in app.error)
    assert len(_session(app).samples.samples()) >= 36  # type: ignore[attr-defined]


def test_what_is_taken_away_can_be_brought_back(shared_data: Path) -> None:
    content = (shared_data / "slider" / "data.bin").read_bytes()
    app = _open()
    session = _session(app)
    session.bring("data.bin", content)  # type: ignore[attr-defined]
    app.run()
    assert not app.exception
    assert session.samples.counts() == {  # type: ignore[attr-defined]
        "_background_noise_": 10,
        "上一张": 10,
        "下一张": 10,
    }
    assert session.score.accuracy == 1.0  # type: ignore[attr-defined]
    assert write_examples(session.examples()) == content  # type: ignore[attr-defined]
    assert len(read_examples(content).examples) == 30


def test_a_wrong_file_is_refused_in_the_visitors_language() -> None:
    app = _open("zh")
    _session(app).bring("x.bin", b"hello")  # type: ignore[attr-defined]
    app.run()
    assert any("data.bin" in error.value for error in app.error)


def test_what_became_of_a_file_is_said_beside_its_field(shared_data: Path) -> None:
    app = _open()
    content = (shared_data / "slider" / "data.bin").read_bytes()

    def bring(name: str, content: bytes) -> None:
        key = f"words_bring_{_session(app).recordings}"  # type: ignore[attr-defined]
        app.file_uploader(key=key).set_value((name, content, "application/octet-stream")).run()
        assert not app.exception

    bring("data.bin", content)
    assert [entry.value for entry in app.tabs[3].success] == ["data\\.bin: 30 takes were taken in."]
    bring("cut.bin", content[: len(content) // 2])
    assert not app.tabs[3].success
    assert "cut off" in app.tabs[3].error[0].value
    assert len(_session(app).samples.samples()) == 30  # type: ignore[attr-defined]


def test_why_nothing_was_taught_is_said_wherever_the_score_would_be() -> None:
    app = _open()
    session = _session(app)
    session.load_demo()  # type: ignore[attr-defined]
    for label in ("下一张", "_background_noise_"):
        session.samples.remove_class(label)  # type: ignore[attr-defined]
    app.run()
    assert any("two classes" in info.value for info in app.info)
    assert any("two classes" in caption.value for caption in app.tabs[0].caption)


def test_a_base_of_another_rate_is_refused_and_everything_stays() -> None:
    app = _open()
    session = _session(app)
    base = session.base  # type: ignore[attr-defined]
    front_end = replace(base.front_end, rate_hz=16_000)
    with pytest.raises(TeachdeckError, match="16000 Hz"):
        session.use_base(replace(base, front_end=front_end), "other")  # type: ignore[attr-defined]
    assert session.base is base  # type: ignore[attr-defined]
    session.use_base(base, "same")  # type: ignore[attr-defined]
    assert session.base_id == "same"  # type: ignore[attr-defined]
