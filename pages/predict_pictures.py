"""Name what is in one picture or in many."""

import streamlit as st

from pages.components import cached
from pages.components.errors import page
from pages.components.i18n import error_text, t
from pages.components.model_picker import pick_model
from pages.components.predict_many import show_many
from pages.components.predict_one import show_one
from pages.components.sources import choose_pictures


@page
def draw() -> None:
    """Draw the page: inputs left, the answer right; a table of many takes the whole width."""
    st.title(t("predict.title"), anchor=False)
    st.markdown(t("predict.lead"))
    inputs, answer = st.columns([3, 5], gap="large")
    with inputs:
        pictures = choose_pictures()
        model_id = pick_model()
    with answer:
        backbone, problem = cached.backbone_for(model_id)
        if problem is not None:
            st.warning(
                t("picker.instead", reason=error_text(problem), title=backbone.title),
                icon=":material/swap_horiz:",
            )
        if not pictures:
            st.info(t("predict.nothing_yet"), icon=":material/add_photo_alternate:")
        elif len(pictures) == 1:
            show_one(pictures[0], backbone)
    if len(pictures) > 1:
        show_many(pictures, backbone, summary=answer)


draw()
