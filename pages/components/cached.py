"""Everything that all sessions share, and each session's memory of what it computed."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import logging
import threading
from collections import OrderedDict
from pathlib import Path

import streamlit as st

from core.errors import TeachdeckError
from core.home import teachdeck_home, user_model_folders
from core.memory import limit_memory_arenas
from core.pretrained.backbone import Backbone
from core.pretrained.store import ModelStore
from core.vision import Classification, ImageClassifier

__all__ = [
    "backbone_for",
    "classify_once",
    "load_chart_libraries",
    "model_store",
    "sample_photos",
    "warm_up",
]

# A classification holds the picture's pixels, about 2 MB: a session keeps the last few.
_KEPT_CLASSIFICATIONS = 3
_IMPORTING = threading.Lock()


@st.cache_resource(show_spinner=False)
def model_store() -> ModelStore:
    """Return the store of pretrained models that all sessions share."""
    return ModelStore(teachdeck_home(), user_model_folders())


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Thread:
    """Load the first model and the slow libraries in a thread, once a server."""
    limit_memory_arenas()
    store = model_store()

    def work() -> None:
        try:
            # The model first: it is what the first visitor waits for.
            store.load_or_default(store.default_id())
            load_chart_libraries()
        except Exception:
            # A visitor's own request will meet the same fault and show it.
            logging.getLogger(__name__).exception("warming up failed")

    thread = threading.Thread(target=work, name="warm-up", daemon=True)
    thread.start()
    return thread


def load_chart_libraries() -> None:
    """Import what charts and tables need, one thread at a time.

    Plotly looks whether pandas is loaded and then uses it, so it must never meet a pandas that
    another thread has only begun to import.
    """
    with _IMPORTING:
        for name in ("pandas", "pyarrow", "plotly.graph_objects"):
            importlib.import_module(name)


def backbone_for(model_id: str) -> tuple[Backbone, TeachdeckError | None]:
    """Return the model, or the one that serves instead together with what went wrong."""
    return model_store().load_or_default(model_id)


@st.cache_resource(show_spinner=False)
def sample_photos() -> dict[str, bytes]:
    """Return the two photos that scikit-learn ships, by name, without importing it."""
    spec = importlib.util.find_spec("sklearn")
    if spec is None or not spec.submodule_search_locations:
        return {}
    folder = Path(spec.submodule_search_locations[0]) / "datasets" / "images"
    return {name: (folder / f"{name}.jpg").read_bytes() for name in ("flower", "china")}


def classify_once(data: bytes, backbone: Backbone) -> Classification:
    """Classify a picture, or return what this session computed for the same bytes and model."""
    known: OrderedDict[tuple[str, str], Classification] = st.session_state.setdefault(
        "classifications", OrderedDict()
    )
    key = (hashlib.sha256(data).hexdigest(), backbone.model_id)
    if key not in known:
        known[key] = ImageClassifier(backbone).classify(data, top=5)
        while len(known) > _KEPT_CLASSIFICATIONS:
            known.popitem(last=False)
    known.move_to_end(key)
    return known[key]
