"""Trying taught words: a recording goes in, the words that are heard come out."""

from __future__ import annotations

import hashlib

import streamlit as st

from core.audio import encode_wav
from core.speech import SmoothMode, decide, score_sound
from core.speech.labels import is_noise
from core.vision import Prediction
from pages.components import charts
from pages.components.i18n import escape_markdown, t
from pages.components.speech_models import choose_taught
from pages.components.words_live import rest, show_live_words
from pages.components.words_session import WordsSession, shown_label

__all__ = ["show_try"]

_RATE_HZ = 44_100
_MOST_S = 120.0


def show_try(words: WordsSession) -> None:
    """Draw a recorder, and what the model hears in what was recorded or in a take."""
    model = words.model
    if model is None:
        st.info(t("wordspage.try_later"), icon=":material/hearing:")
        return
    if st.button(
        t("wordspage.to_slides"),
        key="words_to_slides",
        icon=":material/slideshow:",
        width="stretch",
    ):
        choose_taught()
        st.switch_page("pages/voice_slideshow.py")
    own = st.toggle(
        t("wordspage.own_thresholds"),
        value=True,
        key="words_own_thresholds",
        persist_state="session",
    )
    threshold = st.slider(
        t("wordspage.threshold"),
        0.0,
        1.0,
        0.5,
        0.05,
        key="words_threshold",
        persist_state="session",
        disabled=own and all(word in words.thresholds for word in model.words),
    )
    mode = SmoothMode(threshold=threshold, thresholds=words.thresholds if own else {})
    source = st.segmented_control(
        t("wordspage.try_from"),
        ("clip", "live"),
        format_func={"clip": t("wordspage.try_clip"), "live": t("wordspage.try_live")}.get,
        default="clip",
        required=True,
        key="words_try_from",
        label_visibility="collapsed",
        width="stretch",
    )
    if source == "live":
        show_live_words(words, mode)
        return
    rest()
    recorded = st.audio_input(
        t("wordspage.try_record"), sample_rate=_RATE_HZ, key="words_try_record"
    )
    upload = st.file_uploader(t("wordspage.try_upload"), key="words_try_upload")
    chosen = upload or recorded
    if chosen is None:
        content = _a_take(words)
        if content is None:
            st.caption(t("wordspage.try_hint"))
            return
        st.caption(t("wordspage.try_take"))
        st.audio(content, format="audio/wav")
    else:
        content = chosen.getvalue()
    key = (hashlib.sha256(content).hexdigest(), id(model))
    if st.session_state.get("words_tried_key") != key:
        sound = score_sound(model, content, browser_period=None, max_s=_MOST_S)
        st.session_state["words_tried_key"] = key
        st.session_state["words_tried"] = sound.track
    track = st.session_state["words_tried"]
    events = decide(track, mode)
    if events:
        for event in events[:20]:
            st.markdown(
                t(
                    "wordspage.heard",
                    word=escape_markdown(event.word),
                    time=event.time_s,
                    share=100 * event.probability,
                )
            )
    else:
        st.markdown(t("wordspage.heard_nothing", seconds=track.duration_s))
    _show_best(track)


def _a_take(words: WordsSession) -> bytes | None:
    """Return a take of a word to listen to, so that there is an answer before anything is said."""
    for sample in reversed(words.samples.samples()):
        example = words.example(sample)
        if example.audio is not None and not is_noise(sample.label):
            return encode_wav(example.audio, rate_hz=int(example.rate_hz))
    return None


def _show_best(track: object) -> None:
    scores = track.scores  # type: ignore[attr-defined]
    labels = track.labels  # type: ignore[attr-defined]
    if not len(scores):
        return
    # The greatest score that each word had anywhere; noise has one nearly always.
    best = scores.max(axis=0)
    predictions = [
        Prediction(label=shown_label(label), probability=float(best[at]), index=at)
        for at, label in enumerate(labels)
        if not is_noise(label)
    ]
    predictions = sorted(predictions, key=lambda entry: -entry.probability)[:8]
    charts.show(
        charts.probability_bars(predictions, axis_title=t("wordspage.best")),
        key="words_try_bars",
        alt=t(
            "wordspage.bars_alt",
            word=predictions[0].label,
            share=100 * predictions[0].probability,
        ),
    )
