"""Charts of how a model learned and how well it does; the teach pages share them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pages.components.cached import plotly
from pages.components.charts import shown_text
from pages.components.i18n import t

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["Curve", "confusion_map", "learning_curves", "reliability"]

# Told apart by lightness and by dashes too, for the colour-blind. Of `chartCategoricalColors`.
_COLOURS = ("#2a9d8f", "#e9a23b", "#3f6fb5", "#c8553d", "#8a6fb0", "#7a8b3c")
_GRID = "rgba(128, 140, 140, 0.22)"
_LABEL_LENGTH = 16
_MANY_CLASSES = 12


@dataclass(frozen=True)
class Curve:
    """One line over the epochs: of the training pictures, or dashed, of the validation pictures.

    Attributes
    ----------
    name : str
    accuracy, loss : sequence of float
        A value for each epoch; accuracy as a fraction.
    held_out : bool
        Whether the samples were kept out of the training.
    colour : int
        Place in the common colours.
    """

    name: str
    accuracy: Sequence[float]
    loss: Sequence[float]
    held_out: bool = False
    colour: int = 0


def learning_curves(curves: Sequence[Curve], *, epochs: int, first: int = 0) -> go.Figure:
    """Return accuracy above and loss below, over the epochs that are wanted in all.

    The axis has its final length from the first point on, so that nothing jumps.

    Parameters
    ----------
    curves : sequence of Curve
    epochs : int
    first : int, optional
        The epoch of the first point: 0 where it was measured before anything was learned.
    """
    with plotly() as go:
        figure = go.Figure()
        for curve in curves:
            colour = _COLOURS[curve.colour % len(_COLOURS)]
            line = {"color": colour, "width": 2.5, "dash": "dash" if curve.held_out else "solid"}
            steps = list(range(first, first + len(curve.loss)))
            for values, axis, form in (
                ([100 * value for value in curve.accuracy], "y", ".0f"),
                (curve.loss, "y2", ".3f"),
            ):
                figure.add_scatter(
                    x=steps,
                    y=list(values),
                    yaxis=axis,
                    name=shown_text(curve.name),
                    legendgroup=curve.name,
                    showlegend=axis == "y",
                    mode="lines+markers" if len(steps) == 1 else "lines",
                    line=line,
                    hovertemplate=f"%{{y:{form}}}<extra>{shown_text(curve.name)}</extra>",
                )
        for title, top in ((t("learn.accuracy"), 1.0), (t("learn.loss"), 0.44)):
            # Above its chart: beside it, in a narrow column, it would take the chart's width.
            figure.add_annotation(
                text=title,
                x=0,
                y=top,
                xref="paper",
                yref="paper",
                xanchor="left",
                yanchor="bottom",
                showarrow=False,
            )
        figure.update_layout(
            height=340,
            hovermode="x unified",
            xaxis={
                "range": [-0.5, max(epochs, 2) + 0.5],
                "title": t("learn.epoch"),
                "anchor": "y2",
                "fixedrange": True,
                "showgrid": False,
                "zeroline": False,
                "dtick": max(1, round(epochs / 5)),
                "tick0": 0,
            },
            yaxis={"domain": [0.58, 0.98], "range": [0, 104], "dtick": 50, **_quiet()},
            yaxis2={"domain": [0, 0.42], "rangemode": "tozero", "nticks": 4, **_quiet()},
        )
        return figure


def confusion_map(matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> go.Figure:
    """Return counts by true class (rows) and answer (columns), darker for a greater share."""
    names = [_short(label) for label in labels]
    places = list(range(len(names)))
    shares = [[count / max(1, sum(row)) for count in row] for row in matrix]
    with plotly() as go:
        figure = go.Figure(
            go.Heatmap(
                x=places,
                y=places,
                z=shares,
                customdata=[list(row) for row in matrix],
                colorscale=[[0, "rgba(42, 157, 143, 0.06)"], [1, "rgba(42, 157, 143, 1)"]],
                zmin=0,
                zmax=1,
                showscale=False,
                xgap=3,
                ygap=3,
                hoverinfo="skip",
            )
        )
        if len(names) <= _MANY_CLASSES:
            for row, counts in enumerate(matrix):
                for column, count in enumerate(counts):
                    figure.add_annotation(
                        x=column,
                        y=row,
                        text=f"<b>{count}</b>" if row == column else str(count),
                        showarrow=False,
                        font={"color": "#ffffff"} if shares[row][column] > 0.5 else {},
                        opacity=1 if count else 0.45,
                    )
        axis = {
            "tickvals": places,
            "ticktext": names,
            "fixedrange": True,
            "showgrid": False,
            "zeroline": False,
        }
        figure.update_xaxes(title=t("learn.answered"), side="top", **axis)
        figure.update_yaxes(title=t("learn.actual"), autorange="reversed", automargin=True, **axis)
        figure.update_layout(height=min(620, 110 + 52 * len(names)))
        return figure


def reliability(
    confidences: Sequence[float], accuracies: Sequence[float], counts: Sequence[int]
) -> go.Figure:
    """Return how often answers are right at each stated confidence; ideal is the diagonal."""
    with plotly() as go:
        figure = go.Figure()
        figure.add_scatter(
            x=[0, 100],
            y=[0, 100],
            mode="lines",
            line={"color": "rgba(128, 140, 140, 0.8)", "dash": "dot"},
            hoverinfo="skip",
        )
        largest = max(counts, default=1)
        figure.add_scatter(
            x=[100 * value for value in confidences],
            y=[100 * value for value in accuracies],
            customdata=list(counts),
            mode="markers+lines",
            line={"color": _COLOURS[0]},
            marker={"size": [8 + 14 * (count / largest) ** 0.5 for count in counts]},
            hovertemplate=t("learn.reliability_point"),
        )
        figure.update_xaxes(title=t("learn.claimed"), range=[0, 104], dtick=25, **_quiet())
        figure.update_yaxes(title=t("learn.right"), range=[0, 108], dtick=25, **_quiet())
        figure.update_layout(height=300)
        return figure


def _quiet() -> dict[str, object]:
    return {"fixedrange": True, "gridcolor": _GRID, "zeroline": False}


def _short(label: str) -> str:
    return shown_text(label if len(label) <= _LABEL_LENGTH else label[: _LABEL_LENGTH - 1] + "…")
