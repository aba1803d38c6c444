"""The cards of the words: what they show of every take, and what is done on them."""

from __future__ import annotations

import base64
import time

import streamlit as st

from core.audio import encode_wav
from core.datasets.samples import Sample
from core.speech.labels import is_noise, is_unknown
from pages.components.i18n import plain_text, t
from pages.components.sample_cards import Card, CardEvent, Played, Tile, draw_cards
from pages.components.words_recording import order_take
from pages.components.words_session import WordsSession, shown_label

__all__ = ["show_cards"]

_TILES_A_PAGE = 12
_MOST_NOTES = 4
_PLAYED = "words_played"


def show_cards(words: WordsSession) -> None:
    """Draw a card for each word with its takes."""
    played: Played | None = st.session_state.get(_PLAYED)
    draw_cards(
        [_card(words, label) for label in words.samples.classes],
        key="words_cards",
        on_event=lambda event: _on_event(words, event),
        open_label=t("wordspage.again"),
        played=played,
        words={
            "name": t("wordspage.name"),
            "add": t("wordspage.record"),
            "remove_class": t("wordspage.remove_word"),
            "empty": t("wordspage.no_takes"),
            "play": t("wordspage.play"),
            "unplayable": t("wordspage.no_audio"),
        },
    )


def _card(words: WordsSession, label: str) -> Card:
    samples = words.samples.samples(label)
    pages = max(1, -(-len(samples) // _TILES_A_PAGE))
    # The newest is what one wants to see: a page that was not turned is the last.
    page = min(words.pages.get(label, pages - 1), pages - 1)
    first = page * _TILES_A_PAGE
    doubts = {
        sample.id: " ".join(plain_text(note) for note in words.checks(sample)) for sample in samples
    }
    notes = [
        f"{t('wordspage.take_number', number=number)}: {doubts[sample.id]}"
        for number, sample in enumerate(samples, start=1)
        if doubts[sample.id]
    ]
    if len(notes) > _MOST_NOTES:
        notes = [*notes[:_MOST_NOTES], t("wordspage.more_doubts", count=len(notes) - _MOST_NOTES)]
    if any(words.example(sample).audio is None for sample in samples):
        notes.append(t("wordspage.no_audio"))
    return Card(
        label,
        shown_label(label),
        str(len(samples)),
        tuple(
            _tile(words, sample, number, doubts[sample.id])
            for number, sample in enumerate(samples[first : first + _TILES_A_PAGE], first + 1)
        ),
        page,
        pages,
        tuple(notes),
        fixed=is_noise(label) or is_unknown(label),
    )


def _tile(words: WordsSession, sample: Sample, number: int, doubt: str) -> Tile:
    example = words.example(sample)
    src, wave = words.pictures.of(sample.digest, example)
    title = t("wordspage.take_number", number=number)
    return Tile(sample.id, src, title, doubt, wave, example.audio is not None)


def _on_event(words: WordsSession, event: CardEvent) -> None:
    samples = words.samples
    known = {sample.id: sample for sample in samples.samples()}
    tiles = [tile for tile in event.tiles if tile in known]
    if event.kind == "play" and tiles:
        _play(words, known[tiles[0]])
    elif event.kind == "open" and tiles:
        order_take(known[tiles[0]].label, tiles[0])
    elif event.kind == "remove_tiles" and tiles:
        words.change(samples.remove, tiles)
    elif event.card not in samples.classes:
        return
    elif event.kind == "move_tiles" and tiles:
        words.change(samples.move, tiles, event.card)
    elif event.kind == "rename":
        words.change(samples.rename_class, event.card, event.name)
    elif event.kind in ("up", "down"):
        place = samples.classes.index(event.card) + (1 if event.kind == "down" else -1)
        words.change(samples.move_class, event.card, place)
    elif event.kind == "remove":
        words.change(samples.remove_class, event.card)
    elif event.kind == "add":
        order_take(event.card)
    elif event.kind == "page":
        words.pages[event.card] = max(0, event.page)


def _play(words: WordsSession, sample: Sample) -> None:
    example = words.example(sample)
    if example.audio is None:
        return
    sound = encode_wav(example.audio, rate_hz=int(example.rate_hz))
    st.session_state[_PLAYED] = Played(
        time.time_ns() // 1_000_000,
        sample.id,
        "data:audio/wav;base64," + base64.b64encode(sound).decode("ascii"),
    )
