"""The running slideshow: what is heard turns the slide, as keys and buttons do."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.audio.microphone import Microphone
from core.slideshow import Command, SlideshowState, step
from core.speech import Mode, SpeechModel
from core.speech.ear import SpeechEar
from pages.components.i18n import escape_markdown, t
from pages.components.mic import draw_diagnosis, follow, microphone
from pages.components.slide_decks import Deck
from pages.components.slide_stage import HeardWord, draw_stage

__all__ = ["KEY", "show_slideshow"]

KEY = "show"
_STATE, _SERIAL = "show_state", "show_serial"
_POLL_S = 0.15


def show_slideshow(
    deck: Deck,
    table: Mapping[str, Command],
    model: SpeechModel,
    mode: Mode,
    *,
    wrap: bool,
    controls: DeltaGenerator,
) -> None:
    """Draw the slide, and the microphone among the controls.

    Parameters
    ----------
    deck : Deck
    table : mapping of str to Command
    model : SpeechModel
    mode : SmoothMode or TfjsMode
    wrap : bool
    controls : DeltaGenerator
        Where the microphone's button and settings go.
    """
    with controls:
        mic = microphone(KEY)
    _ear(mic, model, mode)
    state: SlideshowState = st.session_state.get(_STATE, SlideshowState(0))
    if st.session_state.get("show_deck_key") != deck.key:
        st.session_state["show_deck_key"] = deck.key
        state = SlideshowState(len(deck.slides))
    st.session_state[_STATE] = state.with_count(len(deck.slides))
    follow(mic, lambda: _turn(mic, deck, table, wrap), every_s=_POLL_S)


def _ear(mic: Microphone, model: SpeechModel, mode: Mode) -> None:
    ear: SpeechEar | None = st.session_state.get("show_ear")
    if ear is None or ear.model is not model:
        ear = st.session_state["show_ear"] = SpeechEar(model, mode)
        mic.listen(ear)
    ear.set_mode(mode)


def _turn(mic: Microphone, deck: Deck, table: Mapping[str, Command], wrap: bool) -> None:
    heard = _follow(mic, table, wrap)

    def command(given: Command) -> None:
        st.session_state[_STATE] = step(st.session_state[_STATE], given, wrap=wrap)

    draw_stage(
        deck.slides,
        st.session_state[_STATE],
        deck=deck.key,
        wrap=wrap,
        heard=heard,
        on_command=command,
        key="show_stage",
    )
    found = draw_diagnosis(KEY)
    problem = mic.status().problem
    if problem:
        st.error(t("live.stopped", reason=escape_markdown(problem)), icon=":material/error:")
    elif not found:
        st.caption(t("show.listening") if mic.playing else t("show.idle"))


def _follow(mic: Microphone, table: Mapping[str, Command], wrap: bool) -> HeardWord | None:
    """Let each word that was heard since the last time turn the slide; return the latest."""
    after = st.session_state.get(_SERIAL, 0)
    for event in mic.heard(after=after):
        st.session_state[_SERIAL] = event.serial
        command = table.get(event.word)
        if command is not None:
            st.session_state[_STATE] = step(
                st.session_state[_STATE], command, wrap=wrap, spoken=True
            )
        st.session_state["show_heard"] = HeardWord(
            event.serial, event.word, f"{100 * event.probability:.0f} %", command is not None
        )
    latest: HeardWord | None = st.session_state.get("show_heard")
    return latest
