"""Files are recognised by content, and each kind that people try has its own sentence."""

from __future__ import annotations

import pytest

from core.errors import ImageError
from core.imaging.formats import ACCEPTED_FORMATS, recognise_format


@pytest.mark.parametrize(
    ("head", "file_format"),
    [
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "JPEG"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"GIF87a", "GIF"),
        (b"GIF89a", "GIF"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "WEBP"),
        (b"BM" + bytes(12) + b"\x28\0\0\0", "BMP"),
    ],
)
def test_the_accepted_formats_are_known_by_their_first_bytes(head: bytes, file_format: str) -> None:
    assert recognise_format(head) == file_format
    assert file_format in ACCEPTED_FORMATS


@pytest.mark.parametrize(
    ("head", "code", "named"),
    [
        (b"", "image.empty", "0 bytes"),
        (b"\0\0\0\x18ftypheic", "image.heic", "HEIC"),
        (b"\0\0\0\x18ftypmif1", "image.heic", "HEIC"),
        (b"\0\0\0\x1cftypavif", "image.heic", "AVIF"),
        (b"\0\0\0\x18ftypisom", "image.video", "video"),
        (b"\x1a\x45\xdf\xa3webm", "image.video", "video"),
        (b"RIFF\0\0\0\0AVI LIST", "image.video", "video"),
        (b"RIFF\0\0\0\0WAVEfmt ", "image.video", "sound"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "image.svg", "SVG"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- x -->\n<SVG>', "image.svg", "SVG"),
        ('<?xml version="1.0"?><svg/>'.encode("utf-16"), "image.svg", "SVG"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "image.pdf", "PDF"),
        (b"\n\n%PDF-1.4", "image.pdf", "PDF"),
        (b"II*\0\x08\0\0\0", "image.other_picture", "TIFF"),
        (b"MM\0*\0\0\0\x08", "image.other_picture", "TIFF"),
        (b"8BPS\0\x01", "image.other_picture", "PSD"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "image.other_picture", "JPEG 2000"),
        (b"\xff\x0a\xfa\x1f", "image.other_picture", "JPEG XL"),
        (b"\0\0\x01\0\x01\0", "image.other_picture", "ICO"),
        (b"PK\x03\x04\x14\0", "image.archive", "ZIP"),
        (b"\x1f\x8b\x08\0", "image.archive", "gzip"),
        (b"BM is how this letter begins", "image.text", "text"),
        ("图片在别处".encode(), "image.text", "text"),
        (b"<!doctype html><p>Not found", "image.text", "text"),
        (b"\x7fELF\x02\x01\x01\0", "image.unknown", "not that of"),
        (bytes(100), "image.unknown", "not that of"),
        (b"\xff\xd8", "image.unknown", "not that of"),
    ],
)
def test_everything_else_is_named_and_refused(head: bytes, code: str, named: str) -> None:
    with pytest.raises(ImageError) as caught:
        recognise_format(head)
    assert caught.value.code == code
    assert named in caught.value.message


def test_text_cut_inside_a_character_is_still_text() -> None:
    with pytest.raises(ImageError) as caught:
        recognise_format(("a" + "图" * 1000).encode())
    assert caught.value.code == "image.text"
