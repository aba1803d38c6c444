"""Teachdeck's model layer: a library and a command line that never import Streamlit."""
