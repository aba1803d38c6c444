"""Pixels to small picture files, for showing."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["encode_jpeg", "thumbnail_url"]


def encode_jpeg(pixels: NDArray[np.uint8], *, max_side_px: int, quality: int = 85) -> bytes:
    """Return a JPEG file of the picture, reduced to fit.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (h, w, 3)
        RGB.
    max_side_px : int
        Longest side of the result in pixels; smaller pictures stay as they are.
    quality : int, optional
        1 to 95, as Pillow counts it.

    Returns
    -------
    bytes
    """
    picture = Image.fromarray(pixels)
    picture.thumbnail((max_side_px, max_side_px))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def thumbnail_url(pixels: NDArray[np.uint8], *, max_side_px: int = 96) -> str:
    """Return the picture as a ``data:`` URL, a few kilobytes long."""
    data = encode_jpeg(pixels, max_side_px=max_side_px, quality=75)
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")
