"""What Streamlit 1.67 leaves undone where a fragment is asked for in the moment a run ends.

What a run draws waits in the server's event loop until it is sent. A request that comes when the
run is over, but before all of it was sent, starts another runner, and what is left of the first is
thrown away. A request for the whole page draws it anew. One for a fragment does not: the end of the
page stays undrawn, and with it the order to ask for a fragment again and again, so that a page
that listens shows nothing of what it hears.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING

from streamlit.runtime.app_session import AppSession, AppSessionState

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner_utils.script_requests import RerunData

__all__ = ["let_runs_end"]


def let_runs_end() -> None:
    """Let each session send what a run has drawn before it runs a fragment.

    For all sessions from now on; to be called as often as one likes.
    """
    start = AppSession._create_scriptrunner
    if hasattr(start, "__wrapped__"):
        return

    @wraps(start)
    def start_when_sent(session: AppSession, asked: RerunData) -> None:
        if not asked.fragment_id or session._scriptrunner is None:
            start(session, asked)
            return
        # The runner that is still there has refused the request: it is over, and all that it has
        # to tell is before this in the loop.
        session._event_loop.call_soon_threadsafe(ask_again, session, asked)

    def ask_again(session: AppSession, asked: RerunData) -> None:
        if session._state == AppSessionState.SHUTDOWN_REQUESTED:
            return
        if session._scriptrunner is None or not session._scriptrunner.request_rerun(asked):
            start(session, asked)

    AppSession._create_scriptrunner = start_when_sent
