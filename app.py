"""Teachdeck's router: the language, the pages, and what is warmed at server start."""

import streamlit as st

from pages.components import cached, i18n
from pages.components.site import PAGES

st.set_page_config(page_title="Teachdeck", page_icon=":material/school:", layout="wide")
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
i18n.language_switch()
navigation.run()
