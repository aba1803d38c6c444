"""A recording over time: waveform, scores of the words, spectrogram."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.audio.overview import SoundOverview
from core.vision.colormap import VIRIDIS
from pages.components.cached import plotly
from pages.components.charts import shown_text

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["EventMark", "ScoreLines", "sound_figure"]

_WAVE = "#2a9d8f"
_EVENT = "#15803d"
_MARK = "rgba(128, 140, 140, 0.9)"
# Differ in lightness as well as in hue, and each line has its own dash.
_COLOURS = ("#2a9d8f", "#e9a23b", "#3f6fb5", "#c8553d", "#8a6fb0", "#7a8b3c")
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_MOST_LINES = len(_COLOURS)
_MOST_POINTS = 1500
_LEAST_SHOWN = 0.25
_DECIBEL_SPAN = 80.0
_MOST_MARKS = 60


@dataclass(frozen=True)
class EventMark:
    """A recognised word on the chart."""

    time_s: float
    word: str


@dataclass(frozen=True, eq=False)
class ScoreLines:
    """Scores over time.

    Attributes
    ----------
    time_s : ndarray of float, shape (n,)
    scores : mapping of str to ndarray of float, shape (n,)
        By word.
    threshold : float or None
        Drawn as a line.
    """

    time_s: NDArray[np.floating]
    scores: Mapping[str, NDArray[np.floating]]
    threshold: float | None = None


def sound_figure(
    overview: SoundOverview,
    lines: ScoreLines,
    events: Sequence[EventMark],
    *,
    words: Mapping[str, str],
) -> go.Figure:
    """Return waveform, scores and spectrogram above each other over one axis of time.

    Parameters
    ----------
    overview : SoundOverview
    lines : ScoreLines
        Words whose score never matters are left out, and the six highest shown.
    events : sequence of EventMark
    words : mapping of str to str
        Texts: ``time``, ``level``, ``score``, ``frequency``, ``threshold``.
    """
    with plotly() as go:
        figure = go.Figure()
        middles = overview.time_s
        outline = {"mode": "lines", "hoverinfo": "skip", "showlegend": False}
        figure.add_scatter(x=middles, y=overview.low, line={"width": 0}, **outline)
        figure.add_scatter(
            x=middles,
            y=overview.high,
            line={"width": 1, "color": _WAVE},
            fill="tonexty",
            fillcolor=_WAVE,
            **outline,
        )
        for place, (word, time_s, scores) in enumerate(_shown(lines)):
            figure.add_scatter(
                x=time_s,
                y=scores,
                name=shown_text(word),
                mode="lines",
                line={"color": _COLOURS[place], "dash": _DASHES[place], "width": 2},
                hovertemplate="%{y:.0%}",
                xaxis="x",
                yaxis="y2",
                showlegend=True,
            )
        _add_spectrogram(figure, overview)
        _add_marks(figure, events, lines.threshold)
        most = max(float(np.abs(overview.high).max(initial=0.05)), 0.05) * 1.1
        duration_s = max(overview.duration_s, 0.1)
        axis = {"fixedrange": True, "zeroline": False, "title": {"font": {"size": 12}}}
        figure.update_layout(
            height=430,
            hovermode="x unified",
            xaxis={
                "domain": [0, 1],
                "anchor": "y3",
                "range": [0, duration_s],
                "minallowed": 0,
                "maxallowed": duration_s,
                "title": words["time"],
                "ticksuffix": " s",
            },
            yaxis={"domain": [0.74, 0.94], "range": [-most, most], "visible": False, **axis},
            yaxis2={
                "domain": [0.34, 0.71],
                "range": [0, 1.04],
                "tickformat": ".0%",
                "nticks": 4,
                "title": {"text": words["score"], "font": {"size": 12}},
                "fixedrange": True,
                "zeroline": False,
            },
            yaxis3={
                "domain": [0, 0.3],
                "range": [0, _top_hz(overview) / 1000],
                "ticksuffix": " kHz",
                "nticks": 3,
                "title": {"text": words["frequency"], "font": {"size": 12}},
                "fixedrange": True,
                "showgrid": False,
            },
            legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        )
        return figure


def _shown(
    lines: ScoreLines,
) -> list[tuple[str, NDArray[np.floating], NDArray[np.floating]]]:
    """Return the words that matter, reduced to the highest score of each point of the chart."""
    count = len(lines.time_s)
    if not count:
        return []
    peaks = {word: float(scores.max()) for word, scores in lines.scores.items()}
    best = sorted((word for word in peaks if peaks[word] >= _LEAST_SHOWN), key=lambda w: -peaks[w])
    step = max(1, -(-count // _MOST_POINTS))
    starts = np.arange(0, count, step)
    return [
        (word, lines.time_s[starts], np.maximum.reduceat(lines.scores[word], starts))
        for word in lines.scores
        if word in best[:_MOST_LINES]
    ]


def _add_spectrogram(figure: go.Figure, overview: SoundOverview) -> None:
    if not len(overview):
        return
    loudest = float(overview.decibels.max())
    part = (overview.decibels - loudest + _DECIBEL_SPAN) / _DECIBEL_SPAN
    places = np.round(255 * np.clip(part, 0, 1)).astype(np.uint8)
    picture = Image.fromarray(VIRIDIS[places.T[::-1]])
    buffer = io.BytesIO()
    picture.quantize(64).save(buffer, "PNG", optimize=True)
    figure.add_layout_image(
        source="data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii"),
        xref="x",
        yref="y3",
        x=0,
        y=_top_hz(overview) / 1000,
        sizex=len(overview) * overview.bin_s,
        sizey=_top_hz(overview) / 1000,
        sizing="stretch",
        layer="below",
    )
    # An axis without a trace is not drawn.
    figure.add_scatter(
        x=[0], y=[0], mode="none", hoverinfo="skip", showlegend=False, xaxis="x", yaxis="y3"
    )


def _add_marks(figure: go.Figure, events: Sequence[EventMark], threshold: float | None) -> None:
    if threshold is not None:
        figure.add_hline(y=threshold, yref="y2", line={"color": _MARK, "width": 1, "dash": "dot"})
    for event in events[:_MOST_MARKS]:
        figure.add_shape(
            type="line",
            x0=event.time_s,
            x1=event.time_s,
            y0=0,
            y1=0.94,
            yref="paper",
            line={"color": _EVENT, "width": 1.5},
        )
        figure.add_annotation(
            x=event.time_s,
            y=0.94,
            yref="paper",
            yanchor="top",
            xanchor="right",
            text=f"<b>{shown_text(event.word)}</b>",
            font={"color": "#ffffff", "size": 12},
            bgcolor=_EVENT,
            borderpad=2,
            showarrow=False,
        )


def _top_hz(overview: SoundOverview) -> float:
    return overview.decibels.shape[1] * overview.band_hz
