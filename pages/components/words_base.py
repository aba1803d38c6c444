"""The choice of the base model that words are taught on."""

from __future__ import annotations

import streamlit as st

from core.errors import TeachdeckError
from pages.components.i18n import error_text, t
from pages.components.speech_models import speech_store
from pages.components.words_session import WordsSession

__all__ = ["choose_base"]

_AT_HAND = ("ready", "on_disk")


def choose_base(words: WordsSession) -> None:
    """Draw the choice where there is one; what cannot be a base says so and changes nothing."""
    store = speech_store()
    titles = {entry.model_id: entry.title for entry in store.entries() if entry.state in _AT_HAND}
    if len(titles) < 2:
        return
    default_id = store.default_id()
    chosen = st.selectbox(
        t("wordspage.base"),
        list(titles),
        index=list(titles).index(default_id) if default_id in titles else 0,
        format_func=lambda model_id: titles.get(model_id, model_id),
        key="words_base",
        help=t("wordspage.base_help"),
        persist_state="session",
    )
    if chosen == words.base_id or (chosen == default_id and words.base_id is None):
        return
    try:
        words.use_base(store.load(chosen), chosen)
    except TeachdeckError as error:
        st.warning(error_text(error), icon=":material/error:")
    else:
        st.rerun()
