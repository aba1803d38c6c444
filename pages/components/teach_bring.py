"""Save the whole work as one file, open it again, and bring models that were taught elsewhere."""

from __future__ import annotations

import streamlit as st

from pages.components.i18n import error_text, escape_markdown, t
from pages.components.learning_job import LearningJob
from pages.components.learning_panel import show_failure
from pages.components.teach_projects import Brought
from pages.components.teach_session import TeachSession

__all__ = ["show_bring"]

_MOST_BYTES = 250_000_000
_POLL_S = 0.3
_SHOWN_FAILURES = 5


def show_bring(teach: TeachSession) -> None:
    """Draw saving on the left, bringing on the right."""
    save, bring = st.columns(2, gap="large")
    with save:
        st.markdown(t("teachbring.save_help"))
        st.button(
            t("teachbring.prepare"),
            key="teach_prepare_project",
            icon=":material/save:",
            on_click=teach.prepare_project,
            disabled=not teach.size,
        )
        if teach.project is not None:
            st.download_button(
                t("teachbring.download"),
                # By the session, which is emptied when its visitor has left.
                lambda: teach.project or b"",
                file_name="teachdeck-pictures.zip",
                mime="application/zip",
                icon=":material/download:",
                type="primary",
                on_click="ignore",
                key="teach_project",
            )
    with bring:
        key = f"teach_bring_{teach.uploads}"

        def read() -> None:
            files = st.session_state[key]
            if files:
                teach.bring({file.name: file.getvalue() for file in files})
                teach.uploads += 1

        st.markdown(t("teachbring.bring_help"))
        if teach.bringing is not None and teach.bringing.running:
            _watch(teach.bringing)
            return
        st.file_uploader(
            t("teachbring.upload_hint"),
            key=key,
            accept_multiple_files=True,
            on_change=read,
            max_upload_size=_MOST_BYTES // 1_000_000,
        )
        if teach.bringing is not None:
            show_failure(teach.bringing)
        if teach.brought is not None:
            _show_brought(teach.brought)


@st.fragment(run_every=_POLL_S)
def _watch(job: LearningJob) -> None:
    if not job.running:
        st.rerun(scope="app")
    st.progress(min(1.0, job.part), t("teachbring.reading"))


def _show_brought(brought: Brought) -> None:
    if brought.run is not None:
        labels = ", ".join(brought.run.model.labels)
        st.success(t("teachbring.model", labels=escape_markdown(labels)), icon=":material/check:")
    if brought.samples is not None:
        st.success(t("teachbring.samples", count=len(brought.samples)), icon=":material/check:")
    for note in brought.notes:
        st.info(error_text(note), icon=":material/info:")
    for name, error in brought.failed[:_SHOWN_FAILURES]:
        st.markdown(f"**{escape_markdown(name)}**: {error_text(error)}")
