"""Step 1 of the page "Teach pictures": the classes, and where their pictures come from."""

from __future__ import annotations

import streamlit as st

from core.datasets.samples import NewSample
from core.errors import Note
from pages.components.camera import camera
from pages.components.i18n import error_text, escape_markdown, t
from pages.components.sample_cards import draw_cards
from pages.components.teach_cards import cards_of, on_event
from pages.components.teach_reading import MAX_ZIP_BYTES, Reading
from pages.components.teach_session import TeachSession

__all__ = ["show_samples"]

_MEGABYTE = 1_000_000
_SOURCES = ("upload", "camera", "zip")
_POLL_S = 0.4
_SHOWN_FAILURES = 8
_SHOWN_DOUBTS = 3


def show_samples(teach: TeachSession) -> None:
    """Draw the whole step."""
    _show_sources(teach)
    if teach.reading is not None and teach.reading.running:
        _watch(teach, teach.reading)
    elif teach.reading is not None:
        _show_outcome(teach.reading)
    _show_doubts(teach)
    draw_cards(
        cards_of(teach),
        key="teach_cards",
        on_event=lambda event: on_event(teach, event),
        open_label=t("teachsamples.open"),
    )
    _show_tools(teach)


def _show_sources(teach: TeachSession) -> None:
    busy = teach.reading is not None and teach.reading.running
    if not teach.size and not busy:
        with st.container(border=True):
            st.markdown(t("teachsamples.demo_offer"))
            st.button(
                t("teachsamples.demo"),
                key="teach_demo",
                type="primary",
                icon=":material/auto_awesome:",
                on_click=teach.load_demo,
                width="stretch",
            )
    source = st.segmented_control(
        t("teachsamples.source"),
        _SOURCES,
        format_func={name: t(f"teachsamples.{name}") for name in _SOURCES}.__getitem__,
        default="upload",
        required=True,
        key="teach_source",
        label_visibility="collapsed",
        width="stretch",
    )
    if source == "zip":
        _upload_zip(teach)
        return
    target = _choose_target(teach)
    if source == "camera":
        name = t("teachsamples.photo_name")
        camera(
            key="teach_camera",
            on_pictures=lambda pictures: teach.read(
                [
                    NewSample(target, data, f"{name} {place + 1}.jpg")
                    for place, data in enumerate(pictures)
                ]
            ),
        )
        return
    _upload_pictures(teach, target)


def _choose_target(teach: TeachSession) -> str:
    classes = list(teach.samples.classes)
    if not teach.target or (classes and teach.target not in classes and not teach.typed):
        teach.aim(classes[0] if classes else teach.new_class_name())
    options = classes if teach.target in classes else [*classes, teach.target]
    # A new key when the program chose: the browser would hold on to its own choice.
    key = f"teach_target_{teach.aimed}"

    def choose() -> None:
        teach.target = (st.session_state[key] or "").strip()
        teach.typed = True

    st.selectbox(
        t("teachsamples.add_to"),
        options,
        index=options.index(teach.target),
        key=key,
        accept_new_options=True,
        on_change=choose,
        help=t("teachsamples.add_to_help"),
    )
    return teach.target


def _upload_pictures(teach: TeachSession, target: str) -> None:
    # No list of extensions: a name proves nothing, and a wrong file gets a sentence that helps.
    key = f"teach_uploads_{teach.uploads}"

    def read() -> None:
        files = st.session_state[key] or []
        teach.read([NewSample(target, file.getvalue(), file.name) for file in files])
        # A new key empties the widget: what was read lives in the set now.
        teach.uploads += 1

    st.file_uploader(
        t("teachsamples.upload_hint"),
        accept_multiple_files=True,
        key=key,
        on_change=read,
    )


def _upload_zip(teach: TeachSession) -> None:
    key = f"teach_zip_{teach.uploads}"

    def read() -> None:
        file = st.session_state[key]
        if file is not None:
            teach.read_zip(file.getvalue())
        teach.uploads += 1

    st.file_uploader(
        t("teachsamples.zip_hint"),
        key=key,
        on_change=read,
        max_upload_size=MAX_ZIP_BYTES // _MEGABYTE,
    )
    st.caption(t("teachsamples.zip_from_here"))


@st.fragment(run_every=_POLL_S)
def _watch(teach: TeachSession, reading: Reading) -> None:
    if not reading.running:
        st.rerun(scope="app")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.progress(
            reading.done / max(1, reading.total),
            t("teachsamples.reading", done=reading.done, total=reading.total),
            width="stretch",
        )
        if st.button(t("learn.stop"), key="teach_stop_reading", icon=":material/stop_circle:"):
            reading.stop.set()


def _show_outcome(reading: Reading) -> None:
    if reading.stop.is_set():
        st.info(t("teachsamples.stopped", count=reading.added), icon=":material/info:")
    elif reading.known:
        st.caption(t("teachsamples.added_known", count=reading.added, known=reading.known))
    if reading.error is not None:
        st.error(error_text(reading.error), icon=":material/error:")
    if reading.reference:
        st.error(t("common.unexpected", reference=reading.reference), icon=":material/error:")
    if reading.failed:
        title = t("teachsamples.failed", count=len(reading.failed))
        with st.expander(title, icon=":material/error:", expanded=True):
            for name, error in reading.failed[:_SHOWN_FAILURES]:
                st.markdown(f"**{escape_markdown(name)}**: {error_text(error)}")
            if len(reading.failed) > _SHOWN_FAILURES:
                more = len(reading.failed) - _SHOWN_FAILURES
                st.caption(t("teachsamples.more_failed", count=more))


def _show_doubts(teach: TeachSession) -> None:
    """Say what concerns two classes: the cards say what concerns one of them."""
    finding = teach.study.finding
    across = [] if finding is None else [w for w in finding.warnings if len(w.classes) > 1]
    if not across or not teach.size:
        return
    lines = [error_text(Note(warning.code, warning.fields)) for warning in across[:_SHOWN_DOUBTS]]
    if len(across) > _SHOWN_DOUBTS:
        lines.append(t("teachsamples.more_failed", count=len(across) - _SHOWN_DOUBTS))
    st.warning("\n\n".join(lines), icon=":material/content_copy:")


def _show_tools(teach: TeachSession) -> None:
    with st.container(horizontal=True, gap="small"):
        st.button(
            t("teachsamples.new_class"),
            key="teach_new_class",
            icon=":material/add:",
            on_click=teach.add_class,
        )
        for name, act, possible in (
            ("undo", teach.undo, teach.samples.can_undo),
            ("redo", teach.redo, teach.samples.can_redo),
        ):
            st.button(
                "",
                key=f"teach_{name}",
                icon=f":material/{name}:",
                help=t("teachsamples.undo") if name == "undo" else t("teachsamples.redo"),
                on_click=act,
                disabled=not possible,
            )
