"""The table of words and what each of them does, for the visitor to edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.errors import TeachdeckError
from core.slideshow import ARTICLE_WORDS, ENGLISH_WORDS, Action, Command, command_table
from pages.components import cached
from pages.components.i18n import error_text, escape_markdown, t

__all__ = ["choose_words", "lead_text"]

_PRESETS: Mapping[str, Mapping[str, Command]] = {"english": ENGLISH_WORDS, "article": ARTICLE_WORDS}
_TABLE = "show_table"
_PRESET = "show_preset"


def choose_words(known: Sequence[str]) -> Mapping[str, Command]:
    """Draw the table and return the commands by word.

    Parameters
    ----------
    known : sequence of str
        The words of the model. The preset whose words it knows is the first choice.

    Returns
    -------
    mapping of str to Command
        The last table that made sense, while the one on the page does not.
    """
    if _TABLE not in st.session_state or st.session_state.get("show_known") != tuple(known):
        st.session_state["show_known"] = tuple(known)
        fitting = max(_PRESETS, key=lambda name: sum(word in known for word in _PRESETS[name]))
        _take(fitting)
    with st.expander(t("show.words"), icon=":material/table_rows:", key="show_words"):
        st.caption(t("show.words_lead"))
        with st.container(horizontal=True):
            for name in _PRESETS:
                st.button(
                    t(f"show.preset_{name}"), on_click=_take, args=(name,), key=f"show_{name}"
                )
        rows = _edited()
        try:
            st.session_state[_TABLE] = command_table(rows)
        except TeachdeckError as error:
            st.warning(error_text(error), icon=":material/error:")
    table: dict[str, Command] = st.session_state[_TABLE]
    strange = [word for word in table if word not in known]
    if strange:
        st.caption(t("show.strange", words=escape_markdown(", ".join(strange[:8]))))
    return table


def lead_text(table: Mapping[str, Command], known: Sequence[str]) -> str:
    """Return the sentence of the page, with the words that turn slides now.

    Parameters
    ----------
    table : mapping of str to Command
    known : sequence of str
        The words of the model.
    """

    def word_of(action: Action) -> str:
        found = (word for word, command in table.items() if command.action is action)
        return next((word for word in found if word in known), "")

    following, preceding = word_of(Action.NEXT), word_of(Action.PREVIOUS)
    if not following or not preceding:
        return t("show.lead_none")
    return t("show.lead", next=escape_markdown(following), previous=escape_markdown(preceding))


def _take(name: str) -> None:
    st.session_state[_TABLE] = dict(_PRESETS[name])
    # The editor keeps its own changes by its key; other rows are another editor.
    st.session_state[_PRESET] = st.session_state.get(_PRESET, 0) + 1
    st.session_state["show_rows"] = _rows(_PRESETS[name])


def _rows(table: Mapping[str, Command]) -> list[dict[str, Any]]:
    return [
        {"word": word, "action": command.action.value, "page": command.page}
        for word, command in table.items()
    ]


def _edited() -> list[tuple[str, str, int | None]]:
    cached.load_table_libraries()
    actions = {action.value: t(f"show.action_{action.value}") for action in Action}
    edited = st.data_editor(
        st.session_state["show_rows"],
        column_config={
            "word": st.column_config.TextColumn(t("show.word"), required=True),
            "action": st.column_config.SelectboxColumn(
                t("show.action"),
                options=list(actions),
                format_func=lambda value: actions.get(value, value),
                required=True,
                default=Action.NEXT.value,
            ),
            "page": st.column_config.NumberColumn(
                t("show.page"), min_value=1, max_value=200, step=1, help=t("show.page_help")
            ),
        },
        num_rows="dynamic",
        placeholder="",
        hide_index=True,
        width="stretch",
        key=f"show_editor_{st.session_state[_PRESET]}",
    )
    return [
        (
            str(row.get("word") or ""),
            str(row.get("action") or ""),
            None if row.get("page") is None or row["page"] != row["page"] else int(row["page"]),
        )
        for row in edited
    ]
