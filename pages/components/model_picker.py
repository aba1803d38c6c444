"""The choice of model: what there is, how good, how big, and whether it is at hand."""

from __future__ import annotations

import streamlit as st

from core.pretrained.store import ModelStatus
from pages.components import cached
from pages.components.downloads import Download, start_download, states
from pages.components.i18n import error_text, escape_markdown, t

__all__ = ["pick_model"]

_AT_HAND = ("ready", "on_disk")
_POLL_S = 0.5


def pick_model() -> str:
    """Draw the picker and return the id of a model that is at hand."""
    store = cached.model_store()
    entries = {entry.model_id: entry for entry in store.entries()}
    lines = {model_id: _one_line(entry) for model_id, entry in entries.items()}
    default_id = store.default_id()
    if lines != st.session_state.get("model_lines"):
        st.session_state["model_lines"] = lines
        if st.session_state.get("model") in entries:
            # A state that changed, such as after a download, changes the line that is chosen; the
            # browser shows the old one until it is told.
            st.session_state["model"] = st.session_state["model"]
    chosen = st.selectbox(
        t("picker.label"),
        list(entries),
        index=list(entries).index(default_id) if default_id in entries else 0,
        format_func=lines.__getitem__,
        key="model",
    )
    entry = entries[chosen if chosen in entries else default_id]
    download = states().get(entry.model_id)
    failed = download is not None and download.error is not None
    _facts(entry, with_detail=not failed)
    if entry.state in _AT_HAND:
        return entry.model_id
    if entry.state == "unusable":
        return default_id
    _offer_download(entry, entries[default_id].title)
    return default_id


def _one_line(entry: ModelStatus) -> str:
    return f"{entry.title} · {_state(entry)}"


def _state(entry: ModelStatus) -> str:
    return t(f"picker.state_{entry.state}", megabytes=entry.download_bytes / 1e6)


def _facts(entry: ModelStatus, *, with_detail: bool) -> None:
    facts = []
    if entry.size_bytes:
        facts.append(t("picker.size", megabytes=entry.size_bytes / 1e6))
    if entry.accuracy_top1 is not None:
        facts.append(t("picker.accuracy", percentage=100 * entry.accuracy_top1))
    if entry.input_size_px:
        facts.append(t("picker.input", pixels=entry.input_size_px))
    st.caption(" · ".join(facts), help=t("picker.accuracy_help"))
    if with_detail and entry.detail is not None:
        st.caption(error_text(entry.detail))


def _offer_download(entry: ModelStatus, serving_title: str) -> None:
    st.caption(t("picker.until_then", title=escape_markdown(serving_title)))
    download = states().get(entry.model_id)
    if download is not None and download.running:
        _watch(entry.model_id)
        return
    if download is not None and download.error is not None:
        st.warning(error_text(download.error), icon=":material/cloud_off:")
    if st.button(
        t("picker.get", megabytes=entry.download_bytes / 1e6),
        icon=":material/download:",
        key="get_model",
    ):
        start_download(cached.model_store(), entry.model_id)
        st.rerun()


@st.fragment(run_every=_POLL_S)
def _watch(model_id: str) -> None:
    download: Download = states()[model_id]
    if not download.running:
        st.rerun(scope="app")
    st.progress(
        min(1.0, download.received / download.total) if download.total else 0.0,
        t("picker.progress", received=download.received / 1e6, total=download.total / 1e6),
    )
