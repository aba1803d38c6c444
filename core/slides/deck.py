"""Slides as JPEG files of one size limit, from pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.errors import TeachdeckError, UsageError
from core.imaging import decode_image
from core.imaging.encode import encode_jpeg
from core.slideshow import MAX_SLIDES

__all__ = ["MAX_SIDE_PX", "Slide", "slides_from_pictures"]

# A full screen; 200 such slides take about 40 MB.
MAX_SIDE_PX = 1600


@dataclass(frozen=True, eq=False)
class Slide:
    """One slide.

    Attributes
    ----------
    name : str
        What its owner calls it. It is the user's text: show it, never open it.
    jpeg : bytes
        At most `MAX_SIDE_PX` wide and high.
    """

    name: str
    jpeg: bytes


def slides_from_pictures(
    pictures: Iterable[tuple[str, bytes]],
) -> tuple[tuple[Slide, ...], tuple[tuple[str, TeachdeckError], ...]]:
    """Return slides made from picture files, in order, and what could not be used.

    Parameters
    ----------
    pictures : iterable of (name, bytes)

    Returns
    -------
    slides : tuple of Slide
    problems : tuple of (name, TeachdeckError)
        One picture that cannot be read does not stop the rest.

    Raises
    ------
    UsageError
        If there is no picture, or more than a slideshow may have.
    """
    given = list(pictures)
    if not given:
        raise UsageError("slides.none")
    if len(given) > MAX_SLIDES:
        raise UsageError("slides.too_many", count=len(given), limit=MAX_SLIDES)
    slides, problems = [], []
    for name, data in given:
        try:
            image = decode_image(data, min_side_px=MAX_SIDE_PX)
        except TeachdeckError as error:
            problems.append((name, error))
        else:
            slides.append(Slide(name, encode_jpeg(image.pixels, max_side_px=MAX_SIDE_PX)))
    return tuple(slides), tuple(problems)
