"""A slideshow as a pure function: state and command in, state out; and the words for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from unicodedata import normalize

from core.errors import UsageError

__all__ = [
    "ARTICLE_WORDS",
    "ENGLISH_WORDS",
    "MAX_SLIDES",
    "Action",
    "Command",
    "SlideshowState",
    "command_table",
    "step",
]

MAX_SLIDES = 200
_MAX_WORD_LENGTH = 60


class Action(StrEnum):
    """What a word, a key or a button may do."""

    PREVIOUS = "previous"
    NEXT = "next"
    FIRST = "first"
    LAST = "last"
    GO_TO = "go_to"
    PAUSE = "pause"
    RESUME = "resume"


@dataclass(frozen=True)
class Command:
    """One action.

    Attributes
    ----------
    action : Action
    page : int or None
        Counted from 1, for ``GO_TO`` only.
    """

    action: Action
    page: int | None = None


@dataclass(frozen=True)
class SlideshowState:
    """Where a slideshow is.

    Attributes
    ----------
    count : int
        Number of slides, 0 or more.
    index : int
        Of the slide that shows, from 0.
    paused : bool
        While it is true, words move nothing until one of them resumes; keys and buttons do.
    """

    count: int
    index: int = 0
    paused: bool = False

    @property
    def page(self) -> int:
        """The slide's number for people, from 1; 0 where there is none."""
        return self.index + 1 if self.count else 0

    def with_count(self, count: int) -> SlideshowState:
        """Return the state for another number of slides; the page stays where it can."""
        return replace(self, count=count, index=min(self.index, max(count - 1, 0)))


def step(
    state: SlideshowState, command: Command, *, wrap: bool = False, spoken: bool = False
) -> SlideshowState:
    """Return the state after a command.

    Parameters
    ----------
    state : SlideshowState
    command : Command
    wrap : bool, optional
        Whether the slide after the last is the first. Without it the ends stay where they are,
        as in the article.
    spoken : bool, optional
        Whether a word gave the command: a paused slideshow does not follow those.

    Returns
    -------
    SlideshowState
        The very same object where nothing changed: an end was reached, there is no such page,
        or the slideshow is paused.
    """
    action = command.action
    if action in (Action.PAUSE, Action.RESUME):
        paused = action is Action.PAUSE
        return state if state.paused == paused else replace(state, paused=paused)
    if (spoken and state.paused) or state.count == 0:
        return state
    index = _target(state, command)
    if wrap and action in (Action.PREVIOUS, Action.NEXT):
        index %= state.count
    if not 0 <= index < state.count or index == state.index:
        return state
    return replace(state, index=index)


def _target(state: SlideshowState, command: Command) -> int:
    match command.action:
        case Action.PREVIOUS:
            return state.index - 1
        case Action.NEXT:
            return state.index + 1
        case Action.FIRST:
            return 0
        case Action.LAST:
            return state.count - 1
        case _:
            return (command.page or 0) - 1


ARTICLE_WORDS: Mapping[str, Command] = {
    "上一张": Command(Action.PREVIOUS),
    "下一张": Command(Action.NEXT),
}
"""The two words that the article teaches."""

ENGLISH_WORDS: Mapping[str, Command] = {
    "left": Command(Action.PREVIOUS),
    "right": Command(Action.NEXT),
    "up": Command(Action.FIRST),
    "down": Command(Action.LAST),
    "stop": Command(Action.PAUSE),
    "go": Command(Action.RESUME),
    **{
        word: Command(Action.GO_TO, page)
        for page, word in enumerate(
            ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine"), start=1
        )
    },
}
"""What the 18 words of the pretrained model do; yes, no and zero do nothing."""


def command_table(rows: Iterable[tuple[str, str, int | None]]) -> dict[str, Command]:
    """Return the commands by word from the rows of an edited table.

    Parameters
    ----------
    rows : iterable of (word, action, page)
        The page matters for ``"go_to"`` only.

    Returns
    -------
    dict of str to Command

    Raises
    ------
    UsageError
        If a word is empty, too long or in two rows, an action is unknown, or a page is missing.
    """
    table: dict[str, Command] = {}
    for number, (text, action, page) in enumerate(rows, start=1):
        word = normalize("NFC", text).strip()
        if not word:
            raise UsageError("slides.word_empty", row=number)
        if len(word) > _MAX_WORD_LENGTH:
            raise UsageError(
                "slides.word_long", row=number, length=len(word), limit=_MAX_WORD_LENGTH
            )
        if word in table:
            raise UsageError("slides.word_twice", word=word)
        if action not in list(Action):
            known = ", ".join(Action)
            raise UsageError("slides.action", row=number, action=str(action)[:60], known=known)
        table[word] = _command(number, Action(action), page)
    return table


def _command(row: int, action: Action, page: int | None) -> Command:
    if action is not Action.GO_TO:
        return Command(action)
    if page is None or not 1 <= page <= MAX_SLIDES:
        raise UsageError("slides.page", row=row, limit=MAX_SLIDES, page=str(page))
    return Command(action, page)
