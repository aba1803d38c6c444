"""How a page shows that something went wrong."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from functools import wraps
from pathlib import Path

import streamlit as st

from core.errors import TeachdeckError
from pages.components.i18n import error_text, t
from pages.components.site import leave_for_router

__all__ = ["page"]


def page(draw: Callable[[], None]) -> Callable[[], None]:
    """Draw a page; errors become sentences in the visitor's language, never a traceback."""

    @wraps(draw)
    def drawn() -> None:
        leave_for_router("pages/" + Path(draw.__code__.co_filename).name)
        try:
            draw()
        except TeachdeckError as error:
            st.error(error_text(error), icon=":material/error:")
        except Exception:
            reference = secrets.token_hex(4)
            logging.getLogger(__name__).exception("page failed, reference %s", reference)
            st.error(t("common.unexpected", reference=reference), icon=":material/error:")

    return drawn
