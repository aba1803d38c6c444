"""Which slides are shown: the built-in ones, the visitor's pictures, or a PDF."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core.errors import TeachdeckError
from core.slides import Slide, is_pdf, slides_from_pdf, slides_from_pictures
from core.slideshow import MAX_SLIDES
from pages.components.i18n import error_text, escape_markdown, t

__all__ = ["Deck", "choose_deck"]

_BUILT_IN = Path(__file__).resolve().parents[2] / "models" / "demo_sets" / "slides"
_MAX_UPLOAD_MB = 100
_DECK = "show_deck"


@dataclass(frozen=True, eq=False)
class Deck:
    """Slides to be shown.

    Attributes
    ----------
    key : str
        By their content.
    slides : tuple of Slide
    problems : tuple of (name, TeachdeckError)
        What could not be used.
    """

    key: str
    slides: tuple[Slide, ...]
    problems: tuple[tuple[str, TeachdeckError], ...] = ()


@st.cache_resource(show_spinner=False)
def _built_in() -> Deck:
    paths = sorted(_BUILT_IN.glob("*.jpg"))
    return Deck("built-in", tuple(Slide(path.stem, path.read_bytes()) for path in paths))


def choose_deck() -> Deck:
    """Draw the choice of slides and return what is shown; an upload is kept over other pages."""
    kept: Deck | None = st.session_state.get(_DECK)
    with st.expander(t("show.slides"), icon=":material/slideshow:", key="show_slides"):
        files = st.file_uploader(
            t("show.upload_hint", limit=MAX_SLIDES),
            accept_multiple_files=True,
            max_upload_size=_MAX_UPLOAD_MB,
            key="show_files",
        )
        if files:
            given = [(file.name, file.getvalue()) for file in files]
            key = hashlib.sha256(b"".join(hashlib.sha256(d).digest() for _, d in given)).hexdigest()
            if kept is None or kept.key != key:
                kept = _made(key, given) or kept
                st.session_state[_DECK] = kept
        if kept is not None:
            _about(kept)
            if st.button(t("show.built_in"), icon=":material/restart_alt:", key="show_built_in"):
                st.session_state.pop(_DECK, None)
                kept = None
    return kept or _built_in()


def _about(deck: Deck) -> None:
    for name, problem in deck.problems:
        st.warning(f"{escape_markdown(name)}: {error_text(problem)}", icon=":material/error:")


def _made(key: str, given: list[tuple[str, bytes]]) -> Deck | None:
    """Return the slides of files in their order; pages of a PDF stand where the PDF stood."""
    slides: list[Slide] = []
    problems: list[tuple[str, TeachdeckError]] = []
    bar = st.progress(0.0, t("show.reading"))
    try:
        for place, (name, data) in enumerate(given):
            part = place / len(given)

            def report(done: int, pages: int, part: float = part) -> None:
                bar.progress(part + done / pages / len(given), t("show.pages", page=done + 1))

            bar.progress(part, t("show.reading"))
            try:
                if is_pdf(data):
                    made, broken = slides_from_pdf(data, name=name, progress=report)
                else:
                    made, broken = slides_from_pictures([(name, data)])
            except TeachdeckError as error:
                problems.append((name, error))
                continue
            slides += made
            problems += broken
    finally:
        bar.empty()
    if len(slides) > MAX_SLIDES:
        st.warning(t("show.first_only", limit=MAX_SLIDES), icon=":material/content_cut:")
    deck = Deck(key, tuple(slides[:MAX_SLIDES]), tuple(problems))
    if not deck.slides:
        _about(deck)
        return None
    return deck
