"""A start that follows a stop at once, and sound that never began."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRelay
from streamlit_webrtc.component import (
    WebRtcStreamerContext,
    WebRtcStreamerState,
    generate_frontend_component_key,
)
from streamlit_webrtc.sink import AudioSinkTrack

from pages.components.rtc_restart import (
    ConnectionEnd,
    _origin,
    make_way_for_another_offer,
)

KEY = "live_rtc"
_SDP = "v=0\r\no=- {number} 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
_CANDIDATE = "a=candidate:1 1 UDP 2122252543 192.0.2.1 40000 typ host\r\n"


class Worker:
    def __init__(self, number: int | None) -> None:
        self.stopped = 0
        offer = None if number is None else SimpleNamespace(sdp=_SDP.format(number=number))
        self.pc = SimpleNamespace(remoteDescription=offer)

    def stop(self) -> None:
        self.stopped += 1


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    values: dict[str, Any] = {}
    monkeypatch.setattr(st, "session_state", values)
    return values


def _offers(state: dict[str, Any], sdp: str | None) -> None:
    # Without an offer the browser says an empty text instead.
    offer = "" if sdp is None else {"sdp": sdp, "type": "offer"}
    state[generate_frontend_component_key(KEY)] = {"playing": False, "sdpOffer": offer}


def _serves(state: dict[str, Any], number: int | None) -> tuple[Worker, Any]:
    worker = Worker(number)
    found: Any = worker
    context: Any = WebRtcStreamerContext(found, WebRtcStreamerState(True, False))
    context._sdp_answer_json, context._is_sdp_answer_sent = "answer", True
    state[KEY] = context
    return worker, context


@pytest.mark.parametrize("sdp", [_SDP.format(number=7), _SDP.format(number=7) + _CANDIDATE, None])
@pytest.mark.parametrize("served", [7, None])
def test_a_connection_goes_on_while_its_browser_offers_no_other(
    state: dict[str, Any], sdp: str | None, served: int | None
) -> None:
    worker, context = _serves(state, served)
    _offers(state, sdp)
    make_way_for_another_offer(KEY)
    assert worker.stopped == 0
    assert context._get_worker() is worker
    assert context._sdp_answer_json == "answer"


def test_a_browser_that_says_nothing_yet_offers_no_other(state: dict[str, Any]) -> None:
    worker, _ = _serves(state, 7)
    make_way_for_another_offer(KEY)
    state[generate_frontend_component_key(KEY)] = None
    make_way_for_another_offer(KEY)
    assert worker.stopped == 0


def test_another_offer_ends_it_and_is_answered_anew(state: dict[str, Any]) -> None:
    worker, context = _serves(state, 7)
    _offers(state, _SDP.format(number=8))
    make_way_for_another_offer(KEY)
    assert worker.stopped == 1
    assert context._get_worker() is None
    assert context._sdp_answer_json is None
    assert context.state == WebRtcStreamerState(playing=False, signalling=True)


def test_nothing_is_there_before_the_first_start(state: dict[str, Any]) -> None:
    make_way_for_another_offer(KEY)
    assert state == {}


def test_an_offer_is_known_again_in_the_connection_that_was_made_for_it() -> None:
    async def both() -> tuple[Any, Any]:
        browser, server = RTCPeerConnection(), RTCPeerConnection()
        browser.addTransceiver("audio", direction="sendonly")
        offer = await browser.createOffer()
        await server.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
        served = server.remoteDescription
        await browser.close()
        await server.close()
        return {"sdp": offer.sdp, "type": "offer"}, served

    offered, served = asyncio.run(both())
    assert _origin(offered) == _origin(served) != ""


class _Pair:
    """Two connections, and a sink as the page's."""

    def __init__(self) -> None:
        self.browser, self.server = RTCPeerConnection(), RTCPeerConnection()
        self.browser.addTransceiver("audio", direction="sendonly")
        self.ended: list[str] = []
        self.end = ConnectionEnd(lambda: self.ended.append("ended"))
        self.sink = AudioSinkTrack(lambda frame: None)
        self.sink._on_ended_callback = self.end
        relay = MediaRelay()

        @self.server.on("track")
        def _(track: MediaStreamTrack) -> None:
            self.sink.addTrack(relay.subscribe(track))

    async def offer(self) -> None:
        await self.browser.setLocalDescription(await self.browser.createOffer())
        await self.server.setRemoteDescription(self.browser.localDescription)
        self.sink.start()
        await asyncio.sleep(0.05)

    async def close(self) -> None:
        self.sink.stop()
        await self.server.close()
        await self.browser.close()


async def _left(before: set[asyncio.Task[Any]]) -> list[str]:
    """Return what still runs when all that ends by itself has had its time; end it."""
    for _ in range(40):
        await asyncio.sleep(0.1)
        left = [task for task in asyncio.all_tasks() - before if not task.done()]
        if not left:
            break
    for task in left:
        task.cancel()
    return sorted(str(task.get_coro()).split()[2] for task in left)


@pytest.mark.parametrize("noted", [True, False])
def test_sound_that_never_began_ends_with_its_connection(noted: bool) -> None:
    async def run() -> list[str]:
        before = asyncio.all_tasks()
        pair = _Pair()
        await pair.offer()
        if noted:
            pair.end.note(pair.server)
            pair.end.note(None)  # what the page sees once the connection is over
        # Ended before the browser had the answer.
        await pair.close()
        left = await _left(before)
        assert pair.ended == ["ended"]
        return left

    # Without a note of the connection, the relay's task is what would be left.
    assert asyncio.run(run()) == ([] if noted else ["MediaRelay.__run_track"])


@pytest.mark.parametrize("noted", [True, False])
def test_a_connection_that_comes_to_stand_as_it_is_closed_asks_no_longer(
    noted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> list[str]:
        before = asyncio.all_tasks()
        pair = _Pair()
        await pair.offer()
        await pair.server.setLocalDescription(await pair.server.createAnswer())
        transport = pair.server.getReceivers()[0].transport.transport
        ice = transport._connection
        connected = ice.connect
        closed = asyncio.Event()

        async def late() -> None:
            # All checks are done, but the task that waits for them goes on only later.
            await closed.wait()
            ice._query_consent_task = asyncio.create_task(ice.query_consent())

        assert connected is not None
        monkeypatch.setattr(ice, "connect", late)
        await asyncio.sleep(0.1)
        if noted:
            pair.end.note(pair.server)
        pair.sink.stop()
        closing = asyncio.ensure_future(pair.server.close())
        await asyncio.sleep(0.1)
        closed.set()
        await closing
        await pair.browser.close()
        return await _left(before)

    left = asyncio.run(run())
    assert ("Connection.query_consent" in left) is not noted


def test_the_end_of_an_earlier_sink_leaves_a_connection_that_goes_on_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pages.components.rtc_restart._LOOK_S", 0.01)

    async def run() -> None:
        before = asyncio.all_tasks()
        earlier, pair = _Pair(), _Pair()
        await earlier.offer()
        await pair.offer()
        for connection in (earlier.server, pair.server):
            earlier.end.note(connection)
        await earlier.close()
        await asyncio.sleep(0.5)
        track = pair.server.getReceivers()[0].track
        assert track.readyState == "live"
        assert track._queue.empty()
        # When that one is closed, nothing is left of it either.
        earlier.end.note(pair.server)
        pair.sink._on_ended_callback = earlier.end
        await pair.close()
        assert await _left(before) == []

    asyncio.run(run())
