"""The slideshow's states, as a table; and the table of words."""

from __future__ import annotations

import pytest

from core.errors import UsageError
from core.slideshow import (
    ARTICLE_WORDS,
    ENGLISH_WORDS,
    Action,
    Command,
    SlideshowState,
    command_table,
    step,
)

PREVIOUS, NEXT = Command(Action.PREVIOUS), Command(Action.NEXT)
FIRST, LAST = Command(Action.FIRST), Command(Action.LAST)
PAUSE, RESUME = Command(Action.PAUSE), Command(Action.RESUME)


def go_to(page: int) -> Command:
    return Command(Action.GO_TO, page)


@pytest.mark.parametrize(
    ("count", "index", "command", "wrap", "expected"),
    [
        (6, 0, NEXT, False, 1),
        (6, 3, PREVIOUS, False, 2),
        (6, 5, NEXT, False, 5),  # the ends stay, as in the article
        (6, 0, PREVIOUS, False, 0),
        (6, 5, NEXT, True, 0),
        (6, 0, PREVIOUS, True, 5),
        (1, 0, NEXT, True, 0),
        (6, 3, FIRST, False, 0),
        (6, 3, LAST, False, 5),
        (6, 3, go_to(1), False, 0),
        (6, 3, go_to(6), True, 5),
        (6, 3, go_to(7), False, 3),  # there is no such page
        (6, 3, go_to(7), True, 3),
        (6, 3, go_to(0), True, 3),
        (6, 3, Command(Action.GO_TO), False, 3),
        (0, 0, NEXT, True, 0),
        (0, 0, LAST, False, 0),
    ],
)
def test_each_command_moves_as_the_table_says(
    count: int, index: int, command: Command, wrap: bool, expected: int
) -> None:
    before = SlideshowState(count, index)
    after = step(before, command, wrap=wrap)
    assert (after.index, after.count, after.paused) == (expected, count, False)
    assert (after is before) == (expected == index)


@pytest.mark.parametrize("command", [PREVIOUS, NEXT, FIRST, LAST, go_to(2)])
def test_a_paused_slideshow_follows_keys_and_no_words(command: Command) -> None:
    paused = step(SlideshowState(6, 3), PAUSE, spoken=True)
    assert paused == SlideshowState(6, 3, paused=True)
    assert step(paused, command, spoken=True) is paused
    assert step(paused, command).index != 3
    assert step(paused, PAUSE) is paused
    resumed = step(paused, RESUME, spoken=True)
    assert resumed == SlideshowState(6, 3)
    assert step(resumed, command, spoken=True).index != 3


def test_the_page_is_counted_from_one_and_follows_the_number_of_slides() -> None:
    assert SlideshowState(0).page == 0
    assert SlideshowState(6, 5).page == 6
    assert SlideshowState(6, 5).with_count(3) == SlideshowState(3, 2)
    assert SlideshowState(6, 1).with_count(3) == SlideshowState(3, 1)
    assert SlideshowState(6, 5).with_count(0).page == 0


def test_the_presets_are_the_articles_words_and_the_models() -> None:
    assert ARTICLE_WORDS == {"上一张": PREVIOUS, "下一张": NEXT}
    assert ENGLISH_WORDS["right"] == NEXT
    assert ENGLISH_WORDS["nine"] == go_to(9)
    rows = [(word, command.action.value, command.page) for word, command in ENGLISH_WORDS.items()]
    assert command_table(rows) == ENGLISH_WORDS


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([("  ", "next", None)], "slides.word_empty"),
        ([("x" * 61, "next", None)], "slides.word_long"),
        ([("go", "next", None), (" go ", "last", None)], "slides.word_twice"),
        ([("go", "explode", None)], "slides.action"),
        ([("go", "go_to", None)], "slides.page"),
        ([("go", "go_to", 0)], "slides.page"),
        ([("go", "go_to", 201)], "slides.page"),
    ],
)
def test_a_row_that_cannot_be_says_what_is_wrong(
    rows: list[tuple[str, str, int | None]], code: str
) -> None:
    with pytest.raises(UsageError) as caught:
        command_table(rows)
    assert caught.value.code == code


def test_words_that_only_look_different_are_the_same_word() -> None:
    with pytest.raises(UsageError):
        command_table([("caf\u00e9", "next", None), ("cafe\u0301", "last", None)])
