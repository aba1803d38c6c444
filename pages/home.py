"""What Teachdeck can do, shown with an example that was just computed."""

import streamlit as st

from core.imaging.encode import encode_jpeg
from core.vision import explain, overlay
from pages.components import cached, charts
from pages.components.errors import page
from pages.components.i18n import escape_markdown, language, t
from pages.components.site import PAGES

_EXAMPLE = "flower"
_EXAMPLE_SIDE_PX = 640


@page
def draw() -> None:
    """Draw the page: what it is, a live example, the pages that exist."""
    st.title("Teachdeck", anchor=False)
    st.markdown(t("home.lead"))
    photos = cached.sample_photos()
    if _EXAMPLE in photos:
        _show_example(photos[_EXAMPLE])
    st.subheader(t("home.pages"), anchor=False)
    columns = st.columns(2, gap="medium")
    others = [entry for entry in PAGES if entry.url_path != "home"]
    for place, entry in enumerate(others):
        with columns[place % len(columns)].container(border=True):
            st.page_link(entry.path, label=f"**{t(entry.title_key)}**", icon=entry.icon)
            st.markdown(t(entry.summary_key))
    st.caption(t("home.privacy"))


def _show_example(photo: bytes) -> None:
    backbone, _ = cached.backbone_for(cached.model_store().default_id())
    result = cached.classify_once(photo, backbone)
    named = cached.in_language(result.predictions, backbone, language())
    best = named[0]
    seen, why, names = st.columns(3, gap="medium")
    with seen:
        st.markdown(f"**{t('home.seen')}**")
        st.image(encode_jpeg(result.image.pixels, max_side_px=_EXAMPLE_SIDE_PX), width="stretch")
    with names:
        st.markdown(f"**{t('home.named')}**")
        charts.show(
            charts.probability_bars(named[:3], axis_title=t("predict.probability")),
            key="example",
            alt=t("predict.chart_alt", label=best.label, percentage=100 * best.probability),
        )
    with why:
        st.markdown(f"**{t('home.why', label=escape_markdown(best.label))}**")
        mapped = overlay(result.image.pixels, explain(backbone, result))
        st.image(encode_jpeg(mapped, max_side_px=_EXAMPLE_SIDE_PX), width="stretch")
    st.caption(
        t(
            "home.computed",
            title=escape_markdown(backbone.title),
            milliseconds=1000 * result.timings.total_s,
        )
    )


draw()
