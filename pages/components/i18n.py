"""The words on the pages, in English and Chinese, and the switch between them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import streamlit as st

from core.errors import Note, TeachdeckError, english_messages

__all__ = [
    "LANGUAGES",
    "catalogue",
    "error_text",
    "escape_markdown",
    "language",
    "language_switch",
    "plain_text",
    "remember_language",
    "saying",
    "t",
]

LANGUAGES = {"en": "English", "zh": "中文"}
_LOCALES = Path(__file__).parent / "locales"
_STATE_KEY = "language"


@cache
def catalogue(code: str) -> dict[str, str]:
    """Return every text of a language by its key, such as ``"predict.title"``.

    The English sentences of errors come from ``core``, the Chinese ones from
    ``locales/zh/errors_*.toml``.
    """
    texts = dict(english_messages()) if code == "en" else {}
    for path in sorted((_LOCALES / code).glob("*.toml")):
        for family, entries in tomllib.loads(path.read_text(encoding="utf-8")).items():
            texts.update({f"{family}.{key}": text for key, text in entries.items()})
    return texts


def remember_language() -> None:
    """Take the language from the URL, else from the session, else from the browser; keep it."""
    wanted = st.query_params.get("lang") or st.session_state.get(_STATE_KEY)
    if wanted not in LANGUAGES:
        wanted = "zh" if (st.context.locale or "").lower().startswith("zh") else "en"
    st.session_state[_STATE_KEY] = wanted
    if st.query_params.get("lang") != wanted:
        # Moving to another page clears the URL's parameters; put it back.
        st.query_params["lang"] = wanted


def language() -> str:
    """Return the language of this session, a key of `LANGUAGES`."""
    code: str = st.session_state.get(_STATE_KEY, "en")
    return code


def language_switch() -> None:
    """Draw the switch in the sidebar."""

    def switched() -> None:
        st.query_params["lang"] = st.session_state["language_choice"]

    # The widget forgets its value when another page is shown, so the session leads.
    st.session_state["language_choice"] = language()
    st.sidebar.segmented_control(
        "Language · 语言",
        list(LANGUAGES),
        format_func=LANGUAGES.__getitem__,
        key="language_choice",
        required=True,
        on_change=switched,
    )


def t(key: str, /, **fields: str | int | float) -> str:
    """Return the text of `key` in this session's language, with its fields filled in."""
    return catalogue(language())[key].format(**fields)


def saying(code: str) -> Callable[..., str]:
    """Return `t` for one language: for threads that have no session."""
    texts = catalogue(code)

    def say(key: str, /, **fields: str | int | float) -> str:
        return texts[key].format(**fields)

    return say


class _Plain(str):
    """A field that formats, with ``!r`` too, to what Markdown shows letter by letter."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        return escape_markdown(format(str(self), spec))

    def __repr__(self) -> str:
        return escape_markdown(super().__repr__())


def error_text(error: TeachdeckError | Note) -> str:
    """Return an error or note as Markdown in this session's language.

    Its fields may hold file names and other text from outside, so Markdown is escaped there. A
    sentence that this language lacks is said in English.
    """
    fields = {
        key: _Plain(value) if isinstance(value, str) else value
        for key, value in error.fields.items()
    }
    template = catalogue(language()).get(error.code) or english_messages()[error.code]
    return template.format(**fields)


def plain_text(note: TeachdeckError | Note) -> str:
    """Return an error or note in this session's language for what shows text letter by letter."""
    template = catalogue(language()).get(note.code) or english_messages()[note.code]
    return template.format(**note.fields)


def escape_markdown(text: str) -> str:
    """Return `text` so that Markdown shows it letter by letter, on one line.

    Streamlit looks for icons (``:material/home:``) and web addresses after Markdown has
    dropped the backslashes; a zero-width space breaks those.
    """
    escaped = re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$&^=])", r"\\\1", " ".join(text.split()))
    return re.sub(r"(:|@|www|//)(?=\S)", "\\1\u200b", escaped)
