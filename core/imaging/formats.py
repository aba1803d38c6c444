"""Recognise a file by its first bytes, never by its name.

Pictures of the allowed formats go on to the decoder; everything else that people commonly try
gets a sentence of its own, before a decoder sees it.
"""

from __future__ import annotations

from core.errors import ImageError

__all__ = ["ACCEPTED_FORMATS", "recognise_format"]

ACCEPTED_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")

# Signatures are searched for in this many first bytes; SVG and PDF may start with other text.
_HEAD_BYTES = 1024

_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}
_BMP_HEADER_SIZES = {12, 40, 52, 56, 64, 108, 124}

_OTHER_PICTURES = (
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"8BPS", "Photoshop (PSD)"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\x01\0", "ICO"),
    (b"qoif", "QOI"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
)
_ARCHIVES = (
    (b"PK\x03\x04", "ZIP"),
    (b"PK\x05\x06", "ZIP"),
    (b"\x1f\x8b", "gzip"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!", "RAR"),
)


def recognise_format(data: bytes) -> str:
    """Return which of the accepted formats a file has by its content.

    Parameters
    ----------
    data : bytes
        The whole file, or its first kilobyte and more.

    Returns
    -------
    str
        One of `ACCEPTED_FORMATS`.

    Raises
    ------
    ImageError
        If it is empty or anything else; the code names what was recognised, such as
        ``image.heic``, ``image.svg``, ``image.pdf``, ``image.other_picture``,
        ``image.archive``, ``image.video``, ``image.text`` or, last, ``image.unknown``.
    """
    if not data:
        raise ImageError("image.empty")
    head = data[:_HEAD_BYTES]
    accepted = _accepted_format(head)
    if accepted is not None:
        return accepted
    raise _refusal(head)


def _accepted_format(head: bytes) -> str | None:
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    # "BM" alone also begins many a text, so the size of the header that follows must fit too.
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    return None


def _refusal(head: bytes) -> ImageError:
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if brand in _HEIF_BRANDS:
            return ImageError("image.heic", format="HEIC")
        if brand in _AVIF_BRANDS:
            return ImageError("image.heic", format="AVIF")
        return ImageError("image.video")
    if head.startswith(b"\x1a\x45\xdf\xa3") or (
        head.startswith(b"RIFF") and head[8:12] in (b"AVI ", b"WAVE")
    ):
        return ImageError("image.video")
    for signature, name in _OTHER_PICTURES:
        if head.startswith(signature):
            return ImageError("image.other_picture", format=name)
    for signature, name in _ARCHIVES:
        if head.startswith(signature):
            return ImageError("image.archive", format=name)
    if b"%PDF-" in head:
        return ImageError("image.pdf")
    text = _as_text(head)
    if text is None:
        return ImageError("image.unknown")
    return ImageError("image.svg" if "<svg" in text.lower() else "image.text")


def _as_text(head: bytes) -> str | None:
    """Return `head` as text, or None if it holds what no text does."""
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    # A character cut in two at the end of `head` is dropped; errors elsewhere are not text.
    text = head.decode(encoding, errors="replace").rstrip("\N{REPLACEMENT CHARACTER}")
    if any(
        not (character.isprintable() or character in "\t\r\n\f\N{BYTE ORDER MARK}")
        or character == "\N{REPLACEMENT CHARACTER}"
        for character in text
    ):
        return None
    return text or None
