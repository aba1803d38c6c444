"""What Streamlit-WebRTC 0.79 and aiortc 1.16 leave undone between two connections of one page.

A busy server can get a stop and the next start in one message: the page then sees a browser that
offers a connection, and a worker that still serves the one before. It would keep that worker,
whose browser has hung up, and never answer the new offer.

And a connection that is ended before it stood never tells whoever waits for its sound that there
will be none: a task would wait for ever.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import streamlit as st

__all__ = ["SoundEnd", "make_way_for_another_offer"]

# The line of an offer that names its connection; candidates that come later do not change it.
_ORIGIN = re.compile(r"^o=(.*?)\r?$", re.MULTILINE)


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

    context = st.session_state.get(key)
    worker = None if context is None else context._get_worker()
    value = st.session_state.get(generate_frontend_component_key(key)) or {}
    offered = _origin(value.get("sdpOffer"))
    # A worker that has no offer yet is only being made: it is left alone.
    served = "" if worker is None else _origin(worker.pc.remoteDescription)
    if offered and served and offered != served:
        _reset_context(context)
        context._set_state(compile_state(value))


def _origin(description: Any) -> str:
    """Return who made an offer, of the browser's or aiortc's form; empty where there is none."""
    sdp = description.get("sdp") if isinstance(description, dict) else None
    found = _ORIGIN.search(sdp or getattr(description, "sdp", None) or "")
    return found[1] if found else ""


class SoundEnd:
    """Called by the connection's sink when there will be no more sound; on the event loop.

    Parameters
    ----------
    then : callable
        Called each time.
    """

    def __init__(self, then: Callable[[], None]) -> None:
        self._then = then
        self._track: Any = None

    def note(self, track: Any) -> None:
        """Remember the sound of the connection that stands; None is no other."""
        self._track = track or self._track

    def __call__(self) -> None:
        """End the sound, so that nobody goes on waiting for it."""
        track, self._track = self._track, None
        if track is not None and track.readyState == "live":
            # As aiortc itself says it where the connection had stood.
            track._queue.put_nowait(None)
        self._then()
