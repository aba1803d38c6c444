"""The words as tiles that turn green, with what was heard listed below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from pages.components.i18n import t
from pages.components.own_component import component_data, component_files

__all__ = ["BoardEvent", "BoardTile", "draw_board"]

_HTML = """<div class="board">
<ul class="tiles"></ul>
<ol class="log"></ol>
<div class="meters"><span class="label"></span><span class="meter"><i></i></span><span
class="value"></span></div>
<canvas role="img"></canvas>
<p class="caption"></p>
<div class="hidden" aria-live="polite"></div>
</div>"""


@dataclass(frozen=True)
class BoardTile:
    """One word.

    Attributes
    ----------
    word : str
    score : float
        0..1, drawn as a bar.
    threshold : float or None
        Where the bar has its mark.
    count : int
        How often the word was heard; a word that was has a green edge.
    note : str or None
        Text instead of the score in percent.
    """

    word: str
    score: float
    threshold: float | None = None
    count: int = 0
    note: str | None = None


@dataclass(frozen=True)
class BoardEvent:
    """A word that was heard.

    Attributes
    ----------
    serial : int
        Grows from event to event.
    word : str
    at : str
        When, as it is shown.
    time_s : float
        When, in seconds of the sound.
    probability : float
    age_s : float
        Seconds since it was decided; only fresh events light a tile.
    """

    serial: int
    word: str
    at: str
    time_s: float
    probability: float
    age_s: float = 0.0


def draw_board(
    tiles: Sequence[BoardTile],
    events: Sequence[BoardEvent],
    *,
    key: str,
    audio: str = "",
    run: str = "",
    live: dict[str, Any] | None = None,
    channel: str = "",
) -> None:
    """Draw the board.

    Parameters
    ----------
    tiles : sequence of BoardTile
    events : sequence of BoardEvent
        In the order of time.
    key : str
    audio : str, optional
        Key of the container with the player of the recording: tiles follow it, events start it.
    run : str, optional
        What the events depend on; another value draws the list anew.
    live : dict, optional
        Words come now. Empty before there was any sound, else ``level_db`` (float or None),
        ``level_text``, ``clipping``, ``caption`` and ``spectrogram`` (None, or ``at``: columns
        until now, ``bands``, and ``columns``: the latest as base64 of one byte a value).
    channel : str, optional
        Where a `LiveChannel` tells what changes; what it has told goes before what is given here.
    """
    _component()(
        key=key,
        # The channel wakes the page where it has something to say itself.
        on_look_change=lambda: None,
        data=component_data(
            {
                "tiles": [asdict(tile) for tile in tiles],
                "events": [asdict(event) for event in events],
                "audio": audio,
                "run": run,
                "live": live,
                "channel": channel,
                "words": {
                    "play": t("board.play"),
                    "log": t("board.log"),
                    "level": t("board.level"),
                    "spectrogram": t("board.spectrogram"),
                },
            }
        ),
    )


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    css, js = component_files("word_board", elements=True)
    return st.components.v2.component("word_board", html=_HTML, css=css, js=js)
