"""A camera for many pictures: held for a burst, or live, a picture after each answer."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.components.i18n import t
from pages.components.own_component import component_data, component_files

__all__ = ["camera"]

_PREFIX = "data:image/jpeg;base64,"
_MOST_PICTURES = 60
_MOST_CHARACTERS = 400_000


def camera(*, key: str, on_pictures: Callable[[list[bytes]], None], live: bool = False) -> None:
    """Draw the camera.

    Parameters
    ----------
    key : str
    on_pictures : callable
        Called with JPEG files before the page is drawn again. They are as the browser sent them:
        to be read with the same care as an upload.
    live : bool, optional
        Send one picture after another, each when the last one was answered, instead of a burst
        while a button is held.
    """
    heard_key = f"{key}_heard"

    def hear() -> None:
        sent = st.session_state[key].get("pictures")
        if not sent or sent["serial"] <= st.session_state.get(heard_key, 0):
            return
        st.session_state[heard_key] = sent["serial"]
        pictures = [_jpeg(picture) for picture in sent["pictures"][:_MOST_PICTURES]]
        on_pictures([picture for picture in pictures if picture is not None])

    words = {
        "start": t("camera.start"),
        "stop": t("camera.stop"),
        "hold": t("camera.hold"),
        "picture": t("camera.picture"),
        "insecure": t("camera.insecure"),
        "denied": t("camera.denied"),
        "missing": t("camera.missing"),
    }
    _component()(
        key=key,
        data=component_data(
            {"words": words, "live": live, "heard": st.session_state.get(heard_key, 0)}
        ),
        on_pictures_change=hear,
    )


def _jpeg(url: object) -> bytes | None:
    if not isinstance(url, str) or len(url) > _MOST_CHARACTERS or not url.startswith(_PREFIX):
        return None
    try:
        return base64.b64decode(url[len(_PREFIX) :], validate=True)
    except binascii.Error:
        return None


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    css, js = component_files("camera")
    return st.components.v2.component("camera", html='<div class="camera"></div>', css=css, js=js)
