"""What a model is: its origin, its layers and where its bytes are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from core.errors import Note
from core.tfjs.registry import pairs
from core.tfjs.report import LayerRow
from pages.components import charts
from pages.components.cached import load_table_libraries, plotly
from pages.components.convert_source import LoadedModel
from pages.components.i18n import error_text, escape_markdown, t

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["format_title", "show_reasons", "show_summary", "size_text"]

_BARS = 10
_BAR_PX = 44
_BAR = "#2a9d8f"
_TRACK = "rgba(128, 140, 140, 0.16)"
_NAME_LENGTH = 40
_SHOWN_REASONS = 20


def size_text(size_bytes: int) -> str:
    """Return a size for people, such as ``"290 kB"`` or ``"17.2 MB"``."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    if size_bytes < 1_000_000:
        return f"{size_bytes / 1e3:.0f} kB"
    return f"{size_bytes / 1e6:.1f} MB"


def format_title(name: str) -> str:
    """Return a format's name in this session's language."""
    return {
        "tfjs_layers_model": t("convertpage.format_layers"),
        "keras": t("convertpage.format_h"),
        "keras_keras": t("convertpage.format_keras"),
        "tflite": t("convertpage.format_tflite"),
    }[name]


def show_reasons(notes: Sequence[Note]) -> None:
    """Draw why a model cannot be converted, one line a layer."""
    for note in notes[:_SHOWN_REASONS]:
        st.markdown(f"- {error_text(note)}")
    if len(notes) > _SHOWN_REASONS:
        st.caption(t("convertpage.more_reasons", count=len(notes) - _SHOWN_REASONS))


def show_summary(loaded: LoadedModel) -> None:
    """Draw the whole summary."""
    summary = loaded.summary
    st.subheader(escape_markdown(loaded.name))
    st.caption(_origin(loaded))
    with st.container(horizontal=True, gap="medium"):
        for label, value in (
            (t("convertpage.parameters"), f"{summary.parameters:,}"),
            (t("convertpage.layers"), str(len(summary.layers))),
            (t("convertpage.input"), _inputs(loaded)),
        ):
            st.metric(label, value, width="content")
    for note in summary.notices:
        st.info(error_text(note), icon=":material/build:")
    sizes, layers, targets = st.tabs(
        [t("convertpage.tab_sizes"), t("convertpage.tab_layers"), t("convertpage.tab_targets")]
    )
    with sizes:
        _show_sizes(summary.layers)
    with layers:
        _show_layers(summary.layers)
    with targets:
        _show_targets(loaded)


def _origin(loaded: LoadedModel) -> str:
    origin = loaded.model.origin
    parts = [
        format_title(origin.format),
        size_text(loaded.size_bytes),
        t("convertpage.weights", size=size_text(loaded.summary.size_bytes)),
    ]
    if loaded.summary.source:
        parts.append(t("convertpage.made_by", source=escape_markdown(loaded.summary.source[:80])))
    if origin.converted_by:
        parts.append(
            t("convertpage.converted_by", source=escape_markdown(origin.converted_by[:80]))
        )
    if origin.quantization:
        dtypes = ", ".join(sorted({entry.dtype for entry in origin.quantization.values()}))
        parts.append(t("convertpage.stored_as", dtypes=dtypes))
    return " · ".join(parts)


def _inputs(loaded: LoadedModel) -> str:
    inputs = loaded.summary.inputs
    shape = _shape(inputs[0][1][1:] if inputs and inputs[0][1] else None)
    return shape if len(inputs) < 2 else t("convertpage.inputs", shape=shape, more=len(inputs) - 1)


def _shape(sizes: Iterable[int | None] | None) -> str:
    if sizes is None:
        return "?"
    return " × ".join("?" if size is None else str(size) for size in sizes) or "1"


def _show_sizes(layers: Sequence[LayerRow]) -> None:
    heavy = sorted((row for row in layers if row.size_bytes), key=lambda row: -row.size_bytes)
    if not heavy:
        st.caption(t("convertpage.no_weights"))
        return
    rows = [(row.name, row.size_bytes) for row in heavy[:_BARS]]
    others = heavy[_BARS:]
    if others:
        rest = sum(row.size_bytes for row in others)
        rows.append((t("convertpage.others", count=len(others)), rest))
    charts.show(
        _size_bars(rows),
        key="convert_sizes",
        alt=t("convertpage.sizes_alt", layer=heavy[0].name, size=size_text(heavy[0].size_bytes)),
    )


def _size_bars(rows: Sequence[tuple[str, int]]) -> go.Figure:
    """Return a bar for each layer, name and size above it so that a phone shows both."""
    places = list(range(len(rows)))
    longest = max(size for _, size in rows)
    total = sum(size for _, size in rows)
    bar = {"y": places, "orientation": "h", "width": 0.22, "hoverinfo": "skip"}
    above = {"yanchor": "bottom", "yshift": 4, "showarrow": False}
    with plotly() as go:
        figure = go.Figure()
        figure.add_bar(x=[longest] * len(rows), marker={"color": _TRACK}, **bar)
        figure.add_bar(x=[size for _, size in rows], marker={"color": _BAR}, **bar)
        for place, (name, size) in enumerate(rows):
            share = f"{size_text(size)} · {100 * size / total:.1f} %"
            for text, x, anchor in ((_plain(name), 0, "left"), (share, longest, "right")):
                figure.add_annotation(text=text, x=x, y=place, xanchor=anchor, **above)
        figure.update_yaxes(range=[len(rows) - 0.7, -0.75], visible=False, fixedrange=True)
        figure.update_xaxes(range=[0, longest], visible=False, fixedrange=True)
        figure.update_layout(height=_BAR_PX * len(rows) + 12, barmode="overlay")
        return figure


def _plain(name: str) -> str:
    # Plotly reads markup in texts; layer names come with a model, perhaps a stranger's.
    short = name if len(name) <= _NAME_LENGTH else name[: _NAME_LENGTH - 1] + "…"
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _show_layers(layers: Sequence[LayerRow]) -> None:
    load_table_libraries()
    st.dataframe(
        [
            {
                t("convertpage.layer"): row.name,
                t("convertpage.kind"): row.class_name,
                t("convertpage.output"): _shape(row.output_shape and row.output_shape[1:]),
                t("convertpage.parameters"): row.parameters,
            }
            for row in layers
        ],
        hide_index=True,
        key="convert_layers",
        column_config={
            t("convertpage.parameters"): st.column_config.NumberColumn(format="localized"),
        },
    )


def _show_targets(loaded: LoadedModel) -> None:
    origin = loaded.model.origin.format
    targets = [(target, why) for source, target, why in pairs() if source.name == origin]
    # What it can become comes first.
    for target, why in sorted(targets, key=lambda pair: pair[1] is not None):
        reasons = loaded.summary.problems.get(target.name, ())
        if why is not None:
            title, icon, reason = escape_markdown(target.title), "remove", error_text(why)
        elif reasons:
            title, icon = format_title(target.name), "block"
            reason = t("convertpage.layers_in_the_way", count=len(reasons))
        else:
            title, icon = format_title(target.name), "check"
            reason = t("convertpage.can")
        st.markdown(
            f":material/{icon}: " + t("convertpage.target_line", title=title, reason=reason)
        )
        if why is None:
            show_reasons(reasons)
