"""The page "Recognise speech", driven without a browser, in both languages."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.audio import decode_audio, encode_wav
from core.speech import SmoothMode, TfjsMode, decide, score_sound
from pages.components import i18n, speech_analysis
from pages.components.sounds import sample_sounds
from pages.components.speech_models import speech_store

PROJECT = Path(__file__).resolve().parent.parent.parent


def _open(language: str = "en") -> AppTest:
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60)
    app.session_state["language"] = language
    app.switch_page("pages/recognise_speech.py").run()
    assert not app.exception
    return app


def _upload(app: AppTest, name: str, content: bytes) -> AppTest:
    app.segmented_control(key="sound_source").set_value("upload").run()
    app.file_uploader(key="sound_upload").set_value((name, content, "audio/wav")).run()
    assert not app.exception
    return app


def _texts(app: AppTest) -> str:
    elements = [*app.markdown, *app.caption, *app.subheader, *app.info, *app.error, *app.warning]
    return "\n".join(element.value for element in elements)


def _headline(app: AppTest) -> str:
    return app.subheader[0].value


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_sample_is_recognised_on_the_first_view(home: Path, language: str) -> None:
    app = _open(language)
    assert not app.error
    model = speech_store().load(speech_store().default_id())
    scored = score_sound(model, sample_sounds()["digits"])
    events = decide(scored.track, SmoothMode(thresholds=model.thresholds))
    for event in events:
        assert event.word in _headline(app)
    assert "seven" in _headline(app)


def test_other_options_decide_again_without_the_network(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = _open()
    before = _headline(app)
    model = speech_store().load(speech_store().default_id())
    scored = score_sound(model, sample_sounds()["digits"])

    def never(*_args: object, **_options: object) -> None:
        raise AssertionError("the recording was scored again")

    monkeypatch.setattr(speech_analysis, "score_sound", never)
    app.toggle(key="smooth_own").set_value(False).run()
    app.slider(key="smooth_threshold").set_value(0.95).run()
    # Averaged over so long, most of the words fall short.
    app.slider(key="smooth_s").set_value(1.0).run()
    assert not app.error
    words = [e.word for e in decide(scored.track, SmoothMode(threshold=0.95, smoothing_s=1.0))]
    assert _headline(app) != before
    assert ", ".join(words) in _headline(app)
    app.button(key="decide_article").click().run()
    assert not app.error
    assert app.slider(key="tfjs_threshold").value == 0.9
    assert app.slider(key="tfjs_overlap").value == 0.3
    app.slider(key="tfjs_overlap").set_value(0.75).run()
    assert not app.error


def test_the_article_s_values_decide_as_the_library_does(home: Path) -> None:
    app = _open()
    app.button(key="decide_article").click().run()
    model = speech_store().load(speech_store().default_id())
    scored = score_sound(model, sample_sounds()["digits"])
    mode = TfjsMode(probability_threshold=0.9, overlap_factor=0.3)
    words = ", ".join(event.word for event in decide(scored.track, mode))
    assert words
    assert words in _headline(app).replace("\\", "")


def test_what_was_set_is_kept_while_another_page_is_shown(home: Path) -> None:
    app = _open()
    app.button(key="decide_article").click().run()
    app.switch_page("pages/home.py").run()
    app.switch_page("pages/recognise_speech.py").run()
    assert app.segmented_control(key="decide_mode").value == "tfjs"
    assert app.slider(key="tfjs_overlap").value == 0.3


def test_a_wav_is_uploaded_and_its_facts_are_said(home: Path) -> None:
    samples = decode_audio(sample_sounds()["directions"], rate_hz=48_000).samples
    app = _upload(_open(), "mine_*.wav", encode_wav(samples, rate_hz=48_000))
    assert "wav, 48.0 kHz, 1 channel(s), 7.2 s" in _texts(app)
    assert "mine\\_\\*\\.wav" in _texts(app)
    assert "left" in _headline(app)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"this is no sound at all" * 100,
        b"RIFF\xff\xff\xff\x7fWAVEfmt ",
        encode_wav(np.zeros(0, np.float32), rate_hz=44_100),
        (PROJECT / "pages" / "components" / "favicon.png").read_bytes(),
    ],
    ids=["nothing", "text", "a head alone", "no samples", "a picture"],
)
def test_what_is_no_sound_gets_a_sentence_and_the_page_goes_on(home: Path, content: bytes) -> None:
    app = _upload(_open(), "broken.wav", content)
    assert len(app.error) == 1
    assert "reference" not in app.error[0].value
    app.segmented_control(key="sound_source").set_value("sample").run()
    assert not app.error
    assert "seven" in _headline(app)


def test_silence_holds_no_word_and_says_that_it_is_silent(home: Path) -> None:
    app = _upload(_open(), "silence.wav", encode_wav(np.zeros(88_200, np.float32), rate_hz=44_100))
    assert not app.error
    assert i18n.catalogue("en")["speech.none_hint"] in _texts(app)


def test_an_upload_of_a_model_hears_instead(home: Path) -> None:
    folder = PROJECT / "models" / "speech"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(folder.iterdir()):
            if path.suffix in (".json", ".bin"):
                archive.write(path, path.name)
    app = _open()
    app.selectbox(key="speech_model").set_value("upload").run()
    before = _headline(app)  # ours listens until there is one
    app.file_uploader(key="speech_model_files").set_value(
        ("mine.zip", buffer.getvalue(), "application/zip")
    ).run()
    assert not app.exception
    assert not app.warning
    assert _headline(app) == before
    assert "mine\\.zip" in _texts(app)


def test_a_model_that_is_none_gets_a_sentence_and_ours_listens(home: Path) -> None:
    app = _open()
    app.selectbox(key="speech_model").set_value("upload").run()
    app.file_uploader(key="speech_model_files").set_value(
        ("mine.zip", b"PK\x03\x04 not really", "application/zip")
    ).run()
    assert not app.exception
    assert len(app.warning) == 1
    assert "seven" in _headline(app)


def test_downloads_hold_the_events_and_all_scores(home: Path) -> None:
    model = speech_store().load(speech_store().default_id())
    scored = score_sound(model, sample_sounds()["directions"])
    events = decide(scored.track, SmoothMode(thresholds=model.thresholds))
    table = speech_analysis.events_csv(events).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["word"] for row in rows] == [event.word for event in events]
    analysis = speech_analysis.Analysis(scored, None, 0.1)
    document = json.loads(speech_analysis.events_json(analysis, events, title="ours"))
    assert [event["word"] for event in document["events"]] == [row["word"] for row in rows]
    assert set(document["scores"]) == set(model.labels)
    assert len(document["scores"]["left"]) == len(document["times_s"])
