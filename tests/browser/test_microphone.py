"""Real frames from Chromium's fake microphone, through WebRTC, to words on the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from core.audio import decode_audio
from pages.components.rtc_packets import PACKET_MS
from pages.components.sounds import sample_sounds
from tests.browser.conftest import Visit

if TYPE_CHECKING:
    from playwright.sync_api import Page


pytestmark = pytest.mark.browser

RATE_HZ = 48_000
DIGITS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def _sample(name: str) -> NDArray[np.float32]:
    return decode_audio(sample_sounds()[name], rate_hz=RATE_HZ).samples


def _start(page: Page) -> None:
    page.frame_locator("iframe").get_by_role("button", name=re.compile("start", re.I)).click()


def _go_live(page: Page) -> None:
    page.get_by_role("heading", name="seven").wait_for()
    page.get_by_role("radio", name="Live").click()
    page.frame_locator("iframe").get_by_role("button", name=re.compile("start", re.I)).wait_for()
    _start(page)


def _row(page: Page, name: str) -> str:
    row = page.locator(".st-key-live_figures tr", has_text=name)
    return row.locator("td").last.inner_text()


def test_a_tone_arrives_as_it_was_sent(speaking: Callable[..., object]) -> None:
    # Read as mono, stereo frames would sound an octave lower and twice as long.
    time_s = np.arange(2 * RATE_HZ) / RATE_HZ
    with speaking((0.5 * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32)) as visit:
        page = visit.open("/recognise_speech")
        _go_live(page)
        stop = page.frame_locator("iframe").get_by_role("button", name=re.compile("stop", re.I))
        stop.wait_for(timeout=90_000)
        page.locator(".st-key-live_figures summary").click()
        page.wait_for_function(
            "() => [...document.querySelectorAll('.st-key-live_figures td')]"
            ".some((cell) => /^4[34]\\d Hz$/.test(cell.innerText))",
            timeout=150_000,
        )
        assert abs(int(_row(page, "tone").split()[0]) - 440) <= 4
        before_frames, before_s = int(_row(page, "Frames")), float(_row(page, "Heard").split()[0])
        page.wait_for_timeout(4000)
        frames = int(_row(page, "Frames")) - before_frames
        seconds = float(_row(page, "Heard").split()[0]) - before_s
        assert seconds > 2
        # Chromium sends packets as long as it is asked to; no frame is lost or cut.
        assert frames == pytest.approx(1000 / PACKET_MS * seconds, rel=0.1, abs=5)
        assert visit.outside_hosts == set()


def test_spoken_digits_turn_green_in_their_order(speaking: Callable[..., object]) -> None:
    with speaking(_sample("digits")) as visit:
        page = visit.open("/recognise_speech")
        _go_live(page)
        page.wait_for_function(
            """() => {
              const found = [];
              const walk = (root) => root.querySelectorAll("*").forEach((element) => {
                if (element.matches(".log li")) found.push(element);
                if (element.shadowRoot) walk(element.shadowRoot);
              });
              walk(document);
              return found.length >= 8;
            }""",
            timeout=120_000,
        )
        heard = [
            word
            for text in page.locator(".log li").all_inner_texts()
            for word in re.findall(r"[a-z]+", text)
            if word in DIGITS
        ]
        # The latest may stand first: either way the words follow each other round and round.
        places = [DIGITS.index(word) for word in heard]
        steps = [(after - before) % 9 for before, after in pairwise(places)]
        forward = sum(1 <= step <= 3 for step in steps)
        backward = sum(1 <= (-step) % 9 <= 3 for step in steps)
        assert max(forward, backward) >= len(steps) - 1
        assert len(set(heard)) >= 5
        page.frame_locator("iframe").get_by_role("button", name=re.compile("stop", re.I)).click()


def _runs(page: Page, seconds: float) -> int:
    """Return how often the page asks the server to run something within this time."""
    session = page.context.new_cdp_session(page)
    sent: list[object] = []
    session.on("Network.webSocketFrameSent", lambda frame: sent.append(frame))
    session.send("Network.enable")
    page.wait_for_timeout(1000 * seconds)
    session.detach()
    return len(sent)


def test_words_come_over_their_own_channel_and_the_page_does_not_ask(
    speaking: Callable[..., object],
) -> None:
    with speaking(_sample("digits")) as visit:
        page = visit.open("/recognise_speech")
        _go_live(page)
        page.locator(".log li").nth(1).wait_for(timeout=90_000)
        # What follows the start has been drawn.
        page.wait_for_timeout(5000)
        count = page.locator(".log li").count()
        assert _runs(page, 6) <= 2
        page.locator(".log li").nth(count + 1).wait_for()
        assert any("/live/" in url for url in visit.requests)
        assert visit.console_errors == []


def test_words_come_without_the_channel_too(speaking: Callable[..., object]) -> None:
    with speaking(_sample("digits")) as visit:
        visit.page.route_web_socket(re.compile("/live/"), lambda socket: socket.close())
        page = visit.open("/recognise_speech")
        _go_live(page)
        page.locator(".tile.on").first.wait_for(timeout=90_000)
        page.locator(".log li").nth(2).wait_for(timeout=90_000)
        page.locator(".caption", has_text="ms").wait_for()


def test_a_spoken_word_turns_the_slide(speaking: Callable[..., object]) -> None:
    samples = _sample("directions")
    right = samples[round(1.45 * RATE_HZ) : round(2.6 * RATE_HZ)]
    silence = np.zeros(2 * RATE_HZ, np.float32)
    with speaking(np.concatenate([silence, right])) as visit:
        page = visit.open("/voice_slideshow")
        page.locator(".page", has_text="1 / 6").wait_for()
        _start(page)
        page.locator(".page", has_text="2 / 6").wait_for(timeout=90_000)
        page.locator(".heard.on", has_text="right").wait_for()
        page.locator(".page", has_text="3 / 6").wait_for(timeout=90_000)


def test_keys_turn_the_slides_and_fields_keep_theirs(visit: Visit) -> None:
    page = visit.open("/voice_slideshow")
    page.locator(".page", has_text="1 / 6").wait_for()
    for key, text in (("ArrowRight", "2"), ("5", "5"), ("End", "6"), ("ArrowLeft", "5")):
        page.keyboard.press(key)
        page.locator(".page", has_text=f"{text} / 6").wait_for()
    page.locator('[data-action="first"]').click()
    page.locator(".page", has_text="1 / 6").wait_for()
    # A button that has the focus is pressed by space, once; elsewhere space turns.
    page.locator('[data-action="next"]').focus()
    page.keyboard.press("Space")
    page.locator(".page", has_text="2 / 6").wait_for()
    page.locator(".bar .page").click()
    for key, text in (("Space", "3"), ("Shift+Space", "2"), ("Home", "1")):
        page.keyboard.press(key)
        page.locator(".page", has_text=f"{text} / 6").wait_for()
    # A switch has no use for arrows: they go on turning after it was pressed.
    page.get_by_text("Loop the slides").click()
    page.locator('[data-action="previous"]:not([disabled])').wait_for()
    page.keyboard.press("ArrowLeft")
    page.locator(".page", has_text="6 / 6").wait_for()
    page.locator(".st-key-speech_model input").focus()
    page.keyboard.press("Home")
    page.locator(".page", has_text="6 / 6").wait_for()
    assert page.locator(".stage img.front").get_attribute("src", timeout=5000)
    assert visit.console_errors == []
    assert visit.outside_hosts == set()
