"""Name the words of a recording, or live from the microphone."""

import streamlit as st

from core.errors import TeachdeckError
from pages.components.decisions import choose_mode
from pages.components.errors import page
from pages.components.i18n import error_text, t
from pages.components.live_words import show_live
from pages.components.sound_words import show_recording
from pages.components.sounds import SOUND_SOURCES, choose_sound
from pages.components.speech_models import pick_speech_model

_SOURCES = ("live", *SOUND_SOURCES)


@page
def draw() -> None:
    """Draw the page: inputs left, the answer right."""
    st.title(t("speech.title"), anchor=False)
    st.markdown(t("speech.lead"))
    source = st.segmented_control(
        t("speech.source"),
        _SOURCES,
        format_func={name: t(f"speech.source_{name}") for name in _SOURCES}.__getitem__,
        default="sample",
        required=True,
        key="sound_source",
        persist_state="session",
        label_visibility="collapsed",
    )
    inputs, answer = st.columns([3, 5], gap="large")
    with inputs:
        sound = None if source == "live" else choose_sound(source or "sample")
        model = pick_speech_model()
        mode = choose_mode(model)
    with answer:
        if source == "live":
            show_live(model, mode, settings=inputs)
            return
        if sound is None:
            st.info(t(f"speech.nothing_{source}"), icon=":material/graphic_eq:")
            return
        try:
            show_recording(sound, model, mode)
        except TeachdeckError as error:
            st.error(error_text(error), icon=":material/error:")


draw()
