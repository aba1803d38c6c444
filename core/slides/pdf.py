"""PDF files as slides, rendered by PDFium in a process of its own.

PDFium is made for hostile files, but a page may ask for any amount of work. The process has its
own limits of time and memory, and a crash ends nothing but itself. The other side is
:mod:`core.slides.pdf_process`.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess  # the child is a module of ours
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

from core.errors import TeachdeckError, UsageError
from core.slides.deck import MAX_SIDE_PX, Slide
from core.slideshow import MAX_SLIDES

__all__ = ["MAX_PDF_BYTES", "is_pdf", "slides_from_pdf"]

MAX_PDF_BYTES = 100_000_000
_ROOT = Path(__file__).resolve().parent.parent.parent
_ENVIRONMENT = ("PATH", "SYSTEMROOT", "HOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_TIMEOUT_S = 180.0
_LENGTH = struct.Struct("<Q")
# A JPEG of 1600 by 1600 pixels takes 8 MB at the very most.
_MAX_PART_BYTES = 16_000_000


def is_pdf(data: bytes) -> bool:
    """Say whether a file begins as a PDF; a few bytes may stand before its mark."""
    return b"%PDF-" in data[:1024]


def slides_from_pdf(
    data: bytes,
    *,
    name: str,
    progress: Callable[[int, int], None] | None = None,
    timeout_s: float = _TIMEOUT_S,
) -> tuple[tuple[Slide, ...], tuple[tuple[str, TeachdeckError], ...]]:
    """Return a slide for each page of a PDF, and the pages that could not be used.

    Parameters
    ----------
    data : bytes
    name : str
        What its owner calls the file; slides are named after it.
    progress : callable, optional
        Called with the number of pages done and of all pages. What it raises stops the work.
    timeout_s : float, optional
        For all pages together, in seconds.

    Returns
    -------
    slides : tuple of Slide
    problems : tuple of (name, TeachdeckError)
        Damaged pages; they do not stop the rest.

    Raises
    ------
    UsageError
        If the file is no PDF, protected, damaged, too large, has too many pages, or takes more
        time or memory than it may.
    """
    if len(data) > MAX_PDF_BYTES:
        raise UsageError(
            "slides.pdf_large", megabytes=len(data) / 1e6, limit_megabytes=MAX_PDF_BYTES / 1e6
        )
    if not is_pdf(data):
        raise UsageError("slides.pdf_not")
    options = {"bytes": len(data), "max_side_px": MAX_SIDE_PX, "max_pages": MAX_SLIDES}
    environment = {k: v for k, v in os.environ.items() if k in _ENVIRONMENT}
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "core.slides.pdf_process", json.dumps(options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=_ROOT,
        env=environment,
    )
    timer = threading.Timer(timeout_s, process.kill)
    timer.start()
    try:
        # A large file and large pages would each wait for the other to be read.
        sender = threading.Thread(target=_send, args=(process.stdin, data), daemon=True)
        sender.start()
        return _slides(process.stdout, name, progress)
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        sender.join()
        if process.stdout is not None:
            process.stdout.close()


def _send(stream: IO[bytes] | None, data: bytes) -> None:
    if stream is None:
        return
    try:
        with stream:
            stream.write(data)
    except OSError:
        return  # the process ended early; what it wrote says why


def _slides(
    stream: IO[bytes] | None, name: str, progress: Callable[[int, int], None] | None
) -> tuple[tuple[Slide, ...], tuple[tuple[str, TeachdeckError], ...]]:
    header = json.loads(_part(stream, 0))
    if "code" in header:
        raise UsageError(header["code"], **header["fields"])
    pages = int(header["pages"])
    slides: list[Slide] = []
    problems: list[tuple[str, TeachdeckError]] = []
    for page in range(1, pages + 1):
        if progress is not None:
            progress(page - 1, pages)
        title = f"{name} · {page}"
        jpeg = _part(stream, page - 1)
        if jpeg:
            slides.append(Slide(title, jpeg))
        else:
            problems.append((title, UsageError("slides.pdf_page", page=page)))
    return tuple(slides), tuple(problems)


def _part(stream: IO[bytes] | None, done: int) -> bytes:
    if stream is not None:
        head = stream.read(_LENGTH.size)
        if len(head) == _LENGTH.size:
            (length,) = _LENGTH.unpack(head)
            if length <= _MAX_PART_BYTES and len(content := stream.read(length)) == length:
                return content
    raise UsageError("slides.pdf_gave_up", pages=done)
