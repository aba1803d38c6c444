"""Conversions in threads of their own: pages read snapshots, nothing waits."""

from __future__ import annotations

import logging
import re
import secrets
import threading
import time
from dataclasses import dataclass, field

import streamlit as st

from core.errors import TeachdeckError
from core.tfjs.convert import ConversionOptions, convert_model
from core.tfjs.report import ConversionReport
from pages.components.convert_source import LoadedModel

__all__ = ["ConversionJob", "forget", "job_of", "start"]

_JOB = "conversion_job"
_POLL_S = 0.2


class _StoppedError(Exception):
    """The visitor stopped the conversion."""


@dataclass
class ConversionJob:
    """How far one conversion is. Written by its thread, read by the page; `stop` the other way.

    Attributes
    ----------
    model_key : tuple of str
        Of the `LoadedModel`.
    stage : str
        ``"waiting"`` while another conversion runs, then a stage of `convert_model`.
    part : float
        0 to 1.
    running : bool
    report : ConversionReport or None
        Once it is done.
    file_name : str
    content : bytes
        What the visitor takes away: the model's one file, or a zip of its files.
    error : TeachdeckError or None
        Why nothing is handed over.
    reference : str
        Of the log's entry where the program itself failed; else empty.
    stop : threading.Event
    """

    model_key: tuple[str, ...]
    stage: str = "waiting"
    part: float = 0.0
    running: bool = True
    report: ConversionReport | None = None
    file_name: str = ""
    content: bytes = b""
    error: TeachdeckError | None = None
    reference: str = ""
    stop: threading.Event = field(default_factory=threading.Event)
    started_s: float = field(default_factory=time.monotonic)


@st.cache_resource(show_spinner=False)
def _turn() -> threading.Lock:
    # TensorFlow's process takes more than half a gigabyte: one conversion at a time.
    return threading.Lock()


def job_of(loaded: LoadedModel) -> ConversionJob | None:
    """Return this session's conversion of a model, if it has one; end one of another model."""
    job: ConversionJob | None = st.session_state.get(_JOB)
    if job is not None and job.model_key != loaded.key:
        forget()
        return None
    return job


def forget() -> None:
    """Stop this session's conversion, and drop it with its result."""
    job: ConversionJob | None = st.session_state.pop(_JOB, None)
    if job is not None:
        job.stop.set()


def start(loaded: LoadedModel, output_format: str, options: ConversionOptions) -> None:
    """Convert a model in a thread; the session's earlier conversion is dropped."""
    forget()
    job = st.session_state[_JOB] = ConversionJob(loaded.key)
    turn = _turn()  # Streamlit's caches belong to the script's thread
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", loaded.name.rpartition(".")[0])[:40].strip("_")

    def report(stage: str, part: float) -> None:
        if job.stop.is_set():
            raise _StoppedError
        job.stage, job.part = stage, part

    def work() -> None:
        while not turn.acquire(timeout=_POLL_S):
            if job.stop.is_set():
                job.running = False
                return
        try:
            conversion = convert_model(
                loaded.model,
                output_format,
                options=options,
                bytes_before=loaded.size_bytes,
                names=(loaded.name, stem or "model"),
                progress=report,
            )
            if len(conversion.files) == 1:
                ((written, job.content),) = conversion.files.items()
                suffix = "." + written.rpartition(".")[2]
            else:
                job.content, suffix = conversion.zip_bytes(), "_tfjs.zip"
            job.file_name = (stem or "model") + suffix
            job.report = conversion.report
        except _StoppedError:
            logging.getLogger(__name__).info("a conversion was stopped")
        except TeachdeckError as error:
            job.error = error
        except Exception:
            job.reference = secrets.token_hex(4)
            logging.getLogger(__name__).exception("conversion failed, %s", job.reference)
        finally:
            job.running = False
            turn.release()

    threading.Thread(target=work, name="conversion", daemon=True).start()
