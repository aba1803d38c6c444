"""Which slides are shown: the built-in ones, the visitor's pictures, or a PDF."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.errors import TeachdeckError
from core.slides import Slide, is_pdf, slides_from_pdf, slides_from_pictures
from core.slideshow import MAX_SLIDES
from pages.components.i18n import error_text, escape_markdown, t

__all__ = ["Deck", "choose_deck"]

_BUILT_IN = Path(__file__).resolve().parents[2] / "models" / "demo_sets" / "slides"
_MAX_UPLOAD_MB = 100
_DECK, _READ, _UPLOADS = "show_deck", "show_read", "show_uploads"


@dataclass(frozen=True, eq=False)
class Deck:
    """Slides to be shown.

    Attributes
    ----------
    key : str
        By the files that they come from.
    slides : tuple of Slide
    """

    key: str
    slides: tuple[Slide, ...]


@dataclass(frozen=True, eq=False)
class _Read:
    """What came of a file: its slides, and what of it could not be used."""

    slides: tuple[Slide, ...] = ()
    problems: tuple[tuple[str, TeachdeckError], ...] = ()


@st.cache_resource(show_spinner=False)
def _built_in() -> Deck:
    paths = sorted(_BUILT_IN.glob("*.jpg"))
    return Deck("built-in", tuple(Slide(path.stem, path.read_bytes()) for path in paths))


def choose_deck() -> Deck:
    """Draw the choice of slides and return what is shown; an upload is kept over other pages."""
    with st.expander(t("show.slides"), icon=":material/slideshow:", key="show_slides"):
        files = st.file_uploader(
            t("show.upload_hint", limit=MAX_SLIDES),
            accept_multiple_files=True,
            max_upload_size=_MAX_UPLOAD_MB,
            key=f"show_files_{st.session_state.get(_UPLOADS, 0)}",
        )
        if files:
            _take(files)
        else:
            st.session_state.pop(_READ, None)
        if _DECK in st.session_state:
            st.button(
                t("show.built_in"),
                icon=":material/restart_alt:",
                key="show_built_in",
                on_click=_forget,
            )
    deck: Deck = st.session_state.get(_DECK) or _built_in()
    return deck


def _forget() -> None:
    """Go back to the built-in slides; a fresh field, so that the files do not come again."""
    for name in (_DECK, _READ):
        st.session_state.pop(name, None)
    st.session_state[_UPLOADS] = st.session_state.get(_UPLOADS, 0) + 1


def _take(files: Sequence[UploadedFile]) -> None:
    """Show the slides of files in their order, each read once; say what could not be used.

    Files without a single slide leave those that are shown.
    """
    known: dict[str, _Read] = st.session_state.get(_READ, {})
    used: list[tuple[str, _Read]] = []
    count = 0
    for file in files:
        if count >= MAX_SLIDES:
            break
        data = file.getvalue()
        digest = hashlib.sha256(file.name.encode() + data).hexdigest()
        used.append((digest, known.get(digest) or _read(file.name, data)))
        count += len(used[-1][1].slides)
    st.session_state[_READ] = dict(used)
    for name, problem in (entry for _, read in used for entry in read.problems):
        st.warning(f"{escape_markdown(name)}: {error_text(problem)}", icon=":material/error:")
    if count > MAX_SLIDES or len(used) < len(files):
        st.warning(t("show.first_only", limit=MAX_SLIDES), icon=":material/content_cut:")
    # A file that gave nothing changes nothing: the slide that shows stays where it is.
    key = " ".join(digest for digest, read in used if read.slides)
    shown: Deck | None = st.session_state.get(_DECK)
    if count and (shown is None or shown.key != key):
        slides = tuple(slide for _, read in used for slide in read.slides)
        st.session_state[_DECK] = Deck(key, slides[:MAX_SLIDES])


def _read(name: str, data: bytes) -> _Read:
    """Return the slides of a picture, or of the pages of a PDF."""
    bar = st.progress(0.0, t("show.reading"))

    def report(done: int, pages: int) -> None:
        bar.progress(done / pages, t("show.pages", page=done + 1))

    try:
        if is_pdf(data) or name.lower().endswith(".pdf"):
            return _Read(*slides_from_pdf(data, name=name, progress=report))
        return _Read(*slides_from_pictures([(name, data)]))
    except TeachdeckError as error:
        return _Read(problems=((name, error),))
    finally:
        bar.empty()
