"""What Streamlit-WebRTC 0.79 and aiortc 1.16 leave undone between two connections of one page.

A busy server can get a stop and the next start in one message: the page then sees a browser that
offers a connection, and a worker that still serves the one before. It would keep that worker,
whose browser has hung up, and never answer the new offer.

And a connection that is ended before it stood never tells whoever waits for its sound that there
will be none, and one that is ended in the very moment in which it comes to stand goes on asking the
other end whether it is there: each is a task that would go on for ever.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    from aiortc import RTCPeerConnection

__all__ = ["ConnectionEnd", "connection_of", "make_way_for_another_offer"]

# The line of an offer that names its connection; candidates that come later do not change it.
_ORIGIN = re.compile(r"^o=(.*?)\r?$", re.MULTILINE)


# How often and how long is waited for a connection to be closed by whoever ends it.
_LOOKS, _LOOK_S = 20, 0.5


def connection_of(key: str) -> RTCPeerConnection | None:
    """Return the connection that a ``webrtc_streamer`` serves now, if any."""
    context = st.session_state.get(key)
    worker = None if context is None else context._get_worker()
    return None if worker is None else worker.pc


def make_way_for_another_offer(key: str) -> None:
    """End the connection that stands if its browser offers another one.

    To be called before the sink of the connection is made.

    Parameters
    ----------
    key : str
        Of ``webrtc_streamer``.
    """
    from streamlit_webrtc.component import (
        _reset_context,
        compile_state,
        generate_frontend_component_key,
    )

    context, connection = st.session_state.get(key), connection_of(key)
    value = st.session_state.get(generate_frontend_component_key(key)) or {}
    offered = _origin(value.get("sdpOffer"))
    # A worker that has no offer yet is only being made: it is left alone.
    served = "" if connection is None else _origin(connection.remoteDescription)
    if offered and served and offered != served:
        _reset_context(context)
        context._set_state(compile_state(value))


def _origin(description: Any) -> str:
    """Return who made an offer, of the browser's or aiortc's form; empty where there is none."""
    sdp = description.get("sdp") if isinstance(description, dict) else None
    found = _ORIGIN.search(sdp or getattr(description, "sdp", None) or "")
    return found[1] if found else ""


class ConnectionEnd:
    """Called by the connection's sink when there will be no more sound; on the event loop.

    Parameters
    ----------
    then : callable
        Called each time.
    """

    def __init__(self, then: Callable[[], None]) -> None:
        self._then = then
        self._connections: list[RTCPeerConnection] = []
        self._closing: set[asyncio.Task[None]] = set()

    def note(self, connection: RTCPeerConnection | None) -> None:
        """Remember a connection that stands or is being made; None is no other."""
        if connection is not None and connection not in self._connections:
            self._connections.append(connection)

    def __call__(self) -> None:
        """End what connections would leave, once they are closed."""
        for connection in self._connections:
            closing = asyncio.ensure_future(self._close_wholly(connection))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        self._then()

    async def _close_wholly(self, connection: RTCPeerConnection) -> None:
        # The sink that ended may be that of an earlier connection: one that goes on is left alone.
        if not await _holds(lambda: connection.signalingState == "closed"):
            return
        if connection in self._connections:
            self._connections.remove(connection)
        for receiver in connection.getReceivers():
            if receiver.track is not None and receiver.track.readyState == "live":
                # As aiortc itself says it where the connection had stood.
                receiver.track._queue.put_nowait(None)
        # It may come to stand after its transports were stopped.
        await asyncio.sleep(_LOOK_S)
        if await _holds(lambda: connection.connectionState == "closed"):
            for receiver in connection.getReceivers():
                transport = receiver.transport.transport
                if transport.state != "closed":
                    await transport.stop()


async def _holds(condition: Callable[[], bool]) -> bool:
    for _ in range(_LOOKS):
        if condition():
            return True
        await asyncio.sleep(_LOOK_S)
    return condition()
