"""How a conversion goes, and what it proved."""

from __future__ import annotations

import time

import streamlit as st

from core.tfjs.compat import ConversionRefusedError
from core.tfjs.report import ConversionReport
from pages.components.cached import load_table_libraries
from pages.components.convert_job import ConversionJob, forget
from pages.components.convert_summary import format_title, show_reasons, size_text
from pages.components.i18n import error_text, t

__all__ = ["show_job"]

_POLL_S = 0.5


def show_job(job: ConversionJob) -> None:
    """Draw a conversion: its progress while it runs, then what came of it."""
    with st.container(border=True):
        if job.running:
            _watch(job)
        elif job.report is not None:
            _show_report(job, job.report)
        else:
            _show_failure(job)


@st.fragment(run_every=_POLL_S)
def _watch(job: ConversionJob) -> None:
    if not job.running:
        st.rerun(scope="app")
    text = {
        "waiting": t("convertpage.stage_waiting"),
        "adapt": t("convertpage.stage_adapt"),
        "write": t("convertpage.stage_write"),
        "structure": t("convertpage.stage_structure"),
        "outputs": t("convertpage.stage_outputs"),
        "done": t("convertpage.stage_done"),
    }[job.stage]
    seconds = time.monotonic() - job.started_s
    st.progress(job.part, t("convertpage.progress", stage=text, seconds=seconds))
    if st.button(t("convertpage.stop"), icon=":material/stop:", key="convert_stop"):
        forget()
        st.rerun(scope="app")


def _show_failure(job: ConversionJob) -> None:
    if isinstance(job.error, ConversionRefusedError):
        st.error(t("convertpage.refused"), icon=":material/block:")
        show_reasons(job.error.problems)
    elif job.error is not None:
        st.error(error_text(job.error), icon=":material/error:")
    else:
        st.error(t("common.unexpected", reference=job.reference), icon=":material/error:")


def _show_report(job: ConversionJob, report: ConversionReport) -> None:
    title, button = st.columns([3, 2], vertical_alignment="center")
    title.subheader(t("convertpage.done"))
    title.caption(
        t(
            "convertpage.done_into",
            target=format_title(report.output_format),
            seconds=report.seconds,
        )
    )
    button.download_button(
        t("convertpage.download", size=size_text(len(job.content))),
        job.content,
        file_name=job.file_name,
        mime="application/zip" if job.file_name.endswith(".zip") else "application/octet-stream",
        icon=":material/download:",
        type="primary",
        width="stretch",
        on_click="ignore",
        key="convert_download",
    )
    _show_numbers(report)
    _show_proof(report)
    for note in report.notes:
        if note.code.startswith("convert.note"):
            st.warning(error_text(note), icon=":material/warning:")
        else:
            st.info(error_text(note), icon=":material/build:")
    if report.quantization_errors:
        with st.expander(t("convertpage.worst", count=len(report.quantization_errors))):
            _show_tensors(report)
    with st.expander(t("convertpage.files", count=len(report.files))):
        load_table_libraries()
        st.dataframe(
            [
                {t("convertpage.file"): name, t("convertpage.size"): size / 1e3}
                for name, size in report.files.items()
            ],
            hide_index=True,
            key="convert_files",
            column_config={
                t("convertpage.size"): st.column_config.NumberColumn(format="%.1f"),
            },
        )


def _show_numbers(report: ConversionReport) -> None:
    change = 100 * (report.bytes_after / report.bytes_before - 1) if report.bytes_before else 0.0
    with st.container(horizontal=True, gap="medium"):
        st.metric(
            t("convertpage.size_after"),
            size_text(report.bytes_after),
            t("convertpage.change", percent=change, before=size_text(report.bytes_before)),
            delta_color="off",
            delta_arrow="off",
            width="content",
        )
        if report.max_abs_difference is not None:
            difference = f"{report.max_abs_difference:.2g}"
            st.metric(t("convertpage.difference"), difference, width="content")
        if report.top1_agreement is not None:
            agreement = f"{100 * report.top1_agreement:.0f} %"
            st.metric(t("convertpage.agreement"), agreement, width="content")


def _show_proof(report: ConversionReport) -> None:
    lines = []
    if "structure" in report.proof:
        lines.append(t("convertpage.proof_structure"))
    if "weights" in report.proof:
        quantized = bool(report.quantization_errors)
        lines.append(t("convertpage.proof_codes") if quantized else t("convertpage.proof_weights"))
    if "outputs" in report.proof:
        lines.append(
            t("convertpage.proof_pictures", pictures=report.pictures)
            if report.pictures
            else t("convertpage.proof_outputs")
        )
    if lines:
        st.markdown("  \n".join(f":material/check: {line}" for line in lines))
    else:
        st.caption(t("convertpage.proof_none"))


def _show_tensors(report: ConversionReport) -> None:
    load_table_libraries()
    st.dataframe(
        [
            {
                t("convertpage.tensor"): error.name,
                t("convertpage.dtype_column"): error.dtype,
                t("convertpage.relative"): 100 * error.relative_error,
                t("convertpage.largest"): error.max_abs_error,
            }
            for error in report.quantization_errors
        ],
        hide_index=True,
        key="convert_tensors",
        column_config={
            t("convertpage.relative"): st.column_config.NumberColumn(format="%.2f %%"),
            t("convertpage.largest"): st.column_config.NumberColumn(format="%.2g"),
        },
    )
