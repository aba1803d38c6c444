"""A row of small pictures to choose one from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from pages.components.own_component import component_data, component_files

__all__ = ["StripPicture", "picture_strip"]


@dataclass(frozen=True)
class StripPicture:
    """One picture of the row: a small ``data:`` URL, words for it, perhaps words under it."""

    id: str
    src: str
    title: str
    caption: str = ""


def picture_strip(
    pictures: Sequence[StripPicture],
    *,
    key: str,
    label: str,
    on_choose: Callable[[str], None],
    chosen: str = "",
) -> None:
    """Draw the row.

    Parameters
    ----------
    pictures : sequence of StripPicture
    key : str
    label : str
        What the row is, read aloud.
    on_choose : callable
        Called with the id that the browser sent, before the page is drawn again.
    chosen : str, optional
        The id of the one that is marked.
    """

    def hear() -> None:
        choice = st.session_state[key].get("choice")
        if choice is not None:
            on_choose(str(choice))

    captioned = any(picture.caption for picture in pictures)
    _component(captioned)(
        key=key,
        data=component_data(
            {
                "pictures": [asdict(picture) for picture in pictures],
                "label": label,
                "chosen": chosen,
            }
        ),
        on_choice_change=hear,
    )


@st.cache_resource(show_spinner=False)
def _component(captioned: bool) -> Any:
    css, js = component_files("picture_strip")
    kind = "strip captioned" if captioned else "strip"
    return st.components.v2.component(
        f"picture_{kind.replace(' ', '_')}",
        html=f'<div class="{kind}" role="group"></div>',
        css=css,
        js=js,
    )
