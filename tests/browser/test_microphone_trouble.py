"""Microphones that send nothing worth hearing, and connections that end in every way they can."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmarks.live_sound import RATE_HZ, script
from benchmarks.live_visit import Listener, holdings, open_listener
from core.audio import encode_wav
from tests.browser.conftest import launch
from tests.browser.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

# A microphone whose track never brings a frame, as one that another program holds.
_DUMB = """
if (navigator.mediaDevices)
  navigator.mediaDevices.getUserMedia = async () =>
    new MediaStream([new MediaStreamTrackGenerator({ kind: 'audio' })]);
"""
# Remembers the connections, so that a test can cut one without the page's knowing.
_REMEMBERED = """
(() => {
  window.connections = [];
  const Original = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Original {
    constructor(...settings) {
      super(...settings);
      window.connections.push(this);
    }
  };
})();
"""
_CUT = "() => window.connections.forEach((connection) => connection.close())"


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server that says what it holds."""
    with Server(tmp_path_factory.mktemp("probed"), module="benchmarks.live_probe") as running:
        yield running


@pytest.fixture(scope="module")
def speaking(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[np.ndarray], Browser]]:
    """Return a function that starts a browser whose microphone plays a sound over and over."""
    started: list[Browser] = []

    def start(samples: np.ndarray) -> Browser:
        path = tmp_path_factory.mktemp("sound") / "said.wav"
        path.write_bytes(encode_wav(samples, rate_hz=RATE_HZ))
        started.append(launch(browser.browser_type, path))
        return started[-1]

    yield start
    for one in started:
        one.close()


def _says(page: Page, text: str) -> None:
    page.get_by_text(text).wait_for(timeout=60_000)


def _heard(page: Page) -> int:
    return page.locator(".log li").count()


def _hears(page: Page, more_than: int) -> None:
    page.locator(".log li").nth(more_than).wait_for(timeout=90_000)


def _kinds(server: Server) -> tuple[Counter[str], dict[str, Any]]:
    """Return how many threads of a listener there are, and all that is held."""
    found = holdings(server)
    names = ("microphone", "decoder")
    kinds = Counter(
        name for thread in found["threads"].values() for name in names if name in thread
    )
    return kinds, found


def _is_released(server: Server, page: Page) -> None:
    """Wait until no connection and none of its threads is left.

    A browser that goes without a word is missed after six unanswered questions, up to 36 s; and
    then the connection is closed, which takes a loaded machine its time.
    """
    end_s = time.monotonic() + 90
    while True:
        kinds, found = _kinds(server)
        if not kinds and not found["peers_open"]:
            return
        assert time.monotonic() < end_s, (kinds, found)
        page.wait_for_timeout(500)


def test_silence_and_a_dumb_microphone_are_told_apart(
    speaking: Callable[[np.ndarray], Browser], probed: Server
) -> None:
    browser = speaking(np.zeros(2 * RATE_HZ, np.float32))
    silent = open_listener(browser, probed)
    silent.start()
    dumb = open_listener(browser, probed, script=_DUMB)
    dumb.start()
    _says(dumb.page, "The connection stands, but no sound arrives.")
    _says(silent.page, "The microphone sends silence.")
    for listener in (silent, dumb):
        # Neither is stuck: it stops, and says no more that something is wrong.
        listener.stop()
        _says(listener.page, "Press start and say one of the words.")
    _is_released(probed, silent.page)


def test_words_are_kept_whatever_becomes_of_the_connection(
    speaking: Callable[[np.ndarray], Browser], probed: Server
) -> None:
    browser = speaking(script().samples)
    first = open_listener(browser, probed, script=_REMEMBERED)
    # A second tab of the same person.
    second = Listener(first.page.context.new_page())
    open_listener(browser, probed, page=second.page)
    first.start()
    second.start()
    _hears(first.page, 1)
    _hears(second.page, 1)

    # Cut, as by a network that goes away: the page's own frame is not told.
    for frame in first.page.frames:
        frame.evaluate(f"window.connections && ({_CUT})()")
    _says(first.page, "No more sound arrives.")
    kept = _heard(first.page)
    assert kept >= 2

    # The other tab is put to sleep and goes on when it wakes up; its words are not lost.
    session = second.page.context.new_cdp_session(second.page)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    first.page.wait_for_timeout(3000)
    session.send("Page.setWebLifecycleState", {"state": "active"})
    _hears(second.page, _heard(second.page))

    # The first begins anew; its log goes on.
    first.stop()
    first.start()
    _hears(first.page, kept)
    first.page.get_by_text("No more sound arrives.").wait_for(state="detached")

    # One tab is closed in the midst of listening, the other reloaded.
    second.page.close()
    first.page.reload()
    _is_released(probed, first.page)
    assert "Traceback" not in probed.log()
