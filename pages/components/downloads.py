"""Model downloads in threads of their own: pages read snapshots, nothing waits."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import streamlit as st

from core.errors import TeachdeckError

__all__ = ["Download", "Store", "start_download", "states"]


@dataclass
class Download:
    """How far one download is. Written by its thread, read by pages.

    Attributes
    ----------
    received, total : int
        Bytes; `total` is 0 until known.
    running : bool
    error : TeachdeckError or None
        Why it failed, once it did.
    """

    received: int = 0
    total: int = 0
    running: bool = True
    error: TeachdeckError | None = None


class Store(Protocol):
    """What fetches models: the store of picture models, or that of speech models."""

    def load(self, model_id: str, *, progress: Callable[[int, int], None] | None = None) -> object:
        """Fetch and prepare a model."""


@st.cache_resource(show_spinner=False)
def states() -> dict[str, Download]:
    """Return the downloads of this server by model; all sessions see the same."""
    return {}


@st.cache_resource(show_spinner=False)
def _lock() -> threading.Lock:
    return threading.Lock()


def start_download(store: Store, model_id: str) -> None:
    """Fetch and prepare a model in a thread, unless that is under way already."""
    with _lock():
        current = states().get(model_id)
        if current is not None and current.running:
            return
        download = states()[model_id] = Download()

    def report(received: int, total: int) -> None:
        download.received, download.total = received, total

    def work() -> None:
        try:
            store.load(model_id, progress=report)
        except TeachdeckError as error:
            download.error = error
        except Exception:
            logging.getLogger(__name__).exception("downloading %s failed", model_id)
        finally:
            download.running = False

    threading.Thread(target=work, name=f"download-{model_id}", daemon=True).start()
