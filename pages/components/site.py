"""The table of pages: the router, the sidebar and the home page read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

__all__ = ["FAVICON", "PAGES", "PageEntry", "go_to_wanted_page", "leave_for_router"]

# A file of ours: Streamlit would fetch a Material icon for the browser's tab from the network.
FAVICON = Path(__file__).parent / "favicon.png"
_ROUTED, _WANTED = "routed", "wanted_page"


@dataclass(frozen=True)
class PageEntry:
    """One page: its file, its place in the URL, and the catalogue keys of its words."""

    path: str
    url_path: str
    icon: str
    title_key: str
    summary_key: str


# A new page is a file in pages/ and a row here. The path in the URL is the file's name: until the
# router has run once in a server, Streamlit looks for pages by their files.
PAGES: tuple[PageEntry, ...] = (
    PageEntry("pages/home.py", "home", ":material/home:", "home.page", "home.summary"),
    PageEntry(
        "pages/predict_pictures.py",
        "predict_pictures",
        ":material/image_search:",
        "predict.page",
        "predict.summary",
    ),
    PageEntry(
        "pages/teach_pictures.py",
        "teach_pictures",
        ":material/model_training:",
        "teachpage.page",
        "teachpage.summary",
    ),
    PageEntry(
        "pages/teach_words.py",
        "teach_words",
        ":material/record_voice_over:",
        "wordspage.page",
        "wordspage.summary",
    ),
    PageEntry(
        "pages/convert_models.py",
        "convert_models",
        ":material/sync_alt:",
        "convertpage.page",
        "convertpage.summary",
    ),
    PageEntry(
        "pages/recognise_speech.py",
        "recognise_speech",
        ":material/mic:",
        "speech.page",
        "speech.summary",
    ),
    PageEntry(
        "pages/voice_slideshow.py",
        "voice_slideshow",
        ":material/slideshow:",
        "show.name",
        "show.summary",
    ),
)


def leave_for_router(path: str) -> None:
    """Go through the router if a page was opened without it, then come back to the page.

    Streamlit runs a file of the folder ``pages`` by itself when it is the very first thing that
    a new server is asked for; the router's language and navigation would be missing.

    Parameters
    ----------
    path : str
        The page's file, as in `PAGES`.
    """
    if st.session_state.get(_ROUTED):
        return
    st.session_state[_WANTED] = path
    st.switch_page("app.py", query_params=st.query_params.to_dict())


def go_to_wanted_page() -> None:
    """Let the router note that it ran, and bring the visitor to the page that was opened."""
    st.session_state[_ROUTED] = True
    wanted = st.session_state.pop(_WANTED, None)
    if wanted is not None:
        st.switch_page(wanted, query_params=st.query_params.to_dict())
