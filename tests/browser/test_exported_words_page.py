"""The exported page that listens, opened from disk and without a network, hears as the pages do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from core.audio import encode_wav
from core.speech import SmoothMode, SpeechModel, decide, read_speech_model, score_sound
from core.speech.exports import ExportOptions, export_words
from tests.speech_kit import babble, model_files
from tests.tfjs.oracle import FOLDER, require_node

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

TFJS = FOLDER / "node_modules" / "@tensorflow" / "tfjs" / "dist" / "tf.min.js"
# Where the rate is changed, by another resampler.
TOLERANCE, RESAMPLED = 2e-5, 0.01
MODE = SmoothMode(threshold=0.65)


@pytest.fixture(scope="module")
def model() -> SpeechModel:
    return read_speech_model(model_files(units=32), title="Words <i>1</i>")


@pytest.fixture(scope="module")
def folder(model: SpeechModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_node()
    folder = tmp_path_factory.mktemp("page")
    export = export_words(model, "page", options=ExportOptions(mode=MODE))
    for name, content in export.files.items():
        (folder / name).write_bytes(content)
    shutil.copy(TFJS, folder / "tf.min.js")
    gated = babble(3, seed=1)
    gated[44_100:70_000] = 0
    (folder / "plain.wav").write_bytes(encode_wav(gated))
    (folder / "slow.wav").write_bytes(encode_wav(babble(3, seed=2), rate_hz=32_000))
    return folder


@pytest.fixture(scope="module")
def page(browser: Browser, folder: Path) -> Iterator[Page]:
    context = browser.new_context(locale="en-GB")
    context.set_offline(True)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto((folder / "index.html").as_uri())
    page.wait_for_selector("#choose:enabled", timeout=60_000)
    yield page
    context.close()
    assert problems == []


@pytest.mark.parametrize(("name", "tolerance"), [("plain.wav", TOLERANCE), ("slow.wav", RESAMPLED)])
def test_a_recording_gets_the_same_scores_and_words(
    page: Page, folder: Path, model: SpeechModel, name: str, tolerance: float
) -> None:
    page.set_input_files("#file", str(folder / name))
    page.wait_for_function(
        "name => document.querySelector('#status').textContent.startsWith(`${name}:`)",
        arg=name,
        timeout=120_000,
    )
    track = score_sound(model, folder / name, browser_period=None).track
    rows = np.array(page.evaluate("teachdeckTrack"))
    np.testing.assert_allclose(rows[:, 0], track.times_s)
    assert np.abs(rows[:, 1:] - track.scores).max() <= tolerance
    expected = decide(track, MODE)
    heard = page.eval_on_selector_all(
        "#events li", "rows => rows.map(row => [Number(row.dataset.time), row.dataset.word])"
    )
    assert len(expected) >= 1
    assert heard[::-1] == [[event.time_s, event.word] for event in expected]
    assert page.inner_text("#word") == expected[-1].word


def test_the_page_checks_itself_and_shows_names_as_text(page: Page) -> None:
    assert "the same scores as in Teachdeck" in page.inner_text("#checked")
    assert page.inner_text("h1") == "Words <i>1</i>"
    assert page.locator("h1 i").count() == 0


def test_what_is_no_sound_is_said(page: Page, folder: Path) -> None:
    (folder / "notes.wav").write_text("no sound")
    page.set_input_files("#file", str(folder / "notes.wav"))
    page.wait_for_selector("#status.bad")
    assert page.inner_text("#status").startswith("notes.wav is no sound")


def test_the_microphone_is_listened_to_until_it_is_stopped(page: Page) -> None:
    page.click("#microphone")
    page.wait_for_function("document.querySelector('#microphone').textContent === 'Stop listening'")
    # The browser's own device beeps, and the scores follow.
    page.wait_for_function("session && session.steps.step > 5 && session.decider.recent.length > 1")
    page.click("#microphone")
    assert page.inner_text("#microphone") == "Listen"
    assert page.evaluate("session") is None


def test_the_page_speaks_chinese(page: Page) -> None:
    page.click("#language")
    assert page.inner_text("#choose") == "选择录音"
    assert page.inner_text("#microphone") == "开始听"
    shown = page.eval_on_selector_all("#scores .label", "cells => cells.map(c => c.textContent)")
    assert shown == ["背景噪声", "其他词语", "down", "left", "right", "up"]
