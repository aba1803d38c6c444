"""A training while it runs, and what its curves were; the teach pages share it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import streamlit as st

from pages.components import charts
from pages.components.i18n import error_text, t
from pages.components.learning_charts import Curve, learning_curves
from pages.components.learning_job import LearningJob, Point

__all__ = ["curves_of", "show_curves", "show_failure", "watch"]

# Several times a second, and only while a training runs.
_POLL_S = 0.25


def watch(job: LearningJob, *, key: str, on_done: Callable[[], None]) -> None:
    """Draw a running training: where it is, a button to stop it, and its growing curves.

    Parameters
    ----------
    job : LearningJob
    key : str
    on_done : callable
        Called in the script's thread when it has ended, before the page is drawn anew.
    """

    @st.fragment(run_every=_POLL_S)
    def follow() -> None:
        if not job.running:
            on_done()
            st.rerun(scope="app")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.progress(min(1.0, job.part), _stage(job), width="stretch")
            if st.button(
                t("learn.stop"),
                key=f"{key}_stop",
                icon=":material/stop_circle:",
                disabled=job.stop.is_set(),
            ):
                job.stop.set()
        show_curves(job.points, epochs=job.epochs, key=f"{key}_curves")

    follow()


def show_curves(points: Sequence[Point], *, epochs: int, key: str) -> None:
    """Draw the curves of one training, and its last values in words."""
    points = list(points)
    charts.show(
        learning_curves(curves_of(points), epochs=epochs),
        key=key,
        legend=True,
        alt=t("learn.curves_alt", epochs=len(points) - 1, accuracy=_last_accuracy(points)),
    )


def curves_of(points: Sequence[Point], *, name: str = "", colour: int | None = None) -> list[Curve]:
    """Return the lines of one training: of what it learned from, and of what was held out.

    Parameters
    ----------
    points : sequence of Point
    name : str, optional
        Of the training, where several are compared.
    colour : int, optional
        Of both lines, where several are compared; else each has its own.
    """
    before = f"{name} · " if name else ""
    curves = [
        Curve(
            before + t("learn.training"),
            [point.accuracy for point in points],
            [point.loss for point in points],
            colour=0 if colour is None else colour,
        )
    ]
    if not points or not math.isnan(points[0].held_out_loss):
        curves.append(
            Curve(
                before + t("learn.validation"),
                [point.held_out_accuracy for point in points],
                [point.held_out_loss for point in points],
                held_out=True,
                colour=1 if colour is None else colour,
            )
        )
    return curves


def show_failure(job: LearningJob) -> None:
    """Say why a training gave nothing."""
    if job.error is not None:
        st.error(error_text(job.error), icon=":material/error:")
    elif job.reference:
        st.error(t("common.unexpected", reference=job.reference), icon=":material/error:")


def _stage(job: LearningJob) -> str:
    if job.stop.is_set():
        return t("learn.stopping")
    if job.stage == "queue" and job.place > 0:
        return t("learn.queue", place=job.place)
    return {
        "queue": t("learn.starting"),
        "features": t("learn.features", percent=100 * job.part),
        "worker": t("learn.worker"),
        "check": t("learn.check", percent=100 * job.part),
        "training": t("learn.epoch_of", epoch=max(0, len(job.points) - 1), epochs=job.epochs),
    }.get(job.stage, t("learn.finishing"))


def _last_accuracy(points: Sequence[Point]) -> float:
    if not points:
        return 0.0
    last = points[-1]
    held_out = last.held_out_accuracy
    return 100 * (last.accuracy if math.isnan(held_out) else held_out)
