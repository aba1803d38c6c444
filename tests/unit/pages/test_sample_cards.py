"""The class cards and the camera: what a browser sends is heard once, and with care."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import streamlit as st

from pages.components import camera as camera_module
from pages.components import sample_cards
from pages.components.sample_cards import Card, CardEvent, Tile, draw_cards


class Browser:
    """Stands for the component: keeps what was drawn, and calls back with what was done."""

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}
        self.key = ""
        self.callback: Any = None

    def __call__(self, *, key: str, data: list[dict[str, Any]], **callbacks: Any) -> None:
        self.key, (self.data,) = key, data
        (self.callback,) = callbacks.values()

    def send(self, name: str, value: object) -> None:
        st.session_state[self.key] = {name: value}
        self.callback()


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Browser:
    browser = Browser()
    monkeypatch.setattr(sample_cards, "_component", lambda: browser)
    monkeypatch.setattr(camera_module, "_component", lambda: browser)
    monkeypatch.setattr(st, "session_state", {})
    return browser


CARDS = [Card("a", "Ant", "2", (Tile("1", "data:,", "one.png"),)), Card("b", "Bee", "0")]


def test_what_was_done_is_heard_once_and_in_order(browser: Browser) -> None:
    heard: list[CardEvent] = []
    draw_cards(CARDS, key="cards", on_event=heard.append)
    first = {"serial": 5, "kind": "rename", "card": "a", "name": "Aunt"}
    browser.send("events", [first])
    # The browser did not yet learn that the first was heard, and repeats it.
    browser.send("events", [first, {"serial": 6, "kind": "remove_tiles", "tiles": ["1"]}])
    assert heard == [
        CardEvent("rename", card="a", name="Aunt"),
        CardEvent("remove_tiles", tiles=("1",)),
    ]
    draw_cards(CARDS, key="cards", on_event=heard.append)
    assert browser.data["heard"] == 6


def test_unknown_kinds_are_left_alone(browser: Browser) -> None:
    heard: list[CardEvent] = []
    draw_cards(CARDS, key="cards", on_event=heard.append)
    browser.send("events", [{"serial": 1, "kind": "explode", "card": "a"}])
    browser.send("events", None)
    assert heard == []


def test_cards_reach_the_browser_with_words_in_the_visitors_language(browser: Browser) -> None:
    st.session_state["language"] = "zh"
    draw_cards(CARDS, key="cards", on_event=lambda _: None, open_label="试用")
    assert browser.data["cards"][0]["tiles"][0]["title"] == "one.png"
    assert browser.data["words"]["open"] == "试用"
    assert "{count}" in browser.data["words"]["chosen"]


def test_a_camera_hands_over_jpeg_files_and_nothing_else(browser: Browser) -> None:
    taken: list[list[bytes]] = []
    camera_module.camera(key="camera", on_pictures=taken.append)
    good = "data:image/jpeg;base64," + base64.b64encode(b"jpeg").decode()
    bad = ["data:text/html;base64,AAAA", "data:image/jpeg;base64,???", 7, good * 100_000]
    browser.send("pictures", {"serial": 1, "pictures": [good, *bad]})
    browser.send("pictures", {"serial": 1, "pictures": [good]})
    assert taken == [[b"jpeg"]]
