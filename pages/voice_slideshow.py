"""Turn slides by voice, by keys and by buttons."""

import streamlit as st

from pages.components.decisions import choose_mode
from pages.components.errors import page
from pages.components.i18n import t
from pages.components.show_words import choose_words, lead_text
from pages.components.slide_decks import choose_deck
from pages.components.slideshow_live import show_slideshow
from pages.components.speech_models import pick_speech_model


@page
def draw() -> None:
    """Draw the page: the slide large, its words below, what else steers it beside."""
    st.title(t("show.title"), anchor=False)
    lead = st.empty()
    wide, side = st.columns([7, 3], gap="large")
    with wide:
        stage, below = st.container(), st.container()
    with side:
        controls = st.container()
        deck = choose_deck()
        model = pick_speech_model()
        mode = choose_mode(model)
        wrap = st.toggle(
            t("show.wrap"), key="show_wrap", help=t("show.wrap_help"), persist_state="session"
        )
    with below:
        table = choose_words(model.words)
    lead.markdown(lead_text(table, model.words))
    with stage:
        show_slideshow(deck, table, model, mode, wrap=wrap, controls=controls)


draw()
