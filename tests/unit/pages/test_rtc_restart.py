"""A start that follows a stop at once: the worker of the first connection makes way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import streamlit as st
from streamlit_webrtc.component import (
    WebRtcStreamerContext,
    WebRtcStreamerState,
    generate_frontend_component_key,
)

from pages.components.rtc_restart import drop_worker_of_another_offer, note_offer

KEY = "live_rtc"


class Track:
    readyState = "live"  # noqa: N815  # the field's name

    def __init__(self) -> None:
        self._queue: asyncio.Queue[None] = asyncio.Queue()


class Worker:
    stopped = 0

    def __init__(self) -> None:
        self.input_audio_track = Track()

    def stop(self) -> None:
        self.stopped += 1


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    values: dict[str, Any] = {}
    monkeypatch.setattr(st, "session_state", values)
    return values


def _offers(state: dict[str, Any], sdp: str | None) -> None:
    offer = None if sdp is None else {"sdp": sdp, "type": "offer"}
    state[generate_frontend_component_key(KEY)] = {"playing": False, "sdpOffer": offer}


def _connect(state: dict[str, Any]) -> tuple[Worker, Any]:
    worker = Worker()
    found: Any = worker
    context: Any = WebRtcStreamerContext(found, WebRtcStreamerState(True, False))
    context._sdp_answer_json, context._is_sdp_answer_sent = "answer", True
    state[KEY] = context
    _offers(state, "first")
    note_offer(KEY)
    return worker, context


@pytest.mark.parametrize("sdp", ["first", None, ""])
def test_a_connection_goes_on_while_its_browser_offers_no_other(
    state: dict[str, Any], sdp: str | None
) -> None:
    worker, context = _connect(state)
    _offers(state, sdp)
    drop_worker_of_another_offer(KEY)
    assert worker.stopped == 0
    assert context._get_worker() is worker


def test_another_offer_ends_it_and_is_answered_anew(state: dict[str, Any]) -> None:
    worker, context = _connect(state)
    _offers(state, "second")
    drop_worker_of_another_offer(KEY)
    assert worker.stopped == 1
    assert context._get_worker() is None
    assert context._sdp_answer_json is None
    assert context.state == WebRtcStreamerState(playing=False, signalling=True)


def test_nothing_is_there_before_the_first_start(state: dict[str, Any]) -> None:
    drop_worker_of_another_offer(KEY)
    note_offer(KEY)
    assert state == {}


def test_sound_that_never_began_ends_with_its_connection(
    state: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, context = _connect(state)
    context._set_worker(None)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr("streamlit_webrtc.eventloop.get_global_event_loop", lambda: loop)
        await asyncio.to_thread(note_offer, KEY)
        async with asyncio.timeout(10):
            assert await worker.input_audio_track._queue.get() is None

    asyncio.run(run())
    assert f"{KEY}_offer" not in state
