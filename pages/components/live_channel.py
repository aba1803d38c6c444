"""What happens live, told to the page at once over a WebSocket of its own.

Running a fragment four times a second costs a listener's server three times what recognition
costs, and the browser more: each run redraws part of the page. Here only what changed is sent,
to the one component that shows it. Where there is no such connection, fragments do.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from weakref import WeakValueDictionary

import streamlit as st
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

__all__ = ["Feed", "LiveChannel", "channel_of", "route"]

_PATH = "live"
_PERIOD_S = 0.2

Feed = Callable[[], dict[str, Any]]
"""Returns what has changed since its last call; everything at the first. Must not wait."""


class LiveChannel:
    """One session's channel; its address is a secret of the session.

    Attributes
    ----------
    address : str
        Relative to where the app is served.
    """

    def __init__(self) -> None:
        self._token = secrets.token_urlsafe(18)
        self.address = f"{_PATH}/{self._token}"
        self._make_feed: Callable[[], Feed] | None = None
        self._listeners: set[Callable[[], None]] = set()
        _channels[self._token] = self

    # ---- of the page's thread ----

    @property
    def connected(self) -> bool:
        """Whether a browser listens."""
        return bool(self._listeners)

    def tell(self, make_feed: Callable[[], Feed]) -> None:
        """Tell each browser what a feed of its own says, from now on."""
        self._make_feed = make_feed
        self.poke()

    # ---- of any thread ----

    def poke(self) -> None:
        """Ask the feeds now."""
        for wake in tuple(self._listeners):
            wake()

    # ---- of the server's event loop ----

    async def serve(self, socket: WebSocket) -> None:
        """Tell one browser until it goes."""
        await socket.accept()
        loop, woken = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the server is closing
                loop.call_soon_threadsafe(woken.set)

        self._listeners.add(wake)
        sender = asyncio.create_task(self._send(socket, woken))
        try:
            while (await socket.receive())["type"] != "websocket.disconnect":
                pass
        finally:
            self._listeners.discard(wake)
            sender.cancel()
            with suppress(asyncio.CancelledError):
                await sender

    async def _send(self, socket: WebSocket, woken: asyncio.Event) -> None:
        made, feed = None, None
        try:
            while True:
                woken.clear()
                if self._make_feed is not None and made is not self._make_feed:
                    made = self._make_feed
                    feed = made()
                changes = feed() if feed is not None else {}
                if changes:
                    await socket.send_text(
                        json.dumps(changes, ensure_ascii=False, separators=(",", ":"))
                    )
                # Not wait_for: in Python 3.11 it can lose a cancellation, and this would never end.
                with suppress(TimeoutError):
                    async with asyncio.timeout(_PERIOD_S):
                        await woken.wait()
        except asyncio.CancelledError:
            raise
        except Exception:
            # The page asks by itself when the channel is closed.
            logging.getLogger(__name__).exception("a live channel failed")
            with suppress(Exception):
                await socket.close(1011)


_channels: WeakValueDictionary[str, LiveChannel] = WeakValueDictionary()
_served = False


def channel_of(key: str) -> LiveChannel | None:
    """Return this session's channel of a page; None where the server has no route for it."""
    if not _served:
        return None
    place = f"{key}_channel"
    if place not in st.session_state:
        st.session_state[place] = LiveChannel()
    found: LiveChannel = st.session_state[place]
    return found


def route() -> WebSocketRoute:
    """Return the server's route to the channels, and let pages use them."""
    global _served
    _served = True
    base = (st.get_option("server.baseUrlPath") or "").strip("/")
    return WebSocketRoute(f"/{base}/{_PATH}/{{token}}".replace("//", "/"), _answer)


async def _answer(socket: WebSocket) -> None:
    channel = _channels.get(socket.path_params["token"])
    if channel is None:
        await socket.close(1008)
        return
    await channel.serve(socket)
