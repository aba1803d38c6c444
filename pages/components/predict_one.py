"""The answer for one picture: names, why, times, and the arithmetic behind it."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from core.imaging.encode import encode_jpeg
from core.pretrained.backbone import Backbone
from core.vision import Classification, explain, overlay
from core.vision.describe import describe_tensor
from pages.components import cached, charts
from pages.components.i18n import error_text, escape_markdown, language, t
from pages.components.sources import Picture

__all__ = ["show_one"]

_SHOWN_SIDE_PX = 900


def show_one(picture: Picture, backbone: Backbone) -> None:
    """Draw the whole answer for one picture."""
    result = cached.classify_once(picture.data, backbone)
    named = cached.in_language(result.predictions, backbone, language())
    result = replace(result, predictions=named)
    best = result.predictions[0]
    st.subheader(
        t(
            "predict.answer",
            label=escape_markdown(best.label),
            percentage=100 * best.probability,
        ),
        anchor=False,
    )
    left, right = st.columns(2, gap="medium")
    with left:
        _show_picture(picture, backbone, result)
    with right:
        charts.show(
            charts.probability_bars(result.predictions, axis_title=t("predict.probability")),
            key="top",
            alt=t("predict.chart_alt", label=best.label, percentage=100 * best.probability),
        )
        st.caption(
            t(
                "predict.times",
                decode=1000 * result.timings.decode_s,
                preprocess=1000 * result.timings.preprocess_s,
                inference=1000 * result.timings.inference_s,
                title=escape_markdown(backbone.title),
            )
        )
    for note in result.image.notes:
        st.info(error_text(note), icon=":material/info:")
    with st.expander(t("how.title"), icon=":material/school:"):
        _show_arithmetic(result, backbone)


def _show_picture(picture: Picture, backbone: Backbone, result: Classification) -> None:
    shown = st.container()
    why = st.toggle(t("predict.why"), key="why", help=t("predict.why_help"))
    pixels = result.image.pixels
    if why:
        names = {entry.index: entry.label for entry in result.predictions}
        chosen = st.selectbox(
            t("predict.why_class"), list(names), format_func=names.__getitem__, key="why_class"
        )
        if chosen in names:
            with st.spinner(t("predict.why_working")):
                explanation = explain(backbone, result, class_index=chosen)
            pixels = overlay(pixels, explanation)
            st.caption(t(f"predict.why_{explanation.kind}"))
    shown.image(
        encode_jpeg(pixels, max_side_px=_SHOWN_SIDE_PX),
        caption=t(
            "predict.caption",
            name=escape_markdown(picture.name),
            width=result.image.width,
            height=result.image.height,
        ),
        width="stretch",
    )


def _show_arithmetic(result: Classification, backbone: Backbone) -> None:
    summary = describe_tensor(result, backbone.preprocessing)
    st.markdown(t("how.workflow"))
    st.markdown(
        t(
            "how.tensor",
            shape=" × ".join(str(size) for size in summary.shape),
            dtype=summary.dtype,
            count=result.tensor.size,
        )
    )
    st.markdown(
        t(
            "how.normalisation",
            offset=backbone.preprocessing.offset,
            scale=backbone.preprocessing.scale,
            before=", ".join(str(value) for value in summary.pixel_before),
            after=", ".join(f"{value:.3f}" for value in summary.pixel_after),
            least=summary.least,
            most=summary.most,
        )
    )
    charts.show(
        charts.histogram(
            summary.edges, summary.counts, x_title=t("how.value"), y_title=t("how.count")
        ),
        key="histogram",
        alt=t("how.histogram_alt"),
    )
    st.markdown(t("how.softmax", classes=result.logits.size))
    _show_logits(result)
    st.markdown(t("how.classification"))


def _show_logits(result: Classification) -> None:
    # A plain table: st.dataframe would bring pandas, 75 MB, for five rows.
    head = [t("how.class"), t("how.logit"), t("how.probability")]
    rows = [
        [
            escape_markdown(entry.label),
            f"{result.logits[entry.index]:.3f}",
            f"{entry.probability:.4f}",
        ]
        for entry in result.predictions
    ]
    lines = [head, [":--", "--:", "--:"], *rows]
    st.markdown("\n".join("| " + " | ".join(cells) + " |" for cells in lines))
