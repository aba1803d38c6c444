"""The trainings that were kept: compare them, use one again, forget one."""

from __future__ import annotations

import streamlit as st

from pages.components import charts
from pages.components.i18n import escape_markdown, t
from pages.components.learning_charts import learning_curves
from pages.components.learning_panel import curves_of
from pages.components.teach_run import Run
from pages.components.teach_session import TeachSession

__all__ = ["run_title", "show_runs"]


def run_title(run: Run) -> str:
    """Return what a training is called on the page."""
    return t("teachruns.name", number=run.number) if run.number else run.title


def show_runs(teach: TeachSession) -> None:
    """Draw a row for each training, and the curves of those that are compared."""
    if not teach.runs:
        st.caption(t("teachruns.none_yet"))
        return
    table, chart = st.columns([1, 1], gap="large")
    compared = []
    with table:
        for place, run in enumerate(reversed(teach.runs)):
            if _show_row(teach, run, compared_at_first=place < 2):
                compared.append(run)
    if compared:
        with chart:
            curves = [
                curve
                for run in compared
                for curve in curves_of(run.points, name=run_title(run), colour=run.number - 1)
            ]
            charts.show(
                learning_curves(curves, epochs=max(run.epochs for run in compared)),
                key="teach_compared",
                legend=True,
                alt=t("teachruns.curves_alt", count=len(compared)),
            )


def _show_row(teach: TeachSession, run: Run, *, compared_at_first: bool) -> bool:
    """Draw one row and return whether the run's curves are wanted."""
    mark, words, use, forget = st.columns([1, 6, 3, 1], vertical_alignment="center")
    wanted = bool(run.points) and mark.checkbox(
        t("teachruns.compare"),
        value=compared_at_first,
        key=f"teach_compare_{id(run)}",
        label_visibility="collapsed",
    )
    title = f"**{escape_markdown(run_title(run))}**"
    if run.score is not None:
        low, high = run.score.interval
        title += " · " + t(
            "teachruns.accuracy",
            percentage=100 * run.score.accuracy,
            low=100 * low,
            high=100 * high,
        )
    words.markdown(title)
    words.caption(
        t(
            "teachruns.line",
            epochs=run.epochs,
            layer=escape_markdown(run.model.head.layer),
            model=escape_markdown(run.model.backbone.title),
            pictures=run.pictures,
        )
    )
    if run is teach.run:
        use.markdown(f":material/check: {t('teachruns.in_use')}")
    else:
        use.button(
            t("teachruns.use"),
            key=f"teach_use_{id(run)}",
            on_click=teach.use,
            args=(run,),
            width="stretch",
        )
    forget.button(
        "",
        key=f"teach_forget_{id(run)}",
        icon=":material/delete:",
        help=t("teachruns.forget"),
        type="tertiary",
        on_click=teach.forget,
        args=(run,),
    )
    return wanted
