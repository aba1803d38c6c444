"""The page "Voice slideshow", driven without a browser, in both languages."""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.audio.microphone import Ear, Microphone
from core.slides import slides_from_pdf
from core.slideshow import Action, Command, SlideshowState
from pages.components import slide_decks, slideshow_live
from pages.components.mic import microphone_of
from pages.components.speech_models import speech_store

PROJECT = Path(__file__).resolve().parent.parent.parent


@dataclass
class Parrot(Ear):
    """An ear that hears what it is told."""

    words: list[str] = field(default_factory=list)

    def hear(self, samples: NDArray[np.float32]) -> list[tuple[str, float, float]]:
        words, self.words = self.words, []
        return [(word, 0.9, 1.0) for word in words]


@pytest.fixture(autouse=True)
def no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the connection, which needs a browser; the microphone behind it stays."""
    monkeypatch.setattr(slideshow_live, "microphone", microphone_of)


def _open(language: str = "en") -> AppTest:
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=120)
    app.session_state["language"] = language
    app.switch_page("pages/voice_slideshow.py").run()
    assert not app.exception
    assert not app.error
    return app


def _say(app: AppTest, *words: str) -> SlideshowState:
    mic: Microphone = app.session_state["show_microphone"]
    mic.listen(Parrot(list(words)))
    mic.feed(np.zeros(4410, np.float32))
    app.run()
    assert not app.exception
    return _state(app)


def _state(app: AppTest) -> SlideshowState:
    state: SlideshowState = app.session_state["show_state"]
    return state


def _picture(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 18), (shade, 80, 80)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_words_turn_the_slides_as_the_table_says(home: Path, language: str) -> None:
    app = _open(language)
    assert _state(app) == SlideshowState(6, 0)
    assert _say(app, "right", "right").page == 3
    assert _say(app, "left").page == 2
    assert _say(app, "five").page == 5
    assert _say(app, "yes").page == 5
    assert _say(app, "down", "right").page == 6  # no wrap: the end stays
    assert _say(app, "stop", "up") == SlideshowState(6, 5, paused=True)
    assert _say(app, "go", "up") == SlideshowState(6, 0)


def test_each_word_turns_once_however_often_the_page_is_drawn(home: Path) -> None:
    app = _open()
    assert _say(app, "right").page == 2
    app.run()
    app.run()
    assert _state(app).page == 2


def test_the_ends_are_joined_on_request(home: Path) -> None:
    app = _open()
    app.toggle(key="show_wrap").set_value(True).run()
    assert _say(app, "left").page == 6
    assert _say(app, "right").page == 1


def test_the_articles_words_are_one_click_away_and_their_absence_is_said(home: Path) -> None:
    app = _open()
    app.button(key="show_article").click().run()
    assert app.session_state["show_table"] == {
        "上一张": Command(Action.PREVIOUS),
        "下一张": Command(Action.NEXT),
    }
    assert any("下一张" in caption.value for caption in app.caption)
    assert _say(app, "下一张", "right").page == 2
    app.button(key="show_english").click().run()
    assert _say(app, "right").page == 3


def test_pictures_of_the_visitor_become_the_slides_and_bad_ones_are_named(home: Path) -> None:
    app = _open()
    _say(app, "six")
    files = [(f"{n}.png", _picture(60 * n), "image/png") for n in range(3)]
    app.file_uploader(key="show_files_0").set_value(
        [*files, ("notes.txt", b"no picture", "text/plain")]
    ).run()
    assert not app.exception
    assert _state(app) == SlideshowState(3, 0)
    assert any("notes" in warning.value for warning in app.warning)
    assert _say(app, "down").page == 3
    app.button(key="show_built_in").click().run()
    assert _state(app).count == 6
    app.run()
    assert _state(app).count == 6  # the files are gone, and do not come again


def test_a_bad_file_added_to_good_ones_leaves_the_slide_where_it_is(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def noted(data: bytes, *, name: str, **options: Any) -> Any:
        read.append(name)
        return slides_from_pdf(data, name=name, **options)

    monkeypatch.setattr(slide_decks, "slides_from_pdf", noted)
    app = _open()
    good = [(f"{n}.png", _picture(60 * n), "image/png") for n in range(3)]
    app.file_uploader(key="show_files_0").set_value(good).run()
    assert _say(app, "down").page == 3
    bad = [
        ("cut.pdf", b"%PDF-1.7 broken", "application/pdf"),
        ("none.pdf", b"some text", "application/pdf"),
    ]
    app.file_uploader(key="show_files_0").set_value([*good, *bad]).run()
    for _ in range(2):
        assert not app.exception
        assert _state(app) == SlideshowState(3, 2)
        cut, none = (warning.value for warning in app.warning)
        assert "damaged" in cut
        assert "should be a PDF" in none
        app.run()
    assert read == ["cut.pdf", "none.pdf"]  # each once


def test_a_pdf_becomes_slides_page_by_page(home: Path) -> None:
    buffer = io.BytesIO()
    pages = [Image.open(io.BytesIO(_picture(50 * n))) for n in range(4)]
    pages[0].save(buffer, "PDF", save_all=True, append_images=pages[1:])
    app = _open()
    app.file_uploader(key="show_files_0").set_value(
        [("talk.pdf", buffer.getvalue(), "application/pdf")]
    ).run()
    assert not app.exception
    assert _state(app) == SlideshowState(4, 0)
    broken = [("talk.pdf", b"%PDF-1.7 broken", "application/pdf")]
    app.file_uploader(key="show_files_0").set_value(broken).run()
    assert any("PDF" in warning.value for warning in app.warning)
    assert _state(app).count == 4  # nothing is lost


def test_words_that_were_taught_turn_the_slides(home: Path) -> None:
    store = speech_store()
    model = store.load(store.default_id())
    labels = ("_background_noise_", "上一张", "下一张", *(f"word {n}" for n in range(17)))
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=120)
    app.session_state["language"] = "en"
    app.session_state["taught_words"] = replace(model, labels=labels, thresholds={})
    app.switch_page("pages/voice_slideshow.py").run()
    app.selectbox(key="speech_model").set_value("taught").run()
    assert not app.exception
    assert not app.error
    assert set(app.session_state["show_table"]) == {"上一张", "下一张"}
    assert _say(app, "下一张", "下一张", "上一张").page == 2
