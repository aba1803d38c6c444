"""The class cards of the page "Teach pictures": what they show, and what is done on them."""

from __future__ import annotations

from collections.abc import Mapping

from core.datasets.samples import Sample
from core.errors import Note
from pages.components.i18n import plain_text
from pages.components.sample_cards import Card, CardEvent, Tile
from pages.components.teach_session import TeachSession

__all__ = ["TILES_A_PAGE", "cards_of", "on_event"]

TILES_A_PAGE = 18


def cards_of(teach: TeachSession) -> list[Card]:
    """Return a card for each class, with the thumbnails of the page that is open."""
    finding = teach.study.finding
    warnings = finding.warnings if finding is not None else ()
    flags: dict[str, str] = {}
    for warning in warnings:
        for sample_id in warning.sample_ids:
            flags.setdefault(sample_id, plain_text(Note(warning.code, warning.fields)))
    cards = []
    for label in teach.samples.classes:
        samples = teach.samples.samples(label)
        pages = max(1, -(-len(samples) // TILES_A_PAGE))
        page = teach.pages[label] = min(teach.pages.get(label, 0), pages - 1)
        shown = samples[page * TILES_A_PAGE : (page + 1) * TILES_A_PAGE]
        notes = [
            plain_text(Note(warning.code, warning.fields))
            for warning in warnings
            if warning.classes == (label,) and not warning.sample_ids
        ]
        cards.append(
            Card(
                label,
                label,
                str(len(samples)),
                tuple(_tile(teach, sample, flags) for sample in shown),
                page,
                pages,
                tuple(notes),
                label == teach.target,
            )
        )
    return cards


def _tile(teach: TeachSession, sample: Sample, flags: Mapping[str, str]) -> Tile:
    src = teach.thumbnails.of(sample.digest, sample.content)
    return Tile(sample.id, src, sample.name, flags.get(sample.id, ""))


def on_event(teach: TeachSession, event: CardEvent) -> None:
    """Do what was done on the cards."""
    samples = teach.samples
    classes = list(samples.classes)
    known = {sample.id for sample in samples.samples()}
    tiles = [tile for tile in event.tiles if tile in known]
    if event.kind in ("remove_tiles", "move_tiles", "open") and not tiles:
        return
    if event.kind == "remove_tiles":
        teach.change(samples.remove, tiles)
        return
    if event.kind == "open":
        sample = samples.get(tiles[0])
        teach.try_picture(sample.name, sample.content)
        return
    if event.card not in classes:
        return
    place = classes.index(event.card)
    if event.kind == "move_tiles":
        teach.change(samples.move, tiles, event.card)
    elif event.kind == "rename":
        teach.rename_class(event.card, event.name)
    elif event.kind in ("up", "down"):
        step = 1 if event.kind == "down" else -1
        teach.change(samples.move_class, event.card, place + step)
    elif event.kind == "remove":
        teach.change(samples.remove_class, event.card)
    elif event.kind == "add":
        teach.aim(event.card)
    elif event.kind == "page":
        teach.pages[event.card] = max(0, event.page)
