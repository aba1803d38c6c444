"""The other side of :mod:`core.slides.pdf`: a PDF comes in, JPEG files go out, then it ends.

Run as ``python -m core.slides.pdf_process``; each part of the answer stands behind its length.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import struct
import sys
from pathlib import Path
from typing import Any

__all__ = ["main"]

_LENGTH = struct.Struct("<Q")
_MAX_CPU_S = 120
_MAX_FURTHER_BYTES = 700 * 1024 * 1024
_JPEG_QUALITY = 85


def main() -> None:
    """Answer the one request."""
    options = json.loads(sys.argv[1])
    data = sys.stdin.buffer.read(options["bytes"])
    import pypdfium2

    _limit_resources()
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        # PDFium's only sign of a password is the text of its error.
        protected = "password" in str(error).lower()
        _refuse("slides.pdf_encrypted" if protected else "slides.pdf_damaged")
        return
    pages = len(document)
    if pages == 0:
        _refuse("slides.pdf_damaged")
    elif pages > options["max_pages"]:
        _refuse("slides.pdf_pages", pages=pages, limit=options["max_pages"])
    else:
        _write(json.dumps({"pages": pages}).encode())
        for number in range(pages):
            try:
                part = _jpeg(document, number, options["max_side_px"])
            except pypdfium2.PdfiumError:
                part = b""  # this page is damaged; the others may not be
            _write(part)


def _jpeg(document: Any, number: int, max_side_px: int) -> bytes:
    page = document[number]
    longest = max(page.get_size())
    # The shape of the page decides the size in pixels, not what size it claims in points.
    picture = page.render(scale=max_side_px / max(longest, 1e-3)).to_pil().convert("RGB")
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_JPEG_QUALITY)
    page.close()
    return buffer.getvalue()


def _limit_resources() -> None:
    try:
        import resource
    except ImportError:  # Windows: the other side's timeout still holds
        return
    resource.setrlimit(resource.RLIMIT_CPU, (_MAX_CPU_S, _MAX_CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):  # no /proc: no address space to count from
        in_use = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = in_use * os.sysconf("SC_PAGE_SIZE") + _MAX_FURTHER_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _refuse(code: str, **fields: int) -> None:
    _write(json.dumps({"code": code, "fields": fields}).encode())


def _write(part: bytes) -> None:
    sys.stdout.buffer.write(_LENGTH.pack(len(part)) + part)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
