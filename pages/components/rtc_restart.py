"""Let a start that follows a stop at once make its own connection.

A busy server can get both in one message: the page then sees a browser that offers a connection,
and a worker that serves one. Streamlit-WebRTC 0.79 keeps that worker, whose browser has hung up,
and the new offer is never answered. Here such a worker is told by the offer that it was made for.
"""

from __future__ import annotations

import weakref
from typing import Any

import streamlit as st

__all__ = ["drop_worker_of_another_offer", "note_offer"]


def drop_worker_of_another_offer(key: str) -> None:
    """End a connection whose browser offers another one; before its sink is made.

    Parameters
    ----------
    key : str
        Of ``webrtc_streamer``.
    """
    from streamlit_webrtc.component import _reset_context, compile_state

    context, value = st.session_state.get(key), _told(key)
    worker = None if context is None else context._get_worker()
    served, sdp, _ = st.session_state.get(f"{key}_offer", (_nobody, "", None))
    if worker is None or worker is not served() or _sdp(value) in ("", sdp):
        return
    _reset_context(context)
    context._set_state(compile_state(value))


def note_offer(key: str) -> None:
    """Remember which offer the worker was made for; after each ``webrtc_streamer``."""
    place = f"{key}_offer"
    context = st.session_state.get(key)
    worker = None if context is None else context._get_worker()
    served, sdp, track = st.session_state.get(place, (_nobody, "", None))
    if worker is None or served() is not worker:
        _end(track)
        st.session_state.pop(place, None)
        sdp = _sdp(_told(key))
    if worker is not None:
        # Weakly: a connection that is over shall go.
        st.session_state[place] = (weakref.ref(worker), sdp, worker.input_audio_track)


def _end(track: Any) -> None:
    """End the sound of a connection that is over.

    aiortc 1.16 tells those who wait for sound that there will be none, but not where the
    connection was ended before it stood: then a task of the relay would wait for ever.
    """
    from streamlit_webrtc.eventloop import get_global_event_loop

    if track is not None and track.readyState == "live":
        get_global_event_loop().call_soon_threadsafe(track._queue.put_nowait, None)


def _nobody() -> None:
    return None


def _told(key: str) -> dict[str, Any]:
    """Return what the browser told last."""
    from streamlit_webrtc.component import generate_frontend_component_key

    return st.session_state.get(generate_frontend_component_key(key)) or {}


def _sdp(value: dict[str, Any]) -> str:
    return str((value.get("sdpOffer") or {}).get("sdp") or "")
