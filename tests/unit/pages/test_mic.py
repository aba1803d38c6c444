"""How often the page looks at its microphone, and what it says when nothing is heard."""

from __future__ import annotations

import time

import numpy as np
import pytest

from core.audio.microphone import Microphone
from pages.components import mic as module
from pages.components.i18n import t
from pages.components.mic import diagnosis

FAST_S = 0.2


def period_s(mic: Microphone) -> float | None:
    return module._period_s(mic, FAST_S)


def send(mic: Microphone) -> None:
    mic.push(np.zeros((1, 1920), np.int16), 2, 48_000)


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = time.monotonic() + seconds
    monkeypatch.setattr(time, "monotonic", lambda: now)


def test_a_microphone_that_is_off_is_not_looked_at() -> None:
    mic = Microphone()
    assert period_s(mic) is None
    mic.note_connection(playing=False, connecting=True)
    assert period_s(mic) == 1.0
    mic.note_connection(playing=True, connecting=False)
    assert period_s(mic) == FAST_S
    mic.note_connection(playing=False, connecting=False)
    assert period_s(mic) is None


def test_a_lost_connection_is_looked_at_slowly_and_fast_again_with_sound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mic = Microphone()
    mic.note_connection(playing=True, connecting=False)
    send(mic)
    assert (period_s(mic), diagnosis(mic)) == (FAST_S, "")
    mic.ended()
    later(monkeypatch, 8)
    assert (period_s(mic), diagnosis(mic)) == (1.0, "lost")
    send(mic)
    assert (period_s(mic), diagnosis(mic)) == (FAST_S, "silent")
    mic.ended()


def test_a_connection_that_brings_nothing_is_told_from_one_that_was_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mic = Microphone()
    mic.note_connection(playing=True, connecting=False)
    assert diagnosis(mic) == ""
    later(monkeypatch, 8)
    assert (period_s(mic), diagnosis(mic)) == (1.0, "no_frames")


def test_a_connection_that_was_soon_ended_did_not_fail() -> None:
    mic = Microphone()
    mic.note_connection(playing=False, connecting=True)
    send(mic)
    # A busy page may never have seen it play.
    mic.note_connection(playing=False, connecting=False)
    assert diagnosis(mic) == ""
    mic.ended()


def test_a_connection_that_does_not_come_about_is_slow_and_then_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mic = Microphone()
    mic.note_connection(playing=False, connecting=True)
    assert diagnosis(mic) == ""
    later(monkeypatch, 20)
    assert diagnosis(mic) == "slow"
    mic.note_connection(playing=False, connecting=False)
    assert diagnosis(mic) == "failed"
    assert diagnosis(mic, browser="denied") == "denied"
    mic.note_connection(playing=True, connecting=False)
    mic.note_connection(playing=False, connecting=False)
    assert diagnosis(mic) == ""


@pytest.mark.parametrize("key", ["live", "show", "words_live"])
def test_every_page_with_a_microphone_says_what_does_without(key: str) -> None:
    assert t(f"mic_help.else_{key}") != f"mic_help.else_{key}"
