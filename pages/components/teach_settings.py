"""How the training goes: two presets, the network below, and every option folded away."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from core.pretrained.truncate import EMBEDDING, cut_points
from core.vision.settings import TeachSettings
from pages.components import cached
from pages.components.i18n import t
from pages.components.model_picker import pick_model
from pages.components.teach_session import TeachSession

__all__ = ["choose_settings", "settings_of"]

_PRESETS = ("default", "article")
_EXPLAINED = ("validation_share", "augmentation", "seed")


def choose_settings(teach: TeachSession) -> TeachSettings:
    """Draw the choices and return the settings of the next training."""
    # Widgets forget their value when another page is shown, so the session leads.
    st.session_state["teach_preset"] = teach.preset
    st.segmented_control(
        t("teachtraining.preset"),
        _PRESETS,
        format_func={name: t(f"teachtraining.preset_{name}") for name in _PRESETS}.__getitem__,
        required=True,
        key="teach_preset",
        on_change=_note_preset,
        args=(teach,),
        help=t("teachtraining.preset_help"),
        width="stretch",
    )
    more = st.expander(
        t("teachtraining.more"), icon=":material/tune:", key="teach_more", on_change="rerun"
    )
    if more.open:  # the layers' names take a look at the whole network
        with more:
            teach.use_network(pick_model())
            settings = settings_of(teach)
            _choose_layer(teach, settings)
            _choose_numbers(teach, settings)
    return settings_of(teach)


def settings_of(teach: TeachSession) -> TeachSettings:
    """Return the preset's settings with what the visitor changed."""
    preset = TeachSettings.article if teach.preset == "article" else TeachSettings.default
    settings = preset(teach.model_id)
    if settings.layer != EMBEDDING and settings.layer not in _layers(teach.model_id):
        # The network has no such layer: the last map of features is the nearest to it.
        settings = replace(settings, layer=_layers(teach.model_id)[1])
    changed = {
        name: value
        for (preset_name, model_id, name), value in teach.options.items()
        if preset_name == teach.preset and model_id in ("", teach.model_id)
    }
    return replace(settings, **changed)


def _choose_layer(teach: TeachSession, settings: TeachSettings) -> None:
    layers = _layers(teach.model_id)
    _leading(teach, "layer", settings.layer)
    st.selectbox(
        t("teachtraining.layer"),
        layers,
        key=_key(teach, "layer"),
        on_change=_note,
        args=(teach, "layer", teach.model_id),
    )
    _leading(teach, "pooled", settings.pooled)
    st.toggle(
        t("teachtraining.pooled"),
        key=_key(teach, "pooled"),
        on_change=_note,
        args=(teach, "pooled", teach.model_id),
        disabled=settings.layer == EMBEDDING,
    )


def _choose_numbers(teach: TeachSession, settings: TeachSettings) -> None:
    left, right = st.columns(2)
    rows: tuple[tuple[str, Any, Any, Any, str | None], ...] = (
        ("epochs", 1, 500, 1, None),
        ("batch_size", 1, 512, 1, None),
        ("learning_rate", 0.00001, 1.0, 0.0001, "%.5f"),
        ("weight_decay", 0.0, 1.0, 0.0001, "%.5f"),
        ("hidden_units", 0, 1024, 1, None),
        ("validation_share", 0.0, 0.5, 0.05, "%.2f"),
        ("augmentation", 0, 10, 1, None),
        ("seed", 0, 2**31 - 1, 1, None),
    )
    for place, (name, least, most, step, form) in enumerate(rows):
        _leading(teach, name, getattr(settings, name))
        (left, right)[place % 2].number_input(
            t(f"teachtraining.{name}"),
            least,
            most,
            step=step,
            format=form,
            key=_key(teach, name),
            on_change=_note,
            args=(teach, name),
            help=t(f"teachtraining.{name}_help") if name in _EXPLAINED else None,
        )


def _key(teach: TeachSession, name: str) -> str:
    return f"teach_{teach.preset}_{name}"


def _leading(teach: TeachSession, name: str, value: Any) -> None:
    st.session_state[_key(teach, name)] = value


def _note_preset(teach: TeachSession) -> None:
    teach.preset = st.session_state["teach_preset"]


def _note(teach: TeachSession, name: str, model_id: str = "") -> None:
    teach.options[teach.preset, model_id, name] = st.session_state[_key(teach, name)]


@st.cache_data(show_spinner=False, max_entries=20)
def _layers(model_id: str) -> list[str]:
    return list(cut_points(cached.model_store().network(model_id)))
