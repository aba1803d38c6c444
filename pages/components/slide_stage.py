"""The large slide: fades, keys, buttons, full screen. The server says which slide shows."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.errors import UsageError
from core.slides import Slide
from core.slideshow import Command, SlideshowState, command_table
from pages.components.i18n import t
from pages.components.own_component import component_data, component_files

__all__ = ["HeardWord", "draw_stage"]

_MOST_PICTURES = 3
_ICONS = {
    "first": "M18 6l-6 6 6 6M7 6v12",
    "previous": "M15 6l-6 6 6 6",
    "next": "M9 6l6 6-6 6",
    "last": "M6 6l6 6-6 6M17 6v12",
    "full": "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
}


@dataclass(frozen=True)
class HeardWord:
    """The word just heard.

    Attributes
    ----------
    serial : int
        Grows from word to word; each is shown once.
    word : str
    note : str
        Beside it, such as its probability.
    moves : bool
        Whether the word is one that does something.
    """

    serial: int
    word: str
    note: str
    moves: bool


def draw_stage(
    slides: Sequence[Slide],
    state: SlideshowState,
    *,
    deck: str,
    wrap: bool,
    heard: HeardWord | None,
    on_command: Callable[[Command], None],
    key: str,
) -> None:
    """Draw the slide and what turns it.

    Parameters
    ----------
    slides : sequence of Slide
    state : SlideshowState
    deck : str
        Another one for other slides: the browser keeps pictures for as long as it is the same.
    wrap : bool
        Whether the ends are joined, so that no button is ever without use.
    heard : HeardWord or None
    on_command : callable
        Called for each key and button, in order, before the page is drawn again.
    key : str
    """
    heard_key = f"{key}_heard"

    def hear() -> None:
        for entry in st.session_state[key].get("commands") or []:
            # A browser repeats a command until it learns that it was heard.
            if entry["serial"] > st.session_state.get(heard_key, 0):
                st.session_state[heard_key] = entry["serial"]
                command = _command(entry)
                if command is not None:
                    on_command(command)

    _component()(
        key=key,
        data=component_data(
            {
                "deck": deck,
                "count": len(slides),
                "index": state.index,
                "paused": state.paused,
                "page": t("show.page_of", page=state.page, count=state.count),
                "alt": t("show.alt", page=state.page, name=slides[state.index].name),
                "at_start": not wrap and state.index == 0,
                "at_end": not wrap and state.index == state.count - 1,
                "pictures": _pictures(slides, state, deck, key),
                "heard_command": st.session_state.get(heard_key, 0),
                "heard_word": None
                if heard is None
                else {
                    "serial": heard.serial,
                    "word": heard.word,
                    "note": heard.note,
                    "moves": heard.moves,
                },
                "words": {
                    "paused": t("show.paused"),
                    "buttons": {name: t(f"show.{name}") for name in _ICONS},
                },
            }
        ),
        on_commands_change=hear,
        on_wanted_change=lambda: None,
    )


def _pictures(
    slides: Sequence[Slide], state: SlideshowState, deck: str, key: str
) -> dict[str, str]:
    """Return the pictures that the browser has asked for, the very first one unasked."""
    wanted = (st.session_state.get(key) or {}).get("wanted")
    if not wanted or wanted.get("deck") != deck:
        places = [state.index]
    else:
        places = [place for place in wanted.get("places", ()) if isinstance(place, int)]
    return {
        str(place): base64.b64encode(slides[place].jpeg).decode("ascii")
        for place in places[:_MOST_PICTURES]
        if 0 <= place < len(slides)
    }


def _command(entry: dict[str, Any]) -> Command | None:
    page = entry.get("page")
    row = ("key", str(entry.get("action")), page if isinstance(page, int) else None)
    try:
        return command_table([row])["key"]
    except UsageError:
        # Only our own script sends these; whatever else comes is nobody's wish.
        return None


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    css, js = component_files("slide_stage")
    buttons = {
        name: f'<button type="button" data-action="{name}"><svg viewBox="0 0 24 24" '
        f'aria-hidden="true"><path d="{drawing}"></path></svg></button>'
        for name, drawing in _ICONS.items()
    }
    html = f"""<div class="show">
<div class="stage"><img alt=""><img alt="">
<div class="heard" role="status"><b></b><span></span></div><div class="paused" hidden></div></div>
<div class="bar">{buttons["first"]}{buttons["previous"]}<span class="page"></span>
{buttons["next"]}{buttons["last"]}{buttons["full"]}</div>
</div>"""
    return st.components.v2.component("slide_stage", html=html, css=css, js=js)
