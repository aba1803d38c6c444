"""What a visitor holds goes when the visitor has gone, and not before."""

from __future__ import annotations

import threading

import pytest
from streamlit.testing.v1 import AppTest

from pages.components import presence


class Thing:
    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True


class Runtime:
    """Stands for Streamlit's: says which sessions are connected."""

    def __init__(self) -> None:
        self.active: set[str] = set()

    def is_active_session(self, session_id: str) -> bool:
        return session_id in self.active


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Runtime:
    runtime = Runtime()
    monkeypatch.setattr(presence.runtime, "exists", lambda: True)
    monkeypatch.setattr(presence.runtime, "get_instance", lambda: runtime)
    return runtime


def _page() -> None:
    import streamlit as st

    from pages.components.presence import held
    from tests.unit.pages.test_presence import Thing

    st.session_state["seen"] = held("thing", Thing)


def test_a_session_keeps_its_thing_and_gets_another_when_it_was_closed() -> None:
    app = AppTest.from_function(_page).run()
    first = app.session_state["seen"]
    assert app.run().session_state["seen"] is first
    first.close()
    assert app.run().session_state["seen"] is not first


def test_two_sessions_have_things_of_their_own() -> None:
    first, second = (AppTest.from_function(_page).run().session_state["seen"] for _ in range(2))
    assert first is not second


def test_a_thing_is_closed_when_its_visitor_stays_away(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "GRACE_S", 0.01)
    thing = Thing()
    presence._left(presence._Presence(thing, "gone"))
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(5)
    assert thing.closed


def test_a_visitor_who_came_back_loses_nothing(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_again = []
    monkeypatch.setattr(presence, "_left", looked_again.append)
    runtime.active.add("back")
    thing = Thing()
    presence._close_if_away(presence._Presence(thing, "back"))
    assert not thing.closed
    assert len(looked_again) == 1
