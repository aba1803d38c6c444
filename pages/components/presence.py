"""What belongs to one visitor, and goes when the visitor has gone.

Streamlit keeps a session's state for two minutes or longer after its browser has left, and tells
nobody when it drops it. Samples, models and the threads that use them must go for certain, and
must not go when a phone sleeps for a few seconds.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.memory import trim

__all__ = ["Closable", "held"]

GRACE_S = 90.0


class Closable(Protocol):
    """Something with threads and memory that can be given up."""

    closed: bool

    def close(self) -> None:
        """Stop what runs and drop what is held."""


_Held = TypeVar("_Held", bound=Closable)


@dataclass(eq=False)
class _Presence:
    """A thing that is held and the session that it belongs to."""

    what: Closable
    session_id: str


def held(key: str, make: Callable[[], _Held]) -> _Held:
    """Return this session's own thing, made when it is first wanted or was closed.

    It is closed when the visitor has been away for `GRACE_S` seconds.

    Parameters
    ----------
    key : str
        Its place in the session's state.
    make : callable

    Returns
    -------
    Closable
        What `make` returned.
    """
    what = cast("_Held | None", st.session_state.get(key))
    if what is None or what.closed:
        what = st.session_state[key] = make()
        st.session_state[f"{key}_token"] = secrets.token_hex(8)
    context = get_script_run_ctx()
    if context is not None:
        _present(st.session_state[f"{key}_token"], what, context.session_id)
    return what


def _left(presence: _Presence) -> None:
    timer = threading.Timer(GRACE_S, _close_if_away, [presence])
    timer.daemon = True
    timer.start()


def _close_if_away(presence: _Presence) -> None:
    if runtime.exists() and runtime.get_instance().is_active_session(presence.session_id):
        # Back, perhaps on another page that does not ask for it: look again later.
        _left(presence)
        return
    if not presence.what.closed:
        presence.what.close()
        trim()


@st.cache_resource(scope="session", show_spinner=False, on_release=_left)
def _present(token: str, _what: Closable, _session_id: str) -> _Presence:
    return _Presence(_what, _session_id)
