"""The live channel: what is told, when, and to whom."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC
from typing import Any

import numpy as np
import pytest
import streamlit as st

from core.audio.microphone import RATE_HZ, Microphone
from core.speech import SmoothMode, load_model
from core.speech.ear import SpeechEar
from pages.components import live_channel
from pages.components.i18n import saying
from pages.components.live_channel import LiveChannel, channel_of, route
from pages.components.live_feed import BoardFeed


class Browser:
    """A socket whose other end hears, and goes when it is told to."""

    def __init__(self, token: str = "") -> None:
        self.path_params = {"token": token}
        self.told: list[dict[str, Any]] = []
        self.closed: int | None = None
        self.gone = asyncio.Event()

    async def accept(self) -> None:
        pass

    async def receive(self) -> dict[str, str]:
        await self.gone.wait()
        return {"type": "websocket.disconnect"}

    async def send_text(self, text: str) -> None:
        self.told.append(json.loads(text))

    async def close(self, code: int) -> None:
        self.closed = code
        self.gone.set()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not true():
                await asyncio.sleep(0.005)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_channel, "_served", False)
    monkeypatch.setattr(st, "session_state", {})


@pytest.mark.usefixtures("served")
def test_pages_have_a_channel_where_the_server_has_the_route() -> None:
    assert channel_of("live") is None
    assert route().path == "/live/{token}"
    channel = channel_of("live")
    assert channel is not None
    assert channel_of("live") is channel
    assert channel.address != LiveChannel().address


def test_only_who_knows_the_address_is_told() -> None:
    async def run() -> None:
        stranger = Browser("guessed")
        await live_channel._answer(stranger)  # type: ignore[arg-type]
        assert stranger.closed == 1008

    asyncio.run(run())


def test_each_browser_has_a_feed_of_its_own_and_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_channel, "_PERIOD_S", 30)
    waiting: list[list[dict[str, Any]]] = []

    def feed() -> Callable[[], dict[str, Any]]:
        mine: list[dict[str, Any]] = [{"first": len(waiting)}]
        waiting.append(mine)
        return lambda: mine.pop() if mine else {}

    async def run() -> None:
        channel = LiveChannel()
        channel.tell(feed)
        token = channel.address.rpartition("/")[2]
        browsers = [Browser(token), Browser(token)]
        tasks = [asyncio.create_task(live_channel._answer(one)) for one in browsers]  # type: ignore[arg-type]
        for number, one in enumerate(browsers):
            await one.until(lambda one=one: bool(one.told))  # type: ignore[misc]
            assert one.told == [{"first": number}]
        assert channel.connected
        waiting[1].append({"word": "up"})
        await asyncio.to_thread(channel.poke)
        await browsers[1].until(lambda: len(browsers[1].told) == 2)
        assert browsers[1].told[1] == {"word": "up"}
        assert len(browsers[0].told) == 1
        for one in browsers:
            one.gone.set()
        await asyncio.gather(*tasks)
        assert not channel.connected

    asyncio.run(run())


def test_a_feed_that_fails_closes_the_channel(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> dict[str, Any]:
        raise ValueError("broken")

    async def run() -> None:
        channel = LiveChannel()
        channel.tell(lambda: broken)
        one = Browser()
        await channel.serve(one)  # type: ignore[arg-type]
        assert one.closed == 1011
        assert not channel.connected

    asyncio.run(run())
    assert "a live channel failed" in caplog.text


def test_the_board_is_told_what_has_changed_and_no_more() -> None:
    mic = Microphone()
    model = load_model(None)
    ear = SpeechEar(model, SmoothMode(thresholds=model.thresholds))
    mic.listen(ear)
    feed = BoardFeed(mic, ear, saying("en"), UTC)
    first = feed()
    assert first["words"] == model.words
    assert set(first["scores"]) == {0.0}
    assert first["events"] == []
    assert first["all_events"]
    assert feed() == {}
    mic.feed(np.zeros(RATE_HZ, np.float32))
    mic._note("up", 0.9, 1.0)
    heard = feed()
    assert [event["word"] for event in heard["events"]] == ["up"]
    assert heard["counts"][model.words.index("up")] == 1
    assert not heard["all_events"]
    mic._note("down", 0.8, 2.0)
    assert [event["word"] for event in feed()["events"]] == ["down"]
    assert feed() == {}
    mic.forget()
    assert feed() == {"counts": [0] * len(model.words), "events": [], "all_events": True}


def test_the_spectrogram_is_told_twice_a_second_and_without_gaps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("pages.components.live_feed.time.monotonic", lambda: now)
    mic = Microphone()
    model = load_model(None)
    ear = SpeechEar(model, SmoothMode(thresholds=model.thresholds))
    mic.listen(ear)
    feed = BoardFeed(mic, ear, saying("en"), UTC)
    ends, starts = [], []
    for _ in range(50):
        mic._frames += 1
        mic._frame_at = now
        mic.feed(np.full(RATE_HZ // 10, 0.1, np.float32))
        drawn = feed().get("spectrogram")
        if drawn:
            count = len(drawn["columns"]) * 3 // 4 // drawn["bands"]
            ends.append(drawn["at"])
            starts.append(drawn["at"] - count)
        now += 0.1
    assert 9 <= len(ends) <= 11
    assert all(start <= end for start, end in zip(starts[1:], ends, strict=False))
