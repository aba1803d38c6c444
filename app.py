"""Teachdeck's router: the language, the pages, and what is warmed at server start."""

import gc

import streamlit as st

from pages.components import cached, i18n
from pages.components.run_ends import let_runs_end
from pages.components.site import FAVICON, PAGES, go_to_wanted_page

st.set_page_config(page_title="Teachdeck", page_icon=str(FAVICON), layout="wide")
let_runs_end()
cached.warm_up()
i18n.remember_language()
navigation = st.navigation(
    [
        st.Page(
            entry.path,
            title=i18n.t(entry.title_key),
            icon=entry.icon,
            url_path=entry.url_path,
            default=entry.url_path == "home",
        )
        for entry in PAGES
    ]
)
go_to_wanted_page()
i18n.language_switch()
navigation.run()
# Once a whole run; a fragment that runs several times a second leaves it to Python.
gc.collect()
