"""Step 2 of the page "Teach pictures": settings, the training, its curves as they grow."""

from __future__ import annotations

import streamlit as st

from pages.components.i18n import t
from pages.components.learning_panel import show_curves, show_failure, watch
from pages.components.teach_run import Run
from pages.components.teach_score import show_quick_score
from pages.components.teach_session import TeachSession
from pages.components.teach_settings import choose_settings

__all__ = ["show_training"]


def show_training(teach: TeachSession) -> None:
    """Draw the whole step."""
    teach.worker.warm()
    teach.scorer.warm()
    show_quick_score(teach)
    ready = teach.can_train()
    job = teach.job
    settings = choose_settings(teach)
    if job is not None and job.running:
        watch(job, key="teach_job", on_done=teach.finish)
        return
    with st.container(horizontal=True, gap="small"):
        st.button(
            t("teachtraining.start_again") if teach.runs else t("teachtraining.start"),
            key="teach_train",
            type="primary",
            icon=":material/model_training:",
            on_click=teach.train,
            args=(settings,),
            disabled=not ready,
            width="stretch",
        )
        if teach.can_go_on():
            st.button(
                t("teachtraining.go_on"),
                key="teach_go_on",
                help=t("teachtraining.go_on_help"),
                on_click=teach.go_on,
            )
    if not ready:
        st.caption(t("teachtraining.wait_samples"))
    if job is not None:
        show_failure(job)
        if job.stage == "stopped" and not job.points:
            st.info(t("teachtraining.stopped_early"), icon=":material/info:")
    if teach.run is not None:
        _show_run(teach, teach.run)
    st.caption(t(f"teachtraining.worker_{_worker_state(teach)}"))


def _show_run(teach: TeachSession, run: Run) -> None:
    if run.points:
        show_curves(run.points, epochs=run.epochs, key="teach_run_curves")
    lines = []
    if run.stopped:
        lines.append(t("teachtraining.stopped", epochs=run.epochs))
    elif run.points:
        lines.append(t("teachtraining.done", epochs=run.epochs, seconds=run.seconds))
    if run.number and run.version != teach.samples.version:
        lines.append(t("teachtraining.stale"))
    if lines:
        st.caption(" ".join(lines))


def _worker_state(teach: TeachSession) -> str:
    return {"off": "asleep", "starting": "starting"}.get(teach.worker.state, "ready")
