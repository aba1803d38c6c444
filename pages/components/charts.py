"""Charts: one look for all, readable on light and dark and by the colour-blind."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from core.vision import Prediction

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["histogram", "probability_bars", "show"]

_BEST = "#2a9d8f"
_OTHERS = "#8fb8b3"
_LABEL_LENGTH = 28


def show(figure: go.Figure, *, key: str, alt: str) -> None:
    """Draw a figure in the common look."""
    figure.update_layout(
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
        font={"size": 14},
    )
    st.plotly_chart(figure, key=key, alt=alt, config={"displayModeBar": False})


def probability_bars(predictions: Sequence[Prediction], *, axis_title: str) -> go.Figure:
    """Return horizontal bars, the most probable on top, each with its percentage."""
    import plotly.graph_objects as go  # a second to import: warmed in a thread at server start

    names = [_shortened(prediction.label) for prediction in predictions]
    percentages = [100 * prediction.probability for prediction in predictions]
    figure = go.Figure(
        go.Bar(
            x=percentages,
            # Positions, not names, so that two classes may share a name.
            y=list(range(len(names))),
            orientation="h",
            marker={"color": [_BEST] + [_OTHERS] * (len(names) - 1)},
            text=[f"{value:.1f} %" for value in percentages],
            textposition="outside",
            cliponaxis=False,
            customdata=[prediction.label for prediction in predictions],
            hovertemplate="%{customdata}: %{x:.2f} %<extra></extra>",
        )
    )
    figure.update_yaxes(
        autorange="reversed",
        tickvals=list(range(len(names))),
        ticktext=names,
        showgrid=False,
        ticklabelstandoff=8,
        fixedrange=True,
    )
    figure.update_xaxes(
        range=[0, 118],  # room for "100.0 %" beside the longest bar
        tickvals=[0, 25, 50, 75, 100],
        ticksuffix=" %",
        title=axis_title,
        fixedrange=True,
    )
    figure.update_layout(height=84 + 46 * len(names), bargap=0.35)
    return figure


def histogram(
    edges: Sequence[float], counts: Sequence[int], *, x_title: str, y_title: str
) -> go.Figure:
    """Return a histogram whose bins are already counted."""
    import plotly.graph_objects as go

    centres = [(low + high) / 2 for low, high in itertools.pairwise(edges)]
    figure = go.Figure(go.Bar(x=centres, y=list(counts), marker={"color": _BEST}))
    figure.update_xaxes(title=x_title, fixedrange=True)
    figure.update_yaxes(title=y_title, fixedrange=True)
    figure.update_layout(height=240, bargap=0.05)
    return figure


def _shortened(label: str) -> str:
    return label if len(label) <= _LABEL_LENGTH else label[: _LABEL_LENGTH - 1] + "…"
