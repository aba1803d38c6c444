"""Turn the bytes of an untrusted picture file into RGB pixels, safely.

Sizes are checked on the header, before pixels are decoded. Only five formats are admitted, each
recognised by content and opened by its own Pillow reader, so that no other of Pillow's parsers
ever sees the bytes. Pillow's global settings are neither relied on nor changed.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from core.errors import ImageError, Note
from core.imaging.formats import recognise_format
from core.imaging.jpeg import asks_for_too_much

__all__ = [
    "MAX_BYTES",
    "MAX_MEGAPIXELS",
    "MAX_MEGAPIXELS_WEBP",
    "MAX_SIDE_PX",
    "DecodedImage",
    "Note",
    "decode_image",
]

MAX_BYTES = 25_000_000
MAX_MEGAPIXELS = 50
# libwebp's decoder of animations, the only one that Pillow has, keeps the picture four times over:
# 400 MB at this limit.
MAX_MEGAPIXELS_WEBP = 25
# No JPEG is wider; readers of run-length coded rows allocate multiples of the width.
MAX_SIDE_PX = 65_535

_OPENERS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WEBP": WebPImageFile,
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
}

_EXIF_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)

# A picture near the limit takes 0.2 to 0.4 GB while it is decoded, so big ones go one at a time.
_BIG_PIXELS = 16_000_000
_STRIP_PIXELS = 1_000_000
_one_big_picture = threading.Lock()


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """The pixels of a picture and what was found out about it.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (h, w, 3)
        RGB, 0 to 255, the right way up, read-only.
    width, height : int
        The picture's own size in pixels, the right way up. `pixels` may be smaller when
        `decode_image` was allowed to reduce it.
    format : str
        One of "JPEG", "PNG", "WEBP", "GIF", "BMP"; "array" for pixels that came as such.
    notes : tuple of Note
        What was left out or ignored, such as all but the first frame.
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int
    format: str
    notes: tuple[Note, ...] = ()


def decode_image(
    data: bytes, *, max_side_px: int | None = None, min_side_px: int | None = None
) -> DecodedImage:
    """Decode a JPEG, PNG, WebP, GIF or BMP file to RGB pixels.

    EXIF orientation is honoured. Transparency is laid over white, 16-bit samples keep their
    upper eight bits, CMYK (Adobe's inverted kind) becomes RGB. Of an animation the first frame
    is used. Embedded colour profiles are ignored: samples are read as sRGB.

    Parameters
    ----------
    data : bytes
        The whole file, at most `MAX_BYTES`.
    max_side_px : int, optional
        The longer side need not have more pixels than this: the picture may be reduced by a
        whole factor (while a JPEG is decoded, which saves most of the time; afterwards
        otherwise) so long as its longer side keeps at least this many. For previews.
    min_side_px : int, optional
        The same promise for the shorter side, for networks that see a square of the picture.
        Where both are given both are kept. Defaults to no reduction where neither is given.

    Returns
    -------
    DecodedImage

    Raises
    ------
    ImageError
        If the file is empty, too big, no picture of these formats, damaged or truncated, or
        has more than `MAX_MEGAPIXELS` million pixels (WebP: `MAX_MEGAPIXELS_WEBP`) or a side
        over `MAX_SIDE_PX`.
    """
    if len(data) > MAX_BYTES:
        raise ImageError(
            "image.too_many_bytes", megabytes=len(data) / 1e6, limit_megabytes=MAX_BYTES / 1e6
        )
    file_format = recognise_format(data)
    if file_format == "JPEG" and asks_for_too_much(data):
        raise ImageError("image.too_many_parts")
    try:
        image = _OPENERS[file_format](io.BytesIO(data))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError("image.bomb", limit_megapixels=MAX_MEGAPIXELS) from error
    except Exception as error:  # a reader may fail in any way on damaged bytes
        raise ImageError("image.damaged", format=file_format) from error
    try:
        limit = MAX_MEGAPIXELS_WEBP if file_format == "WEBP" else MAX_MEGAPIXELS
        check_size(*image.size, limit_megapixels=limit)
        with _turn_for(image.size, file_format, max_side_px, min_side_px):
            return _decode(image, file_format, max_side_px, min_side_px)
    finally:
        image.close()


def check_size(width: int, height: int, *, limit_megapixels: int = MAX_MEGAPIXELS) -> None:
    """Raise ImageError unless a picture of this size in pixels may be held in memory."""
    if width < 1 or height < 1:
        raise ImageError("image.no_pixels", width=width, height=height)
    if width * height > limit_megapixels * 1_000_000:
        raise ImageError(
            "image.too_large",
            width=width,
            height=height,
            megapixels=width * height / 1e6,
            limit_megapixels=limit_megapixels,
        )
    if max(width, height) > MAX_SIDE_PX:
        raise ImageError("image.side_too_long", width=width, height=height, limit_px=MAX_SIDE_PX)


def _turn_for(
    size: tuple[int, int], file_format: str, max_side_px: int | None, min_side_px: int | None
) -> AbstractContextManager[object]:
    """Return the lock for big pictures, or nothing to wait for."""
    pixels = size[0] * size[1]
    if file_format == "JPEG":
        pixels //= _draft_factor(_reduction(size, max_side_px, min_side_px)) ** 2
    return _one_big_picture if pixels > _BIG_PIXELS else nullcontext()


def _decode(
    image: ImageFile.ImageFile,
    file_format: str,
    max_side_px: int | None,
    min_side_px: int | None,
) -> DecodedImage:
    width, height = image.size
    reduction = _reduction(image.size, max_side_px, min_side_px)
    try:
        if isinstance(image, JpegImageFile):
            drafted = _draft_factor(reduction)
            image.draft(None, (max(1, width // drafted), max(1, height // drafted)))
            reduction //= drafted
        image.load()
    except Exception as error:  # as above: the file is damaged, whatever the decoder stumbled on
        if isinstance(error, OSError) and "truncated" in str(error):
            raise ImageError("image.truncated", format=file_format) from error
        raise ImageError("image.damaged", format=file_format) from error
    notes = _profile_notes(image)
    orientation = _orientation(image)
    rgb = _to_rgb(image, reduction)
    if _is_animated(image):
        notes.append(Note("image.note_first_frame"))
    if orientation in _TURNS:
        rgb = rgb.transpose(_TURNS[orientation])
    if orientation in _SIDEWAYS:
        width, height = height, width
    pixels = np.asarray(rgb)
    pixels.flags.writeable = False
    return DecodedImage(pixels, width, height, file_format, tuple(notes))


def _reduction(size: tuple[int, int], max_side_px: int | None, min_side_px: int | None) -> int:
    """Return the greatest whole factor that keeps both promises of `decode_image`."""
    factors = []
    if max_side_px is not None:
        factors.append(max(size) // max(1, max_side_px))
    if min_side_px is not None:
        factors.append(min(size) // max(1, min_side_px))
    return max(1, min(factors, default=1))


def _draft_factor(reduction: int) -> int:
    """Return the part of `reduction` that a JPEG decoder does by itself: 1, 2, 4 or 8."""
    return next(factor for factor in (8, 4, 2, 1) if reduction >= factor)


def _to_rgb(image: Image.Image, reduction: int) -> Image.Image:
    """Return the picture as RGB over white, each `reduction` squared pixels averaged to one.

    Strip by strip, so that beside the decoded picture only the result takes memory.
    """
    if image.mode == "RGB" and reduction == 1 and "transparency" not in image.info:
        return image
    width, height = image.size
    rgb = Image.new("RGB", (-(-width // reduction), -(-height // reduction)))
    rows = reduction * max(1, _STRIP_PIXELS // (width * reduction))
    for top in range(0, height, rows):
        strip = _strip_to_rgb(image.crop((0, top, width, min(height, top + rows))))
        rgb.paste(strip.reduce(reduction), (0, top // reduction))
    return rgb


def _strip_to_rgb(strip: Image.Image) -> Image.Image:
    if strip.mode.startswith("I"):
        return _from_16_bit(strip)
    if strip.mode in ("LA", "PA", "RGBA") or "transparency" in strip.info:
        rgba = strip.convert("RGBA")
        white = Image.new("RGB", strip.size, "white")
        white.paste(rgba, mask=rgba)
        return white
    return strip.convert("RGB")


def _from_16_bit(image: Image.Image) -> Image.Image:
    """Keep the upper byte: Pillow's own conversion would clip everything above 255 to white."""
    samples = np.asarray(image)
    grey = (np.clip(samples, 0, 0xFFFF) >> 8).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey[samples == transparent] = 255
    return Image.fromarray(grey).convert("RGB")


def _orientation(image: ImageFile.ImageFile) -> int:
    """Return the EXIF orientation, 1 to 8; 1 where there is none or it cannot be read."""
    try:
        value = image.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:  # broken EXIF is common and no reason to refuse the pixels
        return 1
    return value if isinstance(value, int) else 1


def _profile_notes(image: ImageFile.ImageFile) -> list[Note]:
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or not profile:
        return []
    # The profile's name is stored in plain Latin or in UTF-16, by the version of the profile.
    if b"sRGB" in profile or "sRGB".encode("utf-16-be") in profile:
        return []
    return [Note("image.note_colour_profile")]


def _is_animated(image: ImageFile.ImageFile) -> bool:
    """Tell whether there is a second frame. Looks for one only, however many there may be."""
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # what follows the first frame is damaged, and not needed
        return False
