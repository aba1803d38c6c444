"""Trying taught words live: what fired and what almost did can be heard, labelled and taught."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.audio import encode_wav
from core.audio.microphone import RATE_HZ, Microphone
from core.speech import SmoothMode, SpeechModel
from core.speech.ear import SpeechEar
from core.speech.labels import UNKNOWN_TAG
from core.speech.moments import Moments
from pages.components.decisions import threshold_of
from pages.components.i18n import error_text, t
from pages.components.mic import follow, microphone_of
from pages.components.moment_list import MomentEvent, MomentRow, PlayedMoment, draw_moments
from pages.components.words_session import MIC_KEY, WordsSession, shown_label

__all__ = ["TellingEar", "rest", "show_live_words"]

_EAR, _MOMENTS, _PLAYED = "words_ear", "words_moments", "words_moment_played"
_POLL_S = 0.25
_SHOWN = 12


class TellingEar(SpeechEar):
    """An ear that also tells what its scores were to those who keep moments."""

    def __init__(self, model: SpeechModel, mode: SmoothMode, moments: Moments) -> None:
        super().__init__(model, mode)
        self._moments = moments
        self._thresholds: Mapping[str, float] = {}
        self.tell_thresholds(mode)

    def tell_thresholds(self, mode: SmoothMode) -> None:
        """Note the thresholds of a mode; of the page's thread."""
        self._thresholds = {word: threshold_of(mode, word) for word in self.model.words}

    def hear(self, samples: NDArray[np.float32]) -> list[tuple[str, float, float]]:
        """Take the next samples at 44.1 kHz; return (word, probability, time_s) of new events."""
        events = super().hear(samples)
        thresholds = self._thresholds
        scores = self.scores()
        self._moments.take(
            samples,
            {word: scores[word] for word in thresholds},
            thresholds,
            [(word, probability) for word, probability, _ in events],
        )
        return events


def rest() -> None:
    """Let the page's microphone record only."""
    if st.session_state.pop(_EAR, None) is not None:
        microphone_of(MIC_KEY).listen(None)


def show_live_words(words: WordsSession, mode: SmoothMode) -> None:
    """Draw the latest moments of the page's microphone."""
    model = words.model
    if model is None:
        return
    mic = microphone_of(MIC_KEY)
    if _MOMENTS not in st.session_state:
        st.session_state[_MOMENTS] = Moments()
    ear: TellingEar | None = st.session_state.get(_EAR)
    if ear is None or ear.model is not model:
        ear = st.session_state[_EAR] = TellingEar(model, mode, st.session_state[_MOMENTS])
        mic.listen(ear)
    ear.set_mode(mode)
    ear.tell_thresholds(mode)
    active = mic.playing or mic.connecting
    follow(mic, lambda: _follow(words, mic, ear, active), every_s=_POLL_S)


def _follow(words: WordsSession, mic: Microphone, ear: TellingEar, active: bool) -> None:
    moments: Moments = st.session_state[_MOMENTS]
    version = words.samples.version
    scores = ear.scores() if active else {}
    labels = [*words.word_labels(), *([] if UNKNOWN_TAG in words.word_labels() else [UNKNOWN_TAG])]
    names = {label: shown_label(label) for label in labels}
    now_s = moments.time_s
    latest = moments.latest()
    draw_moments(
        [
            MomentRow(
                moment.serial,
                shown_label(moment.word),
                t("wordspage.ago", seconds=max(0, round(now_s - moment.time_s))),
                moment.probability,
                moment.threshold,
                moment.fired,
                names.get(moment.label, moment.label),
            )
            for moment in latest[:_SHOWN]
        ],
        names,
        levels=[(shown_label(word), scores.get(word, 0.0)) for word in ear.model.words][:12],
        on=active,
        played=st.session_state.get(_PLAYED),
        on_event=lambda event: _on_event(words, moments, event),
        key="words_moments_list",
    )
    problem = mic.status().problem
    if problem:
        st.error(t("live.stopped", reason=problem), icon=":material/error:")
    if words.problem is not None:
        st.error(error_text(words.problem), icon=":material/error:")
    if words.samples.version != version or words.samples.version != words.followed:
        st.rerun(scope="app")


def _on_event(words: WordsSession, moments: Moments, event: MomentEvent) -> None:
    moment = moments.get(event.moment)
    if moment is None or not len(moment.samples):
        return
    if event.kind == "play":
        sound = base64.b64encode(encode_wav(moment.samples, rate_hz=RATE_HZ)).decode("ascii")
        serial = time.time_ns() // 1_000_000
        st.session_state[_PLAYED] = PlayedMoment(serial, "data:audio/wav;base64," + sound)
    elif not moment.label and event.label in (*words.word_labels(), UNKNOWN_TAG):
        words.record_live(event.label, moment.samples)
        if words.problem is None:
            moments.label(moment.serial, event.label)
