"""Teachdeck's server: the pages of app.py, and the channel over which words come to them at once.

    streamlit run serve.py

The pages work without the channel too (`streamlit run app.py`): then they ask for what is heard.
"""

import streamlit as st

from pages.components import live_channel

app = st.App("app.py", routes=[live_channel.route()])
