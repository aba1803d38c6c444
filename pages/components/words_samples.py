"""The takes of the page "Teach words": record, look at, listen to, move and delete them."""

from __future__ import annotations

import streamlit as st

from pages.components.i18n import error_text, escape_markdown, t
from pages.components.words_cards import show_cards
from pages.components.words_recording import show_recording
from pages.components.words_session import WordsSession

__all__ = ["show_samples"]


def show_samples(words: WordsSession) -> None:
    """Draw the recorder and the takes of every word; while there are none, first a demo set."""
    # Always there, so that the recorder keeps its place, and its connection, at the first take.
    with st.container():
        if not words.samples.samples():
            _offer_demo(words)
    show_recording(words)
    for note in words.notes:
        st.caption(error_text(note))
    if words.skipped:
        with st.expander(t("wordspage.skipped", count=len(words.skipped))):
            for name, error in words.skipped[:50]:
                st.markdown(f"**{escape_markdown(name)}**: {error_text(error)}")
    if words.samples.classes:
        st.fragment(_cards)(words, words.samples.version, st.session_state.get("words_order"))
    _show_undo(words)


def _offer_demo(words: WordsSession) -> None:
    st.button(
        t("wordspage.demo"),
        key="words_demo",
        type="primary",
        icon=":material/auto_awesome:",
        on_click=words.load_demo,
        width="stretch",
    )
    st.caption(t("wordspage.demo_help"))


def _cards(words: WordsSession, version: int, order: object) -> None:
    """Draw the cards: playing and turning pages concern nothing else on the page."""
    show_cards(words)
    if words.samples.version != version or st.session_state.get("words_order") != order:
        st.rerun(scope="app")


def _show_undo(words: WordsSession) -> None:
    with st.container(horizontal=True):
        st.button(
            t("wordspage.undo"),
            key="words_undo",
            icon=":material/undo:",
            disabled=not words.samples.can_undo,
            on_click=words.change,
            args=(words.samples.undo,),
        )
        with st.popover(t("wordspage.forget"), icon=":material/delete_forever:"):
            st.markdown(t("wordspage.forget_help"))
            st.button(
                t("wordspage.forget_now"),
                key="words_forget",
                type="primary",
                on_click=words.delete_recordings,
            )
    st.caption(t("wordspage.privacy"), help=t("wordspage.privacy_help"))
