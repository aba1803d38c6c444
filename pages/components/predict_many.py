"""The answer for many pictures: a table to sort, filter and download."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import OrderedDict
from dataclasses import dataclass, replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.errors import Note, TeachdeckError
from core.imaging.encode import thumbnail_url
from core.pretrained.backbone import Backbone
from core.vision import ImageClassifier, Prediction
from pages.components.cached import in_language, load_table_libraries
from pages.components.cells import harmless
from pages.components.i18n import error_text, escape_markdown, language, t
from pages.components.sources import Picture

__all__ = ["csv_table", "show_many"]

_TOP = 3
_KEPT_ROWS = 2000


@dataclass(frozen=True)
class _Row:
    """What is kept of one picture: a thumbnail and names, not pixels."""

    thumbnail: str | None
    predictions: tuple[Prediction, ...]
    error: TeachdeckError | None
    notes: tuple[Note, ...] = ()


def show_many(pictures: list[Picture], backbone: Backbone, *, summary: DeltaGenerator) -> None:
    """Classify all pictures with a progress bar, then draw the table.

    Parameters
    ----------
    pictures : list of Picture
    backbone : Backbone
    summary : DeltaGenerator
        Where progress, count, failures and the filter go; the table goes where the page is.
    """
    with summary:
        rows = _classify_all(pictures, backbone)
        good = [
            (name, replace(row, predictions=in_language(row.predictions, backbone, language())))
            for name, row in rows
            if row.error is None
        ]
        bad = [(name, row.error) for name, row in rows if row.error is not None]
        title = t("many.title", count=len(good), title=escape_markdown(backbone.title))
        st.subheader(title, anchor=False)
        if bad:
            failed = t("many.failed", count=len(bad))
            with st.expander(failed, icon=":material/error:", expanded=True):
                for name, error in bad:
                    st.markdown(f"**{escape_markdown(name)}**: {error_text(error)}")
        for name, row in good:
            for note in row.notes:
                st.caption(f"{escape_markdown(name)}: {error_text(note)}")
        if not good:
            return
        least = st.slider(t("many.filter"), 0, 100, 0, format="%d %%", key="least_confidence")
        shown = [(name, row) for name, row in good if 100 * row.predictions[0].probability >= least]
        st.caption(t("many.shown", shown=len(shown), count=len(good)))
    if not shown:
        return
    _show_table(shown)
    st.download_button(
        t("many.download"),
        csv_table(shown),
        file_name="predictions.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key="download",
    )


def _show_table(shown: list[tuple[str, _Row]]) -> None:
    """Draw the table: picture, name and confidence first, for they fit on a phone."""
    load_table_libraries()
    st.dataframe(
        [
            {
                t("many.picture"): row.thumbnail,
                t("many.first"): row.predictions[0].label,
                t("many.confidence"): 100 * row.predictions[0].probability,
                t("many.file"): name,
                t("many.second"): _named(row, 1),
                t("many.third"): _named(row, 2),
            }
            for name, row in shown
        ],
        hide_index=True,
        row_height=64,
        key="many",
        column_config={
            t("many.picture"): st.column_config.ImageColumn(width=72),
            t("many.first"): st.column_config.TextColumn(width=140),
            t("many.confidence"): st.column_config.ProgressColumn(
                width=120, format="%.1f %%", min_value=0, max_value=100
            ),
            t("many.file"): st.column_config.TextColumn(width=160),
            t("many.second"): st.column_config.TextColumn(width=160),
            t("many.third"): st.column_config.TextColumn(width=160),
        },
    )


def csv_table(rows: list[tuple[str, _Row]]) -> bytes:
    """Return the table as CSV in UTF-8, with a byte order mark so that Excel reads Chinese."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    header = ["file"]
    for place in range(1, _TOP + 1):
        header += [f"label_{place}", f"probability_{place}"]
    writer.writerow(header)
    for name, row in rows:
        cells = [harmless(name)]
        for prediction in row.predictions:
            cells += [harmless(prediction.label), f"{prediction.probability:.6f}"]
        writer.writerow(cells)
    return buffer.getvalue().encode("utf-8-sig")


def _classify_all(pictures: list[Picture], backbone: Backbone) -> list[tuple[str, _Row]]:
    known: OrderedDict[tuple[str, str], _Row] = st.session_state.setdefault("rows", OrderedDict())
    classifier = ImageClassifier(backbone)
    bar = st.progress(0.0)
    rows = []
    for done, picture in enumerate(pictures):
        bar.progress(done / len(pictures), t("many.working", done=done, count=len(pictures)))
        key = (hashlib.sha256(picture.data).hexdigest(), backbone.model_id)
        if key not in known:
            known[key] = _classify(picture, classifier)
            while len(known) > _KEPT_ROWS:
                known.popitem(last=False)
        rows.append((picture.name, known[key]))
    bar.empty()
    return rows


def _classify(picture: Picture, classifier: ImageClassifier) -> _Row:
    try:
        result = classifier.classify(picture.data, top=_TOP)
    except TeachdeckError as error:
        return _Row(None, (), error)
    thumbnail = thumbnail_url(result.image.pixels)
    return _Row(thumbnail, result.predictions, None, result.image.notes)


def _named(row: _Row, place: int) -> str:
    if place >= len(row.predictions):
        return ""
    prediction = row.predictions[place]
    return f"{prediction.label} ({100 * prediction.probability:.1f} %)"
