"""Everything that all sessions share, and each session's memory of what it computed."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import streamlit as st

from core.errors import TeachdeckError
from core.home import teachdeck_home, user_model_folders
from core.memory import return_freed_memory
from core.pretrained.backbone import Backbone
from core.pretrained.labels import translated
from core.pretrained.store import ModelStore
from core.vision import Classification, ImageClassifier, Prediction
from core.worker import KerasWorker, ScoreWorker

__all__ = [
    "backbone_for",
    "classify_once",
    "in_language",
    "keras_worker",
    "load_table_libraries",
    "model_store",
    "plotly",
    "sample_photos",
    "score_worker",
    "warm_up",
]

# A classification holds the picture's pixels, about 2 MB: a session keeps the last few.
_KEPT_CLASSIFICATIONS = 3
_LIBRARIES = threading.RLock()


@st.cache_resource(show_spinner=False)
def model_store() -> ModelStore:
    """Return the store of pretrained models that all sessions share."""
    return ModelStore(teachdeck_home(), user_model_folders())


@st.cache_resource(show_spinner=False)
def keras_worker() -> KerasWorker:
    """Return the process that holds TensorFlow, which all sessions share; not started yet."""
    return KerasWorker()


@st.cache_resource(show_spinner=False)
def score_worker() -> ScoreWorker:
    """Return the process that holds scikit-learn, which all sessions share; not started yet."""
    return ScoreWorker()


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Thread:
    """Load the first model and the slow libraries in a thread, once a server."""
    return_freed_memory()
    store = model_store()

    def work() -> None:
        try:
            # The model first: it is what the first visitor waits for.
            store.load_or_default(store.default_id())
            with plotly():
                pass
        except Exception:
            # A visitor's own request will meet the same fault and show it.
            logging.getLogger(__name__).exception("warming up failed")

    thread = threading.Thread(target=work, name="warm-up", daemon=True)
    thread.start()
    return thread


@contextmanager
def plotly() -> Iterator[ModuleType]:
    """Hold Plotly's ``graph_objects`` while no other thread imports pandas.

    Plotly uses pandas as soon as it finds it in memory, so it must never meet one that another
    thread has only begun to import.
    """
    with _LIBRARIES:
        yield importlib.import_module("plotly.graph_objects")


def load_table_libraries() -> None:
    """Import what ``st.dataframe`` needs: 75 MB that a visitor with one picture never pays for."""
    with _LIBRARIES:
        for name in ("pandas", "pyarrow"):
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


def in_language(
    predictions: tuple[Prediction, ...], backbone: Backbone, language: str
) -> tuple[Prediction, ...]:
    """Return the predictions with their classes named in a language, where we know the names."""
    names = translated(backbone.labels, language)
    return tuple(replace(entry, label=names[entry.index]) for entry in predictions)


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
