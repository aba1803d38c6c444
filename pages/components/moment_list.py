"""The list of moments that fired or almost did: hear each, and say with one click what it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from pages.components.i18n import t
from pages.components.own_component import component_data, component_files

__all__ = ["MomentEvent", "MomentRow", "PlayedMoment", "draw_moments"]

_HTML = """<div class="moments"><ul class="levels"></ul><p class="none"></p>
<ol class="rows"></ol></div>"""


@dataclass(frozen=True)
class MomentRow:
    """One moment: its word, how long ago, its score and threshold, and what it was said to be."""

    serial: int
    word: str
    ago: str
    score: float
    threshold: float
    fired: bool
    label: str


@dataclass(frozen=True)
class MomentEvent:
    """What the visitor did: ``"play"``, or ``"label"`` with a label as the browser sent it."""

    kind: str
    moment: int
    label: str = ""


@dataclass(frozen=True)
class PlayedMoment:
    """A sound to be played once: another serial for each time, and a ``data:`` URL."""

    serial: int
    url: str


def draw_moments(
    rows: Sequence[MomentRow],
    labels: Mapping[str, str],
    *,
    levels: Sequence[tuple[str, float]],
    on: bool,
    played: PlayedMoment | None,
    on_event: Callable[[MomentEvent], None],
    key: str,
) -> None:
    """Draw the list.

    Parameters
    ----------
    rows : sequence of MomentRow
        The newest first.
    labels : mapping of str to str
        What a moment may have been, and the name shown for it.
    levels : sequence of (str, float)
        The words' scores now.
    on : bool
        Whether the microphone gives sound.
    played : PlayedMoment or None
        What was asked to be played last.
    on_event : callable
        Called for each thing that was done, before the page is drawn again.
    key : str
    """
    heard_key = f"{key}_heard"

    def hear() -> None:
        for entry in st.session_state[key].get("events") or []:
            # A browser repeats an event until it learns that it was heard.
            if entry["serial"] > st.session_state.get(heard_key, 0):
                st.session_state[heard_key] = entry["serial"]
                on_event(
                    MomentEvent(
                        str(entry["kind"]), int(entry["moment"]), str(entry.get("label") or "")
                    )
                )

    _component()(
        key=key,
        data=component_data(
            {
                "rows": [asdict(row) for row in rows],
                "labels": [[label, name] for label, name in labels.items()],
                "levels": [list(level) for level in levels],
                "on": on,
                "played": None if played is None else asdict(played),
                "heard": st.session_state.get(heard_key, 0),
                "words": {
                    "play": t("wordspage.play"),
                    "fired": t("wordspage.fired"),
                    "almost": t("wordspage.almost"),
                    "was": t("wordspage.was"),
                    "none": t("wordspage.live_none") if on else t("wordspage.live_off"),
                },
            }
        ),
        on_events_change=hear,
    )


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    css, js = component_files("moment_list", elements=True)
    return st.components.v2.component("moment_list", html=_HTML, css=css, js=js)
