"""Trying taught words live: what was heard can be played, labelled with a click, and taught."""

from __future__ import annotations

import streamlit as st

from core.audio import encode_wav
from core.speech import SmoothMode
from pages.components.i18n import error_text, escape_markdown, t
from pages.components.mic import draw_diagnosis, follow, microphone
from pages.components.microphone import Heard, Microphone
from pages.components.speech_ear import SpeechEar
from pages.components.words_session import WordsSession, shown_label

__all__ = ["show_live_words"]

_KEY = "words_live"
_POLL_S = 0.3
_SHOWN = 5
# The second that was listened to, and a little that surrounds it.
_BEFORE_S, _AFTER_S = 1.1, 0.1
_RATE_HZ = 44_100


def show_live_words(words: WordsSession, mode: SmoothMode) -> None:
    """Draw the microphone and the latest words that it heard."""
    model = words.model
    if model is None:
        return
    mic = microphone(_KEY)
    ear: SpeechEar | None = st.session_state.get("words_ear")
    if ear is None or ear.model is not model:
        ear = st.session_state["words_ear"] = SpeechEar(model, mode)
        mic.listen(ear)
    ear.set_mode(mode)
    active = mic.playing or mic.connecting
    follow(mic, lambda: _follow(words, mic, active=active), every_s=_POLL_S)


def _follow(words: WordsSession, mic: Microphone, *, active: bool) -> None:
    draw_diagnosis(_KEY)
    heard = list(mic.heard())[-_SHOWN:]
    if active and not heard:
        st.caption(t("wordspage.live_none"))
    for event in reversed(heard):
        st.markdown(
            t(
                "wordspage.heard",
                word=escape_markdown(event.word),
                time=event.time_s,
                share=100 * event.probability,
            )
        )
        with st.popover(t("wordspage.live_label"), icon=":material/label:"):
            _label(words, mic, event)


def _label(words: WordsSession, mic: Microphone, event: Heard) -> None:
    samples = mic.between(event.time_s - _BEFORE_S, event.time_s + _AFTER_S)
    if not len(samples):
        st.caption(t("wordspage.live_gone"))
        return
    st.audio(encode_wav(samples, rate_hz=_RATE_HZ), format="audio/wav")
    st.markdown(t("wordspage.live_is"))
    for label in words.word_labels():
        if st.button(
            escape_markdown(shown_label(label)), key=f"words_label_{event.serial}_{label}"
        ):
            words.record(label, encode_wav(samples, rate_hz=_RATE_HZ))
            if words.problem is not None:
                st.error(error_text(words.problem), icon=":material/error:")
            else:
                st.rerun(scope="app")
