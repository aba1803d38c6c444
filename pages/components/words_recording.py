"""Recording takes on the page "Teach words": by button and key from the live microphone.

The browser's recorder and files are the other ways, for when WebRTC cannot be had.
"""

from __future__ import annotations

import time

import streamlit as st

from core.audio.microphone import RATE_HZ, Microphone
from core.speech.labels import BACKGROUND_NOISE_TAG, is_noise
from pages.components.i18n import error_text, t
from pages.components.mic import diagnosis_of, draw_diagnosis, follow, microphone
from pages.components.word_recorder import Order, TakeTime, WordButton, draw_recorder
from pages.components.words_session import MIC_KEY, WordsSession, shown_label

__all__ = ["add_take", "order_take", "show_recording"]

_ARTICLE_WORDS = ("上一张", "下一张")
_KEYS = "123456789"
_ORDER = "words_order"
_WORD_MS, _NOISE_MS = 1000, 20_000
# Around the second that was told: clocks differ a little, and a word may end late. The word is
# looked for within.
_BEFORE_S, _AFTER_S = 0.2, 0.4
_LONGEST_S, _SHORTEST_S = 21.0, 0.2
_PATIENCE_S = 1.0
_POLL_S = 0.4


def order_take(label: str, replaces: str = "") -> None:
    """Ask the recorder for a take of a word, in place of another if its id is given."""
    st.session_state[_ORDER] = Order(time.time_ns() // 1_000_000, label, replaces)


def show_recording(words: WordsSession) -> None:
    """Draw the microphone, the words' buttons, and the other ways to bring a take."""
    mic = microphone(MIC_KEY)
    draw_recorder(
        _buttons(words),
        on=mic.playing,
        key="words_recorder",
        on_take=lambda take: add_take(words, mic, take),
        order=st.session_state.get(_ORDER),
    )
    # A place of its own: most of the time nothing is drawn.
    with st.container():
        follow(mic, _say_problem, every_s=_POLL_S)
    _new_word(words)
    with st.expander(
        t("wordspage.other_ways"),
        icon=":material/upload_file:",
        expanded=bool(diagnosis_of(MIC_KEY)),
        key="words_other_ways",
    ):
        _other_ways(words)


def _say_problem() -> None:
    draw_diagnosis(MIC_KEY)


def _buttons(words: WordsSession) -> list[WordButton]:
    counts = words.samples.counts()
    own = [label for label in counts if not is_noise(label)]
    if len(own) < 2 and set(own) <= set(_ARTICLE_WORDS):
        own = list(_ARTICLE_WORDS)
    buttons = [
        WordButton(
            label,
            shown_label(label),
            _KEYS[place] if place < len(_KEYS) else "",
            counts.get(label, 0),
            _WORD_MS,
        )
        for place, label in enumerate(own)
    ]
    noise = next(filter(is_noise, counts), BACKGROUND_NOISE_TAG)
    return [
        *buttons,
        WordButton(noise, shown_label(noise), "0", counts.get(noise, 0), _NOISE_MS, noise=True),
    ]


def add_take(words: WordsSession, mic: Microphone, take: TakeTime) -> None:
    """Cut a take from the microphone's sound and add it."""
    length_s = min(max(take.length_s, _SHORTEST_S), _LONGEST_S)
    begin_s = mic.time_at(take.began_s)
    end_s = begin_s + length_s
    if not is_noise(take.label):
        begin_s, end_s = begin_s - _BEFORE_S, end_s + _AFTER_S
    # The last of it may still be on its way.
    patience_s = time.monotonic() + _PATIENCE_S
    while mic.time_s < end_s and mic.listening and time.monotonic() < patience_s:
        time.sleep(0.02)
    samples = mic.between(begin_s, end_s)
    words.record_live(take.label, samples, wanted_s=length_s, replaces=take.replaces)


def _new_word(words: WordsSession) -> None:
    with st.form("words_new", clear_on_submit=True, border=False):
        field, button = st.columns([5, 3], vertical_alignment="bottom", gap="small")
        name = field.text_input(
            t("wordspage.new_word"), key="words_new_name", placeholder=t("wordspage.new_word_hint")
        )
        added = button.form_submit_button(
            t("wordspage.add_word"), icon=":material/add:", width="stretch"
        )
    if added and name.strip():
        words.change(words.samples.add_class, name)
        st.rerun()


def _other_ways(words: WordsSession) -> None:
    noise = t("wordspage.noise")
    *own, tag = words.word_labels()
    known = dict.fromkeys([*own, *_ARTICLE_WORDS, shown_label(tag)])
    chosen = st.selectbox(
        t("wordspage.word"),
        list(known),
        accept_new_options=True,
        key="words_label",
        help=t("wordspage.word_help"),
    )
    label = BACKGROUND_NOISE_TAG if chosen == noise else chosen
    number = words.recordings
    recorded = st.audio_input(
        t("wordspage.record"),
        sample_rate=RATE_HZ,
        key=f"words_record_{number}",
        help=t("wordspage.record_help"),
    )
    uploads = st.file_uploader(
        t("wordspage.upload"),
        accept_multiple_files=True,
        key=f"words_upload_{number}",
        help=t("wordspage.record_help"),
    )
    st.caption(
        t("wordspage.record_noise" if label == BACKGROUND_NOISE_TAG else "wordspage.record_word")
    )
    given = [recorded] if recorded is not None else []
    for file in [*given, *(uploads or [])]:
        if label:
            words.record(str(label), file.getvalue())
            if words.problem is not None:
                st.error(error_text(words.problem), icon=":material/error:")
                return
    if label and (given or uploads):
        # Fresh fields: the next take is one press away.
        words.recordings += 1
        st.rerun()
