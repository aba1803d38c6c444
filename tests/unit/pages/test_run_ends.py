"""What a run draws last arrives, although a fragment is asked for in the moment it ends."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from streamlit import runtime
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.script_data import ScriptData
from streamlit.runtime.scriptrunner.script_cache import ScriptCache

from pages.components.run_ends import let_runs_end

_SCRIPT = """
import streamlit as st

@st.fragment(run_every=0.2)
def draw():
    st.session_state.times = st.session_state.get("times", 0) + 1
    st.text(f"drawn {st.session_state.times}")

draw()
st.text("the last line")
"""


async def _until(session: AppSession, *, over: bool) -> None:
    """Let the session tell all that it has to, until a run goes on or none does."""
    end_s = time.monotonic() + 20
    while (session._scriptrunner is None) != over:
        assert time.monotonic() < end_s
        await asyncio.sleep(0.01)


def _texts(session: AppSession) -> list[str]:
    messages = session.flush_browser_queue()
    return [message.delta.new_element.text.body for message in messages if message.delta]


def _orders(session: AppSession) -> int:
    messages = session._browser_queue._queue
    return sum(message.WhichOneof("type") == "auto_rerun" for message in messages)


async def _ask_when_over(script: Path) -> tuple[list[str], int]:
    """Return the texts and the timers of a run that was over when its fragment was asked for."""
    session = AppSession(
        ScriptData(str(script)), MemoryUploadedFileManager("/uploads"), ScriptCache(), None, {}
    )
    try:
        session.request_rerun(None)
        runner = session._scriptrunner
        assert runner is not None
        # All that it tells waits in this loop, which does nothing else meanwhile.
        runner._script_thread.join(20)
        assert not runner._script_thread.is_alive()
        (fragment,) = session._fragment_storage._fragments
        session.request_rerun(ClientState(fragment_id=fragment, is_auto_rerun=True))
        await _until(session, over=True)
        orders = _orders(session)
        return _texts(session), orders
    finally:
        session.shutdown()


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(runtime, "get_instance", MagicMock())
    path = tmp_path / "script.py"
    path.write_text(_SCRIPT, encoding="utf-8")
    return path


def test_the_end_of_a_run_is_sent_before_its_fragment_runs(script: Path) -> None:
    let_runs_end()
    texts, orders = asyncio.run(_ask_when_over(script))
    assert "the last line" in texts
    assert orders == 1
    # And the fragment runs.
    assert "drawn 2" in texts
