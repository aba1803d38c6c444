"""A button and a key for each word: a countdown, then one second is recorded.

The browser keeps the time, so that countdown and ring run smoothly whatever the server does; it
says when the second was, and the server cuts it from the microphone's sound.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from pages.components.i18n import t
from pages.components.own_component import component_data, component_files

__all__ = ["Order", "TakeTime", "WordButton", "draw_recorder"]

_HTML = """<div class="recorder">
<div class="now"><div class="ring"><svg viewBox="0 0 40 40" aria-hidden="true">
<circle class="track" cx="20" cy="20" r="18"></circle><circle class="part" cx="20" cy="20" r="18">
</circle></svg><span class="number"></span></div>
<div class="says" aria-live="polite"><b></b><span></span></div>
<button type="button" class="stop" hidden></button></div>
<div class="buttons"></div>
</div>"""


@dataclass(frozen=True)
class WordButton:
    """One word: its label, the name on the button, its key, its takes, how long one take is."""

    label: str
    name: str
    key: str = ""
    count: int = 0
    record_ms: int = 1000
    noise: bool = False


@dataclass(frozen=True)
class TakeTime:
    """When a take was spoken.

    Attributes
    ----------
    label : str
        As the browser sent it: it may name what is gone.
    began_s : float
        By this machine's ``time.time()``.
    length_s : float
    replaces : str
        The id of the take that it stands in for, or nothing.
    """

    label: str
    began_s: float
    length_s: float
    replaces: str


@dataclass(frozen=True)
class Order:
    """A take that was asked for elsewhere on the page; each serial is recorded once."""

    serial: int
    label: str
    replaces: str = ""


def draw_recorder(
    buttons: Sequence[WordButton],
    *,
    on: bool,
    key: str,
    on_take: Callable[[TakeTime], None],
    order: Order | None = None,
) -> None:
    """Draw the buttons.

    Parameters
    ----------
    buttons : sequence of WordButton
    on : bool
        Whether the microphone gives sound.
    key : str
    on_take : callable
        Called for each take in order, before the page is drawn again.
    order : Order, optional
    """
    heard_key = f"{key}_heard"

    def hear() -> None:
        for entry in st.session_state[key].get("takes") or []:
            # A browser repeats a take until it learns that it was heard.
            if entry["serial"] > st.session_state.get(heard_key, 0):
                st.session_state[heard_key] = entry["serial"]
                found = _take_time(entry)
                if found is not None:
                    on_take(found)

    _component()(
        key=key,
        data=component_data(
            {
                "takes_for": [asdict(button) for button in buttons],
                "on": on,
                "now_ms": 1000 * time.time(),
                "heard": st.session_state.get(heard_key, 0),
                "order": None if order is None else asdict(order),
                "words": {
                    name: t(f"recorder.{name}")
                    for name in (
                        "idle",
                        "idle_hint",
                        "off",
                        "off_hint",
                        "ready",
                        "speak",
                        "quiet",
                        "saving",
                        "done",
                        "stop",
                    )
                }
                | {
                    "left": t("recorder.left", seconds="{seconds}"),
                    "record": t("recorder.record", word="{word}"),
                },
            }
        ),
        on_takes_change=hear,
    )


def _take_time(entry: dict[str, Any]) -> TakeTime | None:
    began_s, length_s = (float(entry.get(name) or 0) / 1000 for name in ("began_ms", "length_ms"))
    if not (math.isfinite(began_s) and math.isfinite(length_s)):
        return None
    return TakeTime(
        str(entry.get("label", "")), began_s, length_s, str(entry.get("replaces") or "")
    )


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    css, js = component_files("word_recorder")
    return st.components.v2.component("word_recorder", html=_HTML, css=css, js=js)
