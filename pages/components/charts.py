"""Charts: one look for all, readable on light and dark and by the colour-blind."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import streamlit as st

from core.vision import Prediction
from pages.components.cached import plotly

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["histogram", "probability_bars", "show", "shown_text"]

# One hue in two strengths: the difference is in lightness, so everybody sees it.
_BEST = "#2a9d8f"
_OTHERS = "rgba(42, 157, 143, 0.45)"
_TRACK = "rgba(128, 140, 140, 0.16)"
_ROW_PX = 50
_LABEL_LENGTH = 34


def show(
    figure: go.Figure, *, key: str, alt: str, legend: bool = False, zoom: bool = False
) -> None:
    """Draw a figure in the common look; colours of text follow the visitor's theme.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
    key : str
    alt : str
        What the chart says, for those who cannot see it.
    legend : bool, optional
        Name the lines above the chart.
    zoom : bool, optional
        Dragging magnifies a part; a double click shows all again.
    """
    figure.update_layout(
        margin={"l": 4, "r": 4, "t": 4, "b": 4},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=legend,
        legend={"orientation": "h", "x": 0, "y": 1.08, "yanchor": "bottom", "font": {"size": 12}},
        font={"size": 14, "color": _text_colour()},
        dragmode="zoom" if zoom else False,
    )
    # Streamlit's own grey for axes is fainter still.
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(tickfont_color=_text_colour(), title_font_color=_text_colour())
    with plotly():
        st.plotly_chart(figure, key=key, alt=alt, config={"displayModeBar": False})


def probability_bars(predictions: Sequence[Prediction], *, axis_title: str) -> go.Figure:
    """Return a bar from 0 to 100 % for each class, the most probable on top.

    Name and percentage stand above their bar, so that a long name has the whole width, on a
    phone too; what the bars measure is said where the pointer rests.
    """
    with plotly() as go:
        figure = go.Figure()
        rows = list(range(len(predictions)))
        percentages = [100 * prediction.probability for prediction in predictions]
        bar = {"y": rows, "orientation": "h", "width": 0.26}
        figure.add_bar(x=[100] * len(rows), marker={"color": _TRACK}, hoverinfo="skip", **bar)
        figure.add_bar(
            x=percentages,
            marker={"color": [_BEST] + [_OTHERS] * (len(rows) - 1)},
            customdata=[prediction.label for prediction in predictions],
            hovertemplate=f"%{{customdata}}<br>{axis_title}: %{{x:.2f}} %<extra></extra>",
            **bar,
        )
        for row, prediction in enumerate(predictions):
            for text, x, anchor in (
                (_shortened(prediction.label), 0, "left"),
                (f"{percentages[row]:.1f} %", 100, "right"),
            ):
                figure.add_annotation(
                    text=f"<b>{text}</b>" if row == 0 else text,
                    x=x,
                    y=row,
                    xanchor=anchor,
                    yanchor="bottom",
                    yshift=5,
                    showarrow=False,
                )
        figure.update_yaxes(range=[len(rows) - 0.7, -0.75], visible=False, fixedrange=True)
        figure.update_xaxes(range=[0, 100], visible=False, fixedrange=True)
        figure.update_layout(height=_ROW_PX * len(rows) + 8, barmode="overlay")
        return figure


def histogram(
    edges: Sequence[float], counts: Sequence[int], *, x_title: str, y_title: str
) -> go.Figure:
    """Return a histogram whose bins are already counted."""
    with plotly() as go:
        centres = [(low + high) / 2 for low, high in pairwise(edges)]
        figure = go.Figure(go.Bar(x=centres, y=list(counts), marker={"color": _BEST}))
        figure.update_xaxes(title=x_title, fixedrange=True)
        figure.update_yaxes(title=y_title, fixedrange=True)
        figure.update_layout(height=240, bargap=0.05)
        return figure


def shown_text(text: str) -> str:
    """Return `text` so that Plotly, which reads markup in texts, shows it letter by letter."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _text_colour() -> str:
    # Streamlit's own grey for charts is too faint on white. A page that is drawn before the
    # browser has told its theme is drawn again when it has.
    colour: str = st.get_option(f"theme.{st.context.theme.type or 'light'}.textColor")
    return colour


def _shortened(label: str) -> str:
    # Plotly reads markup in texts; the names come with a model, perhaps a stranger's.
    return shown_text(label if len(label) <= _LABEL_LENGTH else label[: _LABEL_LENGTH - 1] + "…")
