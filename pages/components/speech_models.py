"""The choice of speech model: ours, the user's folder, an upload, the official download."""

from __future__ import annotations

from collections import OrderedDict

import streamlit as st

from core.errors import TeachdeckError
from core.home import teachdeck_home, user_model_folders
from core.speech import SpeechModel, SpeechModelStatus, SpeechModelStore, read_speech_model
from pages.components.downloads import start_download, states
from pages.components.i18n import error_text, escape_markdown, t

__all__ = ["choose_taught", "pick_speech_model", "speech_store"]

_UPLOAD = "upload"
_TAUGHT = "taught"
_AT_HAND = ("ready", "on_disk")
_MAX_UPLOAD_MB = 100
_KEPT_UPLOADS = 2
_POLL_S = 0.5


@st.cache_resource(show_spinner=False)
def speech_store() -> SpeechModelStore:
    """Return the store of speech models that all sessions share."""
    return SpeechModelStore(teachdeck_home(), user_model_folders())


def pick_speech_model() -> SpeechModel:
    """Draw the picker and return a model that is at hand.

    Raises
    ------
    ModelError
        If there is none at all.
    """
    store = speech_store()
    entries = {entry.model_id: entry for entry in store.entries()}
    lines = {model_id: _one_line(entry) for model_id, entry in entries.items()}
    taught: SpeechModel | None = st.session_state.get("taught_words")
    if taught is not None:
        lines[_TAUGHT] = t("speech_models.taught", words=", ".join(taught.words)[:60])
    lines[_UPLOAD] = t("speech_models.upload")
    default_id = store.default_id()
    if lines != st.session_state.get("speech_model_lines"):
        st.session_state["speech_model_lines"] = lines
        if st.session_state.get("speech_model") in lines:
            # A state that changed, such as after a download, changes the line that is chosen; the
            # browser shows the old one until it is told.
            st.session_state["speech_model"] = st.session_state["speech_model"]
    chosen = st.selectbox(
        t("speech_models.label"),
        list(lines),
        index=list(lines).index(default_id),
        format_func=lines.__getitem__,
        key="speech_model",
        persist_state="session",
    )
    if chosen == _TAUGHT and taught is not None:
        _facts(taught)
        return taught
    if chosen == _UPLOAD:
        return _uploaded(store, default_id)
    entry = entries[chosen if chosen in entries else default_id]
    if entry.state in _AT_HAND:
        try:
            model = store.load(entry.model_id)
        except TeachdeckError as error:
            st.warning(error_text(error), icon=":material/error:")
        else:
            _facts(model)
            return model
    elif entry.state == "unusable":
        if entry.detail is not None:
            st.warning(error_text(entry.detail), icon=":material/error:")
    else:
        _offer_download(entry)
    return _instead(store, default_id)


def choose_taught() -> None:
    """Make the words that were taught the model that the picker shows next."""
    st.session_state["speech_model"] = _TAUGHT


def _instead(store: SpeechModelStore, default_id: str) -> SpeechModel:
    model = store.load(default_id)
    st.caption(t("speech_models.until_then", title=escape_markdown(model.title)))
    return model


def _one_line(entry: SpeechModelStatus) -> str:
    if entry.state in _AT_HAND:
        return entry.title
    state = t(f"picker.state_{entry.state}", megabytes=entry.download_bytes / 1e6)
    return f"{entry.title} · {state}"


def _facts(model: SpeechModel) -> None:
    facts = [
        t("speech_models.words", count=len(model.words)),
        t("picker.size", megabytes=model.size_bytes / 1e6),
    ]
    if model.licence:
        facts.append(escape_markdown(model.licence))
    st.caption(" · ".join(facts))
    for note in model.notes:
        st.caption(error_text(note))


def _uploaded(store: SpeechModelStore, default_id: str) -> SpeechModel:
    # No list of extensions: a name proves nothing, and a wrong file gets a sentence that helps.
    files = st.file_uploader(
        t("speech_models.upload_hint"),
        accept_multiple_files=True,
        max_upload_size=_MAX_UPLOAD_MB,
        key="speech_model_files",
    )
    if files:
        try:
            key = tuple(sorted(file.file_id for file in files))
            model = _read(key, {file.name: file.getvalue() for file in files})
        except TeachdeckError as error:
            st.warning(error_text(error), icon=":material/error:")
        else:
            _facts(model)
            return model
    return _instead(store, default_id)


def _read(key: tuple[str, ...], files: dict[str, bytes]) -> SpeechModel:
    """Return this session's uploaded model, read now or remembered."""
    known: OrderedDict[tuple[str, ...], SpeechModel] = st.session_state.setdefault(
        "speech_uploads", OrderedDict()
    )
    if key not in known:
        title = t("speech_models.uploaded", title=next(iter(files)))
        known[key] = read_speech_model(
            next(iter(files.values())) if len(files) == 1 else files, title=title
        )
        while len(known) > _KEPT_UPLOADS:
            known.popitem(last=False)
    return known[key]


def _offer_download(entry: SpeechModelStatus) -> None:
    download = states().get(entry.model_id)
    if download is not None and download.running:
        _watch(entry.model_id)
        return
    if download is not None and download.error is not None:
        st.warning(error_text(download.error), icon=":material/cloud_off:")
    if st.button(
        t("picker.get", megabytes=entry.download_bytes / 1e6),
        icon=":material/download:",
        key="get_speech_model",
    ):
        start_download(speech_store(), entry.model_id)
        st.rerun()


@st.fragment(run_every=_POLL_S)
def _watch(model_id: str) -> None:
    download = states()[model_id]
    if not download.running:
        st.rerun(scope="app")
    st.progress(
        min(1.0, download.received / download.total) if download.total else 0.0,
        t("picker.progress", received=download.received / 1e6, total=download.total / 1e6),
    )
