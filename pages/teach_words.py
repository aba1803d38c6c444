"""Teach a model your own words: takes, an honest score after each, and trying it at once."""

import streamlit as st

from pages.components.errors import page
from pages.components.i18n import error_text, t
from pages.components.words_samples import show_samples
from pages.components.words_session import WordsSession, words_session
from pages.components.words_take_away import show_bring, show_take_away
from pages.components.words_talk import show_talk
from pages.components.words_training import show_score, show_training
from pages.components.words_try import show_try


@page
def draw() -> None:
    """Draw the page: the three steps beside each other, and what came of them."""
    words = words_session()
    st.title(t("wordspage.title"), anchor=False)
    st.markdown(t("wordspage.lead"))
    with st.spinner(t("wordspage.teaching"), show_time=True):
        words.follow()
    if words.problem is not None:
        st.error(error_text(words.problem), icon=":material/error:")
    samples, taught = st.columns([5, 8], gap="medium")
    with samples:
        st.subheader(t("wordspage.step_samples"), anchor=False)
        show_samples(words)
    with taught:
        training, trying = st.columns(2, gap="medium")
        with training:
            st.subheader(t("wordspage.step_training"), anchor=False)
            show_training(words)
        with trying:
            st.subheader(t("wordspage.step_try"), anchor=False)
            show_try(words)
        # Beside the takes, which may go on for many screens.
        _show_more(words)


def _show_more(words: WordsSession) -> None:
    score, talk, take, bring = st.tabs(
        [
            t("wordspage.tab_score"),
            t("wordspage.tab_talk"),
            t("wordspage.tab_take"),
            t("wordspage.tab_bring"),
        ]
    )
    with score:
        show_score(words)
    with talk:
        show_talk(words)
    with take:
        show_take_away(words)
    with bring:
        show_bring(words)


draw()
