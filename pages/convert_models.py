"""Convert a model between Keras, TensorFlow.js and TensorFlow Lite, with proof."""

import streamlit as st

from core.errors import TeachdeckError
from pages.components.convert_job import job_of, start
from pages.components.convert_options import choose_conversion
from pages.components.convert_report import show_job
from pages.components.convert_source import choose_files, load
from pages.components.convert_summary import show_summary
from pages.components.errors import page
from pages.components.i18n import error_text, t


@page
def draw() -> None:
    """Draw the page: the model and its target left, what it is and what came of it right."""
    st.title(t("convertpage.title"))
    st.markdown(t("convertpage.lead"))
    inputs, answer = st.columns([3, 5], gap="large")
    with inputs:
        files = choose_files()
    with answer:
        if files is not None and not files:
            st.info(t("convertpage.nothing_yet"), icon=":material/upload_file:")
            return
        try:
            loaded = load(files)
        except TeachdeckError as error:
            st.error(error_text(error), icon=":material/error:")
            return
    with inputs:
        try:
            wanted = choose_conversion(loaded)
        except TeachdeckError as error:
            # Name patterns that contradict each other; the summary stays readable.
            st.error(error_text(error), icon=":material/error:")
            wanted = None
        if wanted is not None:
            output_format, options = wanted
            start(loaded, output_format, options)
    with answer:
        job = job_of(loaded)
        if job is not None:
            show_job(job)
        show_summary(loaded)


draw()
