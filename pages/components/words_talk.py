"""The false-alarm meter: talk normally for a minute, and choose how often words may be misheard."""

from __future__ import annotations

import streamlit as st

from core.errors import TeachdeckError
from core.speech import SmoothMode, score_sound
from core.speech.false_alarms import count_false_alarms, threshold_for
from pages.components.i18n import error_text, escape_markdown, t
from pages.components.words_session import WordsSession

__all__ = ["show_talk"]

_RATE_HZ = 44_100
_MOST_S = 600.0


def show_talk(words: WordsSession) -> None:
    """Draw the meter."""
    model = words.model
    if model is None:
        st.caption(t("wordspage.not_taught"))
        return
    st.markdown(t("wordspage.talk_help"))
    left, right = st.columns(2, gap="medium")
    with left:
        recorded = st.audio_input(
            t("wordspage.talk_record"), sample_rate=_RATE_HZ, key="words_talk_record"
        )
        upload = st.file_uploader(t("wordspage.talk_upload"), key="words_talk_upload")
    chosen = upload or recorded
    if chosen is None:
        return
    key = (chosen.file_id, id(model.network))
    if st.session_state.get("words_talk_key") != key:
        try:
            sound = score_sound(model, chosen.getvalue(), browser_period=None, max_s=_MOST_S)
        except TeachdeckError as error:
            st.error(error_text(error), icon=":material/error:")
            return
        words.tracks = [sound.track]
        st.session_state["words_talk_key"] = key
    with right:
        _show_rate(words)


def _show_rate(words: WordsSession) -> None:
    mode = SmoothMode(thresholds=words.thresholds)
    alarms = count_false_alarms(words.tracks, mode)
    st.metric(
        t("wordspage.alarms"),
        t("wordspage.per_hour", rate=alarms.per_hour),
        help=t("wordspage.alarms_help"),
    )
    st.caption(
        t(
            "wordspage.alarms_bound",
            count=alarms.count,
            seconds=alarms.seconds,
            bound=alarms.bound_per_hour,
        )
    )
    wanted = st.select_slider(
        t("wordspage.wanted_rate"), [0, 10, 30, 60, 120], value=0, key="words_rate"
    )
    if st.button(t("wordspage.set_thresholds"), key="words_set_thresholds", type="primary"):
        words.set_thresholds(threshold_for(words.tracks, mode, alarms_per_hour=float(wanted)))
        st.rerun()
    for word, threshold in words.thresholds.items():
        st.markdown(t("wordspage.word_threshold", word=escape_markdown(word), threshold=threshold))
