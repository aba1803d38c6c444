"""Taking takes and model away from the page "Teach words", and bringing them back."""

from __future__ import annotations

import streamlit as st

from core.datasets.project import Project, save_project
from core.speech.examples import write_examples
from core.speech.word_model import save_word_model
from core.speech.word_samples import flac_zip
from pages.components.i18n import t
from pages.components.words_session import WordsSession

__all__ = ["show_bring", "show_take_away"]

_ZIP = "application/zip"


def show_take_away(words: WordsSession) -> None:
    """Draw the downloads: each is made when it is asked for."""
    if not words.samples.samples():
        st.caption(t("wordspage.nothing_to_take"))
        return
    st.markdown(t("wordspage.take_help"))
    with st.container(horizontal=True):
        if words.model is not None:
            model = words.model
            st.download_button(
                t("wordspage.take_model"),
                lambda: save_word_model(model, name=t("wordspage.model_name")),
                file_name="words.zip",
                mime=_ZIP,
                key="words_take_model",
                icon=":material/download:",
                on_click="ignore",
            )
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
            lambda: save_project(Project("words", words.samples.snapshot())),
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


def show_bring(words: WordsSession) -> None:
    """Draw the upload of data.bin, a zip of word folders, or a project."""
    upload = st.file_uploader(
        t("wordspage.bring"), key=f"words_bring_{words.recordings}", help=t("wordspage.bring_help")
    )
    if upload is not None:
        words.bring(upload.name, upload.getvalue())
        words.recordings += 1
        st.rerun()
