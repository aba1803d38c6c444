"""The class cards of a labelled sample set: a grid of tiles that can be chosen, moved, removed.

Pictures and recordings use the same cards; what a tile shows is the caller's affair. Streamlit's
own widgets would take a rerun for every tile that is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from pages.components.i18n import t
from pages.components.own_component import component_data, component_files

__all__ = ["Card", "CardEvent", "Played", "Tile", "draw_cards"]

_KINDS = {
    "add",
    "down",
    "move_tiles",
    "open",
    "page",
    "play",
    "remove",
    "remove_tiles",
    "rename",
    "up",
}


@dataclass(frozen=True)
class Tile:
    """One sample as its card shows it.

    Attributes
    ----------
    id : str
    src : str
        A ``data:`` URL of a small picture.
    title : str
        The file's name; shown where the pointer rests, and read aloud.
    flag : str
        What is doubtful about the sample, or nothing.
    wave : str
        Of a recording, its waveform: an SVG path in a box of 60 by 20.
    playable : bool
        Whether a button plays it.
    """

    id: str
    src: str
    title: str
    flag: str = ""
    wave: str = ""
    playable: bool = False


@dataclass(frozen=True)
class Card:
    """One class: its name, what its count says, the tiles of the page that is open, and notes.

    The name of a fixed one cannot be changed.
    """

    id: str
    name: str
    count: str
    tiles: tuple[Tile, ...] = ()
    page: int = 0
    pages: int = 1
    notes: tuple[str, ...] = ()
    target: bool = False
    fixed: bool = False


@dataclass(frozen=True)
class Played:
    """A recording to be played once: another serial for each time, the tile, a ``data:`` URL."""

    serial: int
    tile: str
    url: str


@dataclass(frozen=True)
class CardEvent:
    """What the visitor did.

    Attributes
    ----------
    kind : str
        ``"rename"`` (with `card` and `name`), ``"up"``, ``"down"``, ``"remove"``, ``"add"``
        (with `card`), ``"page"`` (with `card` and `page`), ``"remove_tiles"``, ``"open"``,
        ``"play"`` (with `tiles`), or ``"move_tiles"`` (with `tiles`, and `card` as the target).
    """

    kind: str
    card: str = ""
    name: str = ""
    page: int = 0
    tiles: tuple[str, ...] = ()


def draw_cards(
    cards: Sequence[Card],
    *,
    key: str,
    on_event: Callable[[CardEvent], None],
    open_label: str = "",
    played: Played | None = None,
    words: Mapping[str, str] | None = None,
) -> None:
    """Draw the cards.

    Parameters
    ----------
    cards : sequence of Card
    key : str
    on_event : callable
        Called before the page is drawn again, once for each thing that was done, in order. Ids
        are as the browser sent them: they may name what is gone.
    open_label : str, optional
        The words for what is done with one chosen tile, such as "Try it"; none, no such button.
    played : Played, optional
        What was asked to be played last.
    words : mapping of str to str, optional
        Instead of the words for pictures.
    """
    heard_key = f"{key}_heard"

    def hear() -> None:
        for entry in st.session_state[key].get("events") or []:
            # A browser repeats an event until it learns that it was heard.
            if entry["serial"] > st.session_state.get(heard_key, 0) and entry["kind"] in _KINDS:
                st.session_state[heard_key] = entry["serial"]
                on_event(_event(entry))

    _component()(
        key=key,
        data=component_data(
            {
                "cards": [asdict(card) for card in cards],
                "words": {**_words(open_label), **(words or {})},
                "played": None if played is None else asdict(played),
                "heard": st.session_state.get(heard_key, 0),
            }
        ),
        on_events_change=hear,
    )


def _event(entry: dict[str, Any]) -> CardEvent:
    return CardEvent(
        str(entry["kind"]),
        card=str(entry.get("card", "")),
        name=str(entry.get("name", "")),
        page=int(entry.get("page", 0)),
        tiles=tuple(str(tile) for tile in entry.get("tiles", ())),
    )


def _words(open_label: str) -> dict[str, str]:
    return {
        "name": t("cards.name"),
        "add": t("cards.add"),
        "up": t("cards.up"),
        "down": t("cards.down"),
        "remove_class": t("cards.remove_class"),
        "remove": t("cards.remove"),
        "move": t("cards.move"),
        "chosen": t("cards.chosen", count="{count}"),
        "before": t("cards.before"),
        "after": t("cards.after"),
        "empty": t("cards.empty"),
        "open": open_label,
        "play": "",
        "unplayable": "",
    }


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    css, js = component_files("sample_cards")
    return st.components.v2.component(
        "sample_cards", html='<div class="cards"></div>', css=css, js=js
    )
