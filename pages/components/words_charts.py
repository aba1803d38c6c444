"""Charts of the page "Teach words"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pages.components.cached import plotly
from pages.components.i18n import t

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["loss_curves"]

_LOSS, _ACCURACY = "#2a9d8f", "#e9a23b"


def loss_curves(updates: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Return loss (left axis) and accuracy (right axis, dashed) over the epochs."""
    epochs = [update["epoch"] for update in updates]
    with plotly() as go:
        figure = go.Figure()
        for key, name, colour, axis, factor, dash in (
            ("loss", t("wordspage.loss"), _LOSS, "y", 1, "solid"),
            ("val_loss", t("wordspage.val_loss"), _LOSS, "y", 1, "dot"),
            ("accuracy", t("wordspage.accuracy_learned"), _ACCURACY, "y2", 100, "dash"),
            ("val_accuracy", t("wordspage.val_accuracy"), _ACCURACY, "y2", 100, "dashdot"),
        ):
            if key in updates[-1]:
                figure.add_scatter(
                    x=epochs,
                    y=[factor * update.get(key, 0) for update in updates],
                    name=name,
                    yaxis=axis,
                    line={"color": colour, "dash": dash, "width": 2.5},
                )
        figure.update_layout(
            height=240,
            xaxis={"title": t("wordspage.epochs"), "fixedrange": True},
            yaxis={"title": t("wordspage.loss"), "rangemode": "tozero", "fixedrange": True},
            yaxis2={
                "title": t("wordspage.accuracy_learned"),
                "overlaying": "y",
                "side": "right",
                "range": [0, 104],
                "showgrid": False,
                "fixedrange": True,
            },
        )
        return figure
