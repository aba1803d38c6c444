"""Reading many pictures into the sample set in a thread: the page stays usable, and can stop it."""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from core.datasets.samples import NewSample, SampleSet
from core.errors import Note, TeachdeckError, UsageError
from core.imaging import decode_image
from core.imaging.encode import encode_jpeg, thumbnail_url

__all__ = ["MAX_ZIP_BYTES", "Reading", "Thumbnails", "prepared", "start_reading"]

MAX_ZIP_BYTES = 200_000_000

# A network sees a few hundred pixels: a photo of ten megapixels is kept as one of half a
# megapixel, so that a visitor's 2,000 photos fit in memory. Measured: 80 kB instead of 4 MB.
_KEPT_AS_IT_IS_BYTES = 300_000
_KEPT_SIDE_PX = 800
_KEPT_QUALITY = 92
_THUMBNAIL_PX = 96
_POLL_S = 0.02


class Thumbnails:
    """Small pictures by the digest of their sample, made once. May be used from any thread."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, digest: str, content: bytes) -> str:
        """Return the small picture as a ``data:`` URL."""
        url = self._known.get(digest)
        if url is None:
            pixels = decode_image(content, min_side_px=_THUMBNAIL_PX).pixels
            url = self._known[digest] = thumbnail_url(pixels, max_side_px=_THUMBNAIL_PX)
        return url

    def clear(self) -> None:
        """Forget all."""
        self._known.clear()


@dataclass(eq=False)
class Reading:
    """How far it is. Written by its thread, read by the page; `stop` the other way.

    Attributes
    ----------
    total, done : int
        Pictures.
    added, known : int
        How many came into the set, once it has ended, and how many their class had before.
    failed : list of (str, TeachdeckError or Note)
        Names and why they could not be used.
    error : TeachdeckError or None
        Why nothing was added.
    reference : str
        Of the log's entry where the program itself failed; else empty.
    """

    total: int
    done: int = 0
    added: int = 0
    known: int = 0
    failed: list[tuple[str, TeachdeckError | Note]] = field(default_factory=list)
    error: TeachdeckError | None = None
    reference: str = ""
    running: bool = True
    stop: threading.Event = field(default_factory=threading.Event)


def start_reading(
    list_pictures: Callable[[Reading], Iterable[NewSample]],
    samples: SampleSet,
    thumbnails: Thumbnails,
    *,
    total: int,
    on_end: Callable[[], None],
    after: Reading | None = None,
) -> Reading:
    """Read pictures in a thread and add them, as one step that can be undone.

    Parameters
    ----------
    list_pictures : callable
        Called in the thread; yields the pictures, may set `total` and add to `failed`.
    samples : SampleSet
    thumbnails : Thumbnails
    total : int
        How many there are, as far as that is known.
    on_end : callable
        Called in the thread when all are in the set, or none.
    after : Reading, optional
        Wait for it: one burst of a camera may come while the last one is still read.

    Returns
    -------
    Reading
    """
    reading = Reading(total)

    def work() -> None:
        try:
            while after is not None and after.running and not reading.stop.is_set():
                time.sleep(_POLL_S)
            snapshot = samples.snapshot()
            known = {(sample.label, sample.digest) for sample in snapshot.samples}
            pictures = list_pictures(reading)
            limit = samples.quota.samples
            if len(known) + reading.total > limit:
                # Said before they are all decoded.
                raise UsageError("samples.many", count=len(known) + reading.total, limit=limit)
            read = list(_readable(pictures, reading, thumbnails, known))
            reading.added = len(samples.add_many(read))
        except TeachdeckError as error:
            reading.error = error
        except Exception:
            reading.reference = secrets.token_hex(4)
            logging.getLogger(__name__).exception("reading failed, %s", reading.reference)
        finally:
            on_end()
            reading.running = False

    threading.Thread(target=work, name="reading pictures", daemon=True).start()
    return reading


def _readable(
    pictures: Iterable[NewSample],
    reading: Reading,
    thumbnails: Thumbnails,
    known: set[tuple[str, str]],
) -> Iterator[NewSample]:
    for picture in pictures:
        if reading.stop.is_set():
            return
        try:
            ready, digest = prepared(picture, thumbnails)
        except TeachdeckError as error:
            reading.failed.append((picture.name, error))
        else:
            if (picture.label, digest) in known:
                reading.known += 1
            else:
                known.add((picture.label, digest))
                yield ready
        reading.done += 1
        reading.total = max(reading.total, reading.done)


def prepared(picture: NewSample, thumbnails: Thumbnails) -> tuple[NewSample, str]:
    """Return a picture as it is kept, and its digest; its thumbnail is made on the way.

    Raises
    ------
    ImageError
        If it cannot be used.
    """
    content = picture.content
    if len(content) > _KEPT_AS_IT_IS_BYTES:
        pixels = decode_image(content, min_side_px=_KEPT_SIDE_PX).pixels
        content = encode_jpeg(pixels, max_side_px=_KEPT_SIDE_PX, quality=_KEPT_QUALITY)
        picture = replace(picture, content=content, media_type="image/jpeg")
    digest = hashlib.sha256(content).hexdigest()
    thumbnails.of(digest, content)
    return picture, digest
