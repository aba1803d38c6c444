"""Small pictures of three kinds, and a network of our own below, for tests of teaching."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from core.datasets.samples import NewSample, SampleSet
from core.pretrained.store import ModelStore

__all__ = ["KINDS", "drawn", "drawn_set", "store_in"]

KINDS = ("bars", "disc", "nothing else")


def drawn(kind: str, seed: int, *, side: int = 80) -> bytes:
    """Return a PNG: bars, a disc or a cross, of varied place, size and colour."""
    generator = np.random.default_rng([KINDS.index(kind), seed])
    background = tuple(int(value) for value in generator.integers(170, 256, 3))
    ink = tuple(int(value) for value in generator.integers(0, 110, 3))
    picture = Image.new("RGB", (side, side), background)
    draw = ImageDraw.Draw(picture)
    size = int(generator.integers(side // 3, side // 2))
    left, top = (int(value) for value in generator.integers(4, side - size - 4, 2))
    if kind == "bars":
        for at in range(0, size, 8):
            draw.rectangle((left + at, top, left + at + 3, top + size), fill=ink)
    elif kind == "disc":
        draw.ellipse((left, top, left + size, top + size), fill=ink)
    else:
        draw.line((left, top, left + size, top + size), fill=ink, width=5)
        draw.line((left, top + size, left + size, top), fill=ink, width=5)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def drawn_set(per_class: int, *, kinds: tuple[str, ...] = KINDS) -> SampleSet:
    """Return a sample set with so many pictures of each kind."""
    samples = SampleSet()
    samples.add_many(
        NewSample(kind, drawn(kind, seed), f"{kind} {seed}.png")
        for kind in kinds
        for seed in range(per_class)
    )
    return samples


def store_in(folder: Path) -> ModelStore:
    """Return a store with the model that is installed."""
    return ModelStore(folder / "home", [])
