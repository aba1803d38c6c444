"""The model to convert: the sample or an upload, read once for each session."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from core.tfjs.model import LayersModel
from core.tfjs.read import read_model
from core.tfjs.report import ModelSummary, summarize
from core.tfjs.sample import SAMPLE_NAME, sample_file
from pages.components.i18n import t

__all__ = ["LoadedModel", "choose_files", "load"]

# A server for many has less memory than core would allow one reader.
_MAX_UPLOAD_MB = 100
_LOADED = "convert_loaded"


@dataclass(frozen=True)
class LoadedModel:
    """A model that was read, with what tells it from every other upload of the session."""

    key: tuple[str, ...]
    name: str
    size_bytes: int
    model: LayersModel
    summary: ModelSummary


def choose_files() -> dict[str, bytes] | None:
    """Draw the choice; return uploaded files by name, ``None`` for the sample.

    The result is empty where nothing was uploaded yet.
    """
    sources = {
        "sample": t("convertpage.source_sample"),
        "upload": t("convertpage.source_upload"),
    }
    source = st.segmented_control(
        t("convertpage.source"),
        list(sources),
        format_func=sources.__getitem__,
        default="sample",
        required=True,
        key="convert_source",
        label_visibility="collapsed",
        width="stretch",
    )
    if source != "upload":
        st.caption(t("convertpage.sample_is"))
        return None
    # No list of extensions: a name proves nothing, and a wrong file gets a sentence that helps.
    files = st.file_uploader(
        t("convertpage.upload_hint"),
        accept_multiple_files=True,
        max_upload_size=_MAX_UPLOAD_MB,
        key="convert_uploads",
    )
    st.session_state["convert_upload_ids"] = tuple(sorted(file.file_id for file in files))
    return {file.name: file.getvalue() for file in files}


def load(files: dict[str, bytes] | None) -> LoadedModel:
    """Return the chosen model, read now or remembered.

    Raises
    ------
    ModelError
        With a sentence about what is wrong with the files.
    """
    if files is None:
        return _sample()
    key = ("upload", *st.session_state["convert_upload_ids"])
    known: LoadedModel | None = st.session_state.get(_LOADED)
    if known is None or known.key != key:
        # The old one goes first: two large models at once may be more than there is memory for.
        st.session_state.pop(_LOADED, None)
        with st.spinner(t("convertpage.reading")):
            st.session_state[_LOADED] = known = _read(key, files)
    return known


@st.cache_resource(show_spinner=False)
def _sample() -> LoadedModel:
    return _read(("sample",), {SAMPLE_NAME: sample_file()})


def _read(key: tuple[str, ...], files: dict[str, bytes]) -> LoadedModel:
    model = read_model(files)
    name = next(iter(files)) if len(files) == 1 else "model.json"
    size_bytes = sum(len(content) for content in files.values())
    return LoadedModel(key, name, size_bytes, model, summarize(model))
