"""Taking takes and model away from the page "Teach words", and bringing them back."""

from __future__ import annotations

import streamlit as st

from core.speech import SpeechModel
from core.speech.examples import write_examples
from core.speech.exports import FORMATS, ExportOptions, export_words
from core.speech.word_projects import save_word_project
from core.speech.word_samples import flac_zip
from pages.components.i18n import error_text, escape_markdown, t
from pages.components.words_session import WordsSession

__all__ = ["show_bring", "show_take_away"]

_ZIP = "application/zip"


def show_take_away(words: WordsSession) -> None:
    """Draw the downloads: each is made when it is asked for."""
    if not words.samples.samples():
        st.caption(t("wordspage.nothing_to_take"))
        return
    st.markdown(t("wordspage.take_help"))
    if words.model is not None:
        _show_formats(words, words.model)
    with st.container(horizontal=True):
        st.download_button(
            t("wordspage.take_data"),
            lambda: write_examples(words.examples()),
            file_name="data.bin",
            mime="application/octet-stream",
            key="words_take_data",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            t("wordspage.take_project"),
            lambda: save_word_project(words.project()),
            file_name="words-project.zip",
            mime=_ZIP,
            key="words_take_project",
            icon=":material/download:",
            on_click="ignore",
        )
        if any(example.audio is not None for example in words.examples()):
            st.download_button(
                t("wordspage.take_flac"),
                lambda: flac_zip(words.examples()),
                file_name="takes.zip",
                mime=_ZIP,
                key="words_take_flac",
                icon=":material/download:",
                on_click="ignore",
            )


def _show_formats(words: WordsSession, model: SpeechModel) -> None:
    """Draw the choice of a format; it is written and read back when it is asked for."""
    titles = {name: t(f"exports.{name.replace('-', '_')}") for name in FORMATS}
    format_id = st.selectbox(
        t("wordspage.take_format"), list(titles), format_func=titles.get, key="words_format"
    )
    if st.button(t("wordspage.take_make"), key="words_make", icon=":material/inventory_2:"):
        with st.spinner(t("wordspage.take_making"), show_time=True):
            options = ExportOptions(name=t("wordspage.model_name"))
            words.export = export_words(model, format_id, options=options)
            words.exported = (format_id, model)
    if words.export is not None and words.exported == (format_id, model):
        name, content, mime = words.export.download()
        st.download_button(
            t("wordspage.take_file", name=name, megabytes=len(content) / 1e6),
            content,
            file_name=name,
            mime=mime,
            key="words_take_file",
            icon=":material/download:",
            on_click="ignore",
        )
        st.caption(t("wordspage.take_proof", difference=words.export.report.max_difference))


def show_bring(words: WordsSession) -> None:
    """Draw the upload of data.bin, a zip of word folders, or a project."""
    upload = st.file_uploader(
        t("wordspage.bring"), key=f"words_bring_{words.recordings}", help=t("wordspage.bring_help")
    )
    if upload is not None:
        with st.spinner(t("wordspage.bringing")):
            words.bring(upload.name, upload.getvalue())
        words.recordings += 1
        st.rerun()
    brought = words.brought
    if brought is not None and brought.problem is not None:
        # Here too: the top of the page may be many screens away.
        st.error(error_text(brought.problem), icon=":material/error:")
    elif brought is not None:
        text = t("wordspage.brought", name=escape_markdown(brought.name), count=brought.takes)
        st.success(text, icon=":material/check:")
