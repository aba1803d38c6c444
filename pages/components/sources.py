"""Where pictures come from: the samples, an upload, the camera."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from core.imaging import MAX_BYTES, MAX_MEGAPIXELS
from pages.components import cached
from pages.components.i18n import t

__all__ = ["Picture", "choose_pictures"]

_MEGABYTE = 1_000_000
_SOURCES = ("sample", "upload", "camera")


@dataclass(frozen=True)
class Picture:
    """A picture file and the name that its owner gave it, which is shown and never opened."""

    name: str
    data: bytes


def choose_pictures() -> list[Picture]:
    """Draw the choice of sources and return what was chosen, perhaps nothing yet."""
    source = st.segmented_control(
        t("sources.label"),
        _SOURCES,
        format_func={name: t(f"sources.{name}") for name in _SOURCES}.__getitem__,
        default="sample",
        required=True,
        key="source",
        label_visibility="collapsed",
        width="stretch",
    )
    if source == "upload":
        return _uploaded()
    if source == "camera":
        photo = st.camera_input(t("sources.camera_hint"), key="camera")
        return [] if photo is None else [Picture(t("sources.photo_name"), photo.getvalue())]
    return _sample()


def _uploaded() -> list[Picture]:
    # No list of extensions: a name proves nothing, and a wrong file gets a sentence that helps.
    files = st.file_uploader(
        t("sources.upload_hint", megabytes=MAX_BYTES // _MEGABYTE, megapixels=MAX_MEGAPIXELS),
        accept_multiple_files=True,
        key="uploads",
    )
    return [Picture(file.name, file.getvalue()) for file in files]


def _sample() -> list[Picture]:
    photos = cached.sample_photos()
    chosen = st.pills(
        t("sources.sample_hint"),
        list(photos),
        format_func={name: t(f"sources.{name}") for name in photos}.__getitem__,
        default=next(iter(photos), None),
        required=True,
        key="sample",
    )
    if chosen is None:
        return []
    return [Picture(t("sources." + chosen), photos[chosen])]
