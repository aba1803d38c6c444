"""How scores become words: the two modes of deciding, with their options as controls."""

from __future__ import annotations

import streamlit as st

from core.speech import Mode, SmoothMode, SpeechModel, TfjsMode
from pages.components.i18n import t

__all__ = ["choose_mode", "threshold_of"]

_MODES = ("smooth", "tfjs")
# In the article: listen(..., {overlapFactor: 0.3, probabilityThreshold: 0.9}).
_ARTICLE = {"decide_mode": "tfjs", "tfjs_threshold": 0.9, "tfjs_overlap": 0.3, "tfjs_pause": 0}


def choose_mode(model: SpeechModel) -> Mode:
    """Draw the controls and return the mode; they are kept while another page is shown."""
    with st.expander(t("decide.title"), icon=":material/rule:", key="decide"):
        st.button(
            t("decide.article"),
            icon=":material/article:",
            help=t("decide.article_help"),
            on_click=lambda: st.session_state.update(_ARTICLE),
            key="decide_article",
            width="stretch",
        )
        chosen = st.segmented_control(
            t("decide.mode"),
            _MODES,
            format_func={name: t(f"decide.mode_{name}") for name in _MODES}.__getitem__,
            default="smooth",
            required=True,
            key="decide_mode",
            persist_state="session",
            help=t("decide.mode_help"),
            width="stretch",
        )
        return _tfjs() if chosen == "tfjs" else _smooth(model)


def threshold_of(mode: Mode, word: str) -> float:
    """Return the score from which a word counts."""
    if isinstance(mode, SmoothMode):
        return mode.thresholds.get(word, mode.threshold)
    return mode.probability_threshold


def _tfjs() -> TfjsMode:
    return TfjsMode(
        probability_threshold=st.slider(
            t("decide.threshold"),
            0.0,
            1.0,
            0.9,
            0.01,
            key="tfjs_threshold",
            persist_state="session",
            help=_threshold_help(),
        ),
        overlap_factor=st.slider(
            t("decide.overlap"),
            0.0,
            0.95,
            0.3,
            0.05,
            key="tfjs_overlap",
            persist_state="session",
            help=t("decide.overlap_help"),
        ),
        suppression_time_millis=st.slider(
            t("decide.suppression"),
            0,
            3000,
            0,
            100,
            format="%d ms",
            key="tfjs_pause",
            persist_state="session",
        ),
        invoke_callback_on_noise_and_unknown=st.toggle(
            t("decide.noise_too"), key="tfjs_noise", persist_state="session"
        ),
    )


def _smooth(model: SpeechModel) -> SmoothMode:
    standard = SmoothMode()
    own = bool(model.thresholds) and st.toggle(
        t("decide.own_thresholds"), value=True, key="smooth_own", persist_state="session"
    )
    threshold = standard.threshold
    if not own:
        threshold = st.slider(
            t("decide.threshold"),
            0.0,
            1.0,
            standard.threshold,
            0.01,
            key="smooth_threshold",
            persist_state="session",
            help=_threshold_help(),
        )
    return SmoothMode(
        threshold=threshold,
        thresholds=dict(model.thresholds) if own else {},
        smoothing_s=st.slider(
            t("decide.smoothing"),
            0.1,
            1.0,
            standard.smoothing_s,
            0.1,
            format="%.1f s",
            key="smooth_s",
            persist_state="session",
        ),
        refractory_s=st.slider(
            t("decide.refractory"),
            0.0,
            3.0,
            standard.refractory_s,
            0.1,
            format="%.1f s",
            key="smooth_pause",
            persist_state="session",
        ),
    )


def _threshold_help() -> str:
    return t("decide.threshold_help")
