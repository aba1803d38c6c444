"""Step 3 of the page "Teach pictures": try the model, see why, put it right."""

from __future__ import annotations

import streamlit as st

from core.errors import TeachdeckError
from core.imaging.encode import encode_jpeg
from core.vision import overlay
from core.vision.taught import TaughtImageModel, TaughtPrediction
from core.vision.why import explain_taught
from pages.components import cached, charts
from pages.components.camera import camera
from pages.components.i18n import error_text, escape_markdown, t
from pages.components.picture_strip import StripPicture, picture_strip
from pages.components.teach_demo import pictures_to_try
from pages.components.teach_session import TeachSession

__all__ = ["show_try"]

_SOURCES = ("sample", "upload", "camera")
_SHOWN_SIDE_PX = 480


def show_try(teach: TeachSession) -> None:
    """Draw the whole step."""
    if teach.model is None:
        st.info(t("teachtry.not_yet"), icon=":material/psychology:")
        return
    # Our own pictures to try suit our own classes only.
    sources = _SOURCES if teach.demo else _SOURCES[1:]
    source = st.segmented_control(
        t("teachtry.source"),
        sources,
        format_func={name: t(f"teachtry.{name}") for name in sources}.__getitem__,
        default=sources[0],
        required=True,
        key="teach_try_source",
        label_visibility="collapsed",
        width="stretch",
    )
    if source == "camera":
        _live(teach)
        return
    if source == "upload":
        _upload(teach)
    else:
        _offer_samples(teach)
    _show_answer(teach)


def _offer_samples(teach: TeachSession) -> None:
    pictures = {name: data for _, name, data in pictures_to_try()}
    # Something that is none of the classes.
    pictures |= {f"{name}.jpg": data for name, data in cached.sample_photos().items()}
    st.caption(t("teachtry.pick"))
    picture_strip(
        [StripPicture(name, teach.thumbnail(data), name) for name, data in pictures.items()],
        key="teach_try_sample",
        label=t("teachtry.pick"),
        on_choose=lambda name: teach.try_picture(name, pictures.get(name)),
        chosen=teach.tried[0] if teach.tried else "",
    )


def _upload(teach: TeachSession) -> None:
    def read() -> None:
        file = st.session_state["teach_try_upload"]
        if file is not None:
            teach.try_picture(file.name, file.getvalue())

    st.file_uploader(
        t("teachtry.upload_hint"),
        key="teach_try_upload",
        on_change=read,
    )


@st.fragment
def _live(teach: TeachSession) -> None:
    def look(pictures: list[bytes]) -> None:
        if pictures:
            teach.try_picture(t("teachsamples.photo_name"), pictures[-1])

    camera(key="teach_live", live=True, on_pictures=look)
    _show_answer(teach, with_picture=False)
    if teach.redraw:
        # The cards above got another picture.
        st.rerun(scope="app")


def _show_answer(teach: TeachSession, *, with_picture: bool = True) -> None:
    model = teach.model
    if model is None or teach.tried is None:
        return
    try:
        answer = model.predict(teach.tried[1])
    except TeachdeckError as error:
        st.error(error_text(error), icon=":material/error:")
        return
    best = answer.predictions[0]
    if answer.rejected:
        st.subheader(f":material/block: {t('teachtry.none')}", anchor=False)
    else:
        label = escape_markdown(best.label)
        percentage = 100 * best.probability
        st.subheader(t("teachtry.answer", label=label, percentage=percentage), anchor=False)
    if with_picture:
        _show_picture(model, answer)
    charts.show(
        charts.probability_bars(answer.predictions, axis_title=t("predict.probability")),
        key="teach_scores",
        alt=t("teachtry.chart_alt", label=best.label, percentage=100 * best.probability),
    )
    for note in answer.image.notes:
        st.info(error_text(note), icon=":material/info:")
    _correct(teach)
    _choose_threshold(teach, model, answer)


def _show_picture(model: TaughtImageModel, answer: TaughtPrediction) -> None:
    shown = st.empty()
    pixels = answer.image.pixels
    if st.toggle(t("teachtry.why"), key="teach_why", help=t("predict.why_help")):
        with st.spinner(t("predict.why_working")):
            explanation = explain_taught(model, answer)
        pixels = overlay(pixels, explanation)
        st.caption(t(f"predict.why_{explanation.kind}"))
    shown.image(encode_jpeg(pixels, max_side_px=_SHOWN_SIDE_PX), width="stretch")


def _correct(teach: TeachSession) -> None:
    def correct() -> None:
        label = st.session_state["teach_right"]
        if label is not None:
            teach.correct(label)
            st.session_state["teach_right"] = None

    st.selectbox(
        t("teachtry.wrong"),
        teach.samples.classes,
        index=None,
        placeholder=t("teachtry.wrong_choose"),
        key="teach_right",
        on_change=correct,
    )
    if teach.corrected is not None:
        st.success(
            t("teachtry.corrected", label=escape_markdown(teach.corrected)),
            icon=":material/check:",
        )


def _choose_threshold(
    teach: TeachSession, model: TaughtImageModel, answer: TaughtPrediction
) -> None:
    rejection = model.head.rejection
    if rejection is None or rejection.kind == "none":
        return

    def choose() -> None:
        teach.set_threshold(st.session_state["teach_threshold"] / 100)

    st.session_state["teach_threshold"] = min(100, max(0, round(100 * rejection.threshold)))
    st.slider(
        t("teachtry.threshold"),
        0,
        100,
        key="teach_threshold",
        help=t("teachtry.threshold_help"),
        on_change=choose,
        format="%d %%",
    )
    st.caption(t("teachtry.familiarity", percentage=100 * answer.familiarity))
