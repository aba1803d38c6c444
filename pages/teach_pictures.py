"""Teach a model your own pictures: samples, training, trying, always in view."""

import streamlit as st

from pages.components.errors import page
from pages.components.i18n import error_text, t
from pages.components.teach_bring import show_bring
from pages.components.teach_exports import show_exports
from pages.components.teach_runs import show_runs
from pages.components.teach_samples import show_samples
from pages.components.teach_score import show_score
from pages.components.teach_session import TeachSession, teach_session
from pages.components.teach_training import show_training
from pages.components.teach_try import show_try


@page
def draw() -> None:
    """Draw the page: the three steps beside each other, and below what came of them."""
    teach = teach_session()
    teach.finish()
    teach.redraw = False
    st.title(t("teachpage.title"), anchor=False)
    st.markdown(t("teachpage.lead"))
    if teach.problem is not None:
        st.error(error_text(teach.problem), icon=":material/error:")
    samples, training, trying = st.columns([5, 4, 4], gap="medium")
    with samples:
        st.subheader(t("teachpage.step_samples"), anchor=False)
        show_samples(teach)
    with training:
        st.subheader(t("teachpage.step_training"), anchor=False)
        show_training(teach)
    with trying:
        st.subheader(t("teachpage.step_try"), anchor=False)
        show_try(teach)
    _show_results(teach)


def _show_results(teach: TeachSession) -> None:
    score, runs, take, bring = st.tabs(
        [
            t("teachpage.tab_score"),
            t("teachpage.tab_runs"),
            t("teachpage.tab_take"),
            t("teachpage.tab_bring"),
        ]
    )
    with score:
        show_score(teach)
    with runs:
        show_runs(teach)
    with take:
        if teach.run is None:
            st.caption(t("teachtry.not_yet"))
        else:
            show_exports(teach, teach.run)
    with bring:
        show_bring(teach)


draw()
