"""Take the taught model away in any format, each with proof that it predicts the same."""

from __future__ import annotations

import logging
import secrets
import threading
from dataclasses import dataclass, field

import streamlit as st

from core.errors import TeachdeckError
from core.memory import trim
from core.vision.exports import FORMATS, Export, export_model, picture_model
from pages.components import cached
from pages.components.convert_summary import size_text
from pages.components.i18n import error_text, t
from pages.components.learning_job import StoppedError
from pages.components.teach_run import Run
from pages.components.teach_runs import run_title
from pages.components.teach_session import TeachSession

__all__ = ["ExportJob", "show_exports"]

_POLL_S = 0.3


@dataclass(eq=False)
class ExportJob:
    """How far one export is. Written by its thread, read by the page; `stop` the other way."""

    run: Run
    format: str
    stage: str = "waiting"
    part: float = 0.0
    running: bool = True
    export: Export | None = None
    error: TeachdeckError | None = None
    reference: str = ""
    stop: threading.Event = field(default_factory=threading.Event)


@st.cache_resource(show_spinner=False)
def _turn() -> threading.Lock:
    # A whole network is in memory several times while it is written: one export at a time.
    return threading.Lock()


def show_exports(teach: TeachSession, run: Run) -> None:
    """Draw the choice of formats, the work, and the download with its proof."""
    job = teach.export
    if job is not None and job.run is not run:
        job.stop.set()
        job = teach.export = None
    choice, outcome = st.columns([2, 3], gap="large")
    titles = {name: t(f"exports.{name.replace('-', '_')}") for name in FORMATS}
    with choice:
        wanted = st.radio(
            t("teachexports.format"),
            list(FORMATS),
            format_func=titles.__getitem__,
            captions=[t(f"exports.{name.replace('-', '_')}_help") for name in FORMATS],
            key="teach_format",
        )
        st.button(
            t("teachexports.go"),
            key="teach_export",
            type="primary",
            icon=":material/inventory_2:",
            on_click=_start,
            args=(teach, run, wanted),
            disabled=job is not None and job.running,
            width="stretch",
        )
    with outcome:
        if job is None or job.format != wanted:
            st.markdown(t("teachexports.promise"))
        elif job.running:
            _watch(job)
        elif job.export is not None:
            _show_export(job, job.export)
        elif job.error is not None:
            st.error(error_text(job.error), icon=":material/error:")
        elif job.reference:
            st.error(t("common.unexpected", reference=job.reference), icon=":material/error:")


def _start(teach: TeachSession, run: Run, wanted: str) -> None:
    if teach.export is not None:
        teach.export.stop.set()
    job = teach.export = ExportJob(run, wanted)
    turn, store = _turn(), cached.model_store()  # Streamlit's caches belong to the script's thread
    networks = store if run.network is None else run.network
    name = run_title(run)

    def report(stage: str, part: float) -> None:
        if job.stop.is_set():
            raise StoppedError
        job.stage, job.part = stage, part

    def work() -> None:
        while not turn.acquire(timeout=_POLL_S):
            if job.stop.is_set():
                job.running = False
                return
        try:
            report("build", 0.0)
            model = picture_model(run.model, networks, name=name)
            job.export = export_model(model, wanted, progress=report)
        except StoppedError:
            logging.getLogger(__name__).info("an export was stopped")
        except TeachdeckError as error:
            job.error = error
        except Exception:
            job.reference = secrets.token_hex(4)
            logging.getLogger(__name__).exception("export failed, %s", job.reference)
        finally:
            job.running = False
            trim()
            turn.release()

    threading.Thread(target=work, name="export", daemon=True).start()


@st.fragment(run_every=_POLL_S)
def _watch(job: ExportJob) -> None:
    if not job.running:
        st.rerun(scope="app")
    text = {
        "waiting": t("convertpage.stage_waiting"),
        "build": t("teachexports.build"),
        "write": t("teachexports.write"),
        "check": t("teachexports.check"),
    }.get(job.stage, t("learn.finishing"))
    st.progress(min(1.0, job.part), text)


def _show_export(job: ExportJob, export: Export) -> None:
    def content() -> bytes:
        # By the job, which is emptied when the visitor has left: Streamlit keeps this function.
        return job.export.content if job.export is not None else b""

    size = size_text(len(export.content))
    st.download_button(
        t("teachexports.download", name=export.file_name, size=size),
        content,
        file_name=export.file_name,
        mime=export.mime,
        icon=":material/download:",
        type="primary",
        on_click="ignore",
        key="teach_download",
        width="stretch",
    )
    report = export.report
    st.markdown(
        ":material/check: "
        + t(
            "teachexports.proof",
            pictures=report.pictures,
            difference=f"{report.max_difference:.1g}",
        )
    )
    for note in report.notes:
        st.info(error_text(note), icon=":material/info:")
    if len(export.files) > 1:
        with st.expander(t("convertpage.files", count=len(export.files))):
            for file, data in export.files.items():
                st.markdown(f"`{file}` · {size_text(len(data))}")
