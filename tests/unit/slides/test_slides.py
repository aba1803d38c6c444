"""Slides from pictures and PDF files, good and hostile."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from core.errors import UsageError
from core.slides import Slide, is_pdf, slides_from_pdf, slides_from_pictures
from core.slides import pdf as pdf_module


def picture(width: int, height: int, colour: tuple[int, int, int] = (200, 90, 40)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, "PNG")
    return buffer.getvalue()


def pdf(pages: int, *, width: int = 60, height: int = 40) -> bytes:
    buffer = io.BytesIO()
    shades = [Image.new("RGB", (width, height), (number % 200, 90, 40)) for number in range(pages)]
    shades[0].save(buffer, "PDF", save_all=True, append_images=shades[1:])
    return buffer.getvalue()


def written(objects: list[bytes], trailer: bytes) -> bytes:
    """Return a PDF of these objects, with a table that says where each one is."""
    content = b"%PDF-1.4\n"
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    at = len(content)
    content += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    content += b"".join(b"%010d 00000 n \n" % place for place in places)
    return content + b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        trailer,
        at,
    )


def one_page(box: bytes = b"[0 0 100 50]", page: bytes = b"", trailer: bytes = b"") -> bytes:
    return written(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox " + box + page + b" >>",
        ],
        trailer,
    )


def size(slide: Slide) -> tuple[int, int]:
    return Image.open(io.BytesIO(slide.jpeg)).size


def test_pictures_become_slides_in_their_order_and_bad_ones_are_named() -> None:
    slides, problems = slides_from_pictures(
        [("a", picture(40, 30)), ("text", b"no picture"), ("b", picture(3200, 800))]
    )
    assert [(slide.name, size(slide)) for slide in slides] == [("a", (40, 30)), ("b", (1600, 400))]
    assert [name for name, _ in problems] == ["text"]


@pytest.mark.parametrize(("count", "code"), [(0, "slides.none"), (201, "slides.too_many")])
def test_no_pictures_and_too_many_are_refused_before_any_is_read(count: int, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        slides_from_pictures([("x", b"")] * count)
    assert caught.value.code == code


def test_each_page_of_a_pdf_becomes_a_slide_that_fills_the_screen() -> None:
    seen: list[tuple[int, int]] = []
    slides, problems = slides_from_pdf(
        pdf(3), name="talk", progress=lambda *done: seen.append(done)
    )
    assert [slide.name for slide in slides] == ["talk · 1", "talk · 2", "talk · 3"]
    assert {max(size(slide)) for slide in slides} == {1600}
    assert seen == [(0, 3), (1, 3), (2, 3)]
    assert not problems


@pytest.mark.parametrize(
    ("box", "expected"),
    [(b"[0 0 14400 7200]", (1600, 800)), (b"[0 0 1 2]", (800, 1600))],
)
def test_the_claimed_size_of_a_page_does_not_decide_its_pixels(
    box: bytes, expected: tuple[int, int]
) -> None:
    ((slide,), _) = slides_from_pdf(one_page(box), name="page")
    assert size(slide) == expected


ENCRYPTED = one_page(
    trailer=b"/ID [<00><00>] /Encrypt << /Filter /Standard /V 2 /R 3 /Length 128 /P -4 "
    b"/O <" + b"5a" * 32 + b"> /U <" + b"a5" * 32 + b"> >>"
)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "slides.pdf_not"),
        (b"PK\x03\x04", "slides.pdf_not"),
        (b"%PDF-1.7\nnothing else", "slides.pdf_damaged"),
        (ENCRYPTED, "slides.pdf_encrypted"),
        (
            written(
                [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [] /Count 0 >>"], b""
            ),
            "slides.pdf_damaged",
        ),
    ],
)
def test_a_file_that_cannot_be_shown_says_why(content: bytes, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        slides_from_pdf(content, name="file")
    assert caught.value.code == code


def test_a_pdf_of_five_hundred_pages_is_refused_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        slides_from_pdf(pdf(500, width=2, height=2), name="book")
    assert caught.value.fields == {"pages": 500, "limit": 200}


def test_a_pdf_that_takes_too_long_ends_with_its_process() -> None:
    with pytest.raises(UsageError) as caught:
        slides_from_pdf(pdf(60), name="slow", timeout_s=0.05)
    assert caught.value.code == "slides.pdf_gave_up"


def test_a_visitor_can_stop_the_pages() -> None:
    class StoppedError(Exception):
        pass

    def stop(done: int, pages: int) -> None:
        if done == 1:
            raise StoppedError

    with pytest.raises(StoppedError):
        slides_from_pdf(pdf(3), name="talk", progress=stop)


def test_a_file_over_the_limit_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_module, "MAX_PDF_BYTES", 10)
    with pytest.raises(UsageError) as caught:
        slides_from_pdf(pdf(1), name="large")
    assert caught.value.code == "slides.pdf_large"


def test_only_the_beginning_says_what_a_pdf_is() -> None:
    assert is_pdf(b"\xef\xbb\xbf%PDF-1.4")
    assert not is_pdf(bytes(2000) + b"%PDF-1.4")
