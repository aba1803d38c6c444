"""Recordings on the page "Recognise speech", in real Chromium."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from pages.components.sounds import sample_sounds

if TYPE_CHECKING:
    from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser

ADDRESS = "/recognise_speech"


def test_a_sample_is_heard_and_each_word_can_be_played(visit: Visit) -> None:
    page = visit.open(ADDRESS)
    page.get_by_role("heading", name="seven").wait_for()
    tile = page.locator('.tile[data-word="seven"]')
    tile.wait_for()
    assert "found" in (tile.get_attribute("class") or "")
    page.locator(".log button", has_text="seven").click()
    # It plays from just before the word, and the word's tile turns green as it passes.
    page.locator('.tile.on[data-word="seven"]').wait_for()
    seconds = page.locator(".st-key-sound_player audio").evaluate("a => a.currentTime")
    assert 6 < seconds < 11
    # It fades in a few steps, none of them drawn by a transition, and is then as before.
    fading = page.locator('.tile.fading[data-word="seven"]')
    fading.wait_for()
    assert fading.evaluate("e => getComputedStyle(e).transitionDuration") == "0s"
    fading.wait_for(state="detached")
    background = "e => getComputedStyle(e).backgroundColor"
    assert tile.evaluate(background) == page.locator(".tile:not(.on, .fading)").first.evaluate(
        background
    )
    assert visit.console_errors == []
    assert visit.outside_hosts == set()


def test_a_recording_is_uploaded_and_its_words_are_listed(
    visitor_with: Callable[..., Visit],
) -> None:
    visit = visitor_with(viewport={"width": 390, "height": 844})
    page = visit.open(ADDRESS)
    page.get_by_role("heading", name="seven").wait_for()
    page.get_by_role("radio", name="Upload").click()
    page.locator('input[type="file"]').set_input_files(
        [{"name": "x.flac", "mimeType": "audio/flac", "buffer": sample_sounds()["directions"]}]
    )
    page.locator(".log button", has_text="left").wait_for()
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    assert visit.console_errors == []
