"""Labelled samples as data: pictures, clips and bare spectrograms alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = [
    "FLAC",
    "SPECTROGRAM",
    "MetaValue",
    "NewSample",
    "Quota",
    "Sample",
    "SampleSnapshot",
    "guess_media_type",
]

FLAC = "audio/flac"
SPECTROGRAM = "application/x-teachdeck-spectrogram"
"""Little-endian float32 values without audio; ``meta`` says their shape."""

MetaValue = str | int | float | bool


@dataclass(frozen=True)
class NewSample:
    """A sample that is to be added.

    Parameters
    ----------
    label : str
    content : bytes
        A picture file, a FLAC file, or a bare spectrogram.
    name : str, optional
        The user's file name: shown, never opened.
    media_type : str, optional
        Such as ``"image/png"``; guessed from the content of pictures and FLAC if empty.
    meta : mapping, optional
        A few small facts, such as ``{"rate_hz": 44100}``.
    """

    label: str
    content: bytes
    name: str = ""
    media_type: str = ""
    meta: Mapping[str, MetaValue] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """One labelled sample.

    Parameters
    ----------
    id : str
        Of this sample in its set; two samples of equal content have ids of their own.
    label : str
    content : bytes
    name : str
    digest : str
        SHA-256 of the content, in hexadecimal.
    media_type : str
    meta : mapping
    """

    id: str
    label: str
    content: bytes = field(repr=False)
    name: str = ""
    digest: str = ""
    media_type: str = ""
    meta: Mapping[str, MetaValue] = field(default_factory=dict)


@dataclass(frozen=True)
class Quota:
    """How much one set may hold.

    Parameters
    ----------
    samples : int
    bytes : int
    classes : int
    sample_bytes : int
        Of one sample.
    """

    samples: int = 2000
    bytes: int = 200_000_000
    classes: int = 50
    sample_bytes: int = 25_000_000


@dataclass(frozen=True)
class SampleSnapshot:
    """All of a set at one moment; stays as it is while the set changes.

    Parameters
    ----------
    classes : tuple of str
    samples : tuple of Sample
        In the order of their addition.
    version : int
    """

    classes: tuple[str, ...] = ()
    samples: tuple[Sample, ...] = ()
    version: int = 0

    def of(self, label: str) -> tuple[Sample, ...]:
        """Return the samples of a class."""
        return tuple(sample for sample in self.samples if sample.label == label)

    def counts(self) -> dict[str, int]:
        """Return the number of samples of every class, in the order of the classes."""
        counts = dict.fromkeys(self.classes, 0)
        for sample in self.samples:
            counts[sample.label] += 1
        return counts

    @property
    def total_bytes(self) -> int:
        """Size of all samples."""
        return sum(len(sample.content) for sample in self.samples)


def guess_media_type(content: bytes) -> str:
    """Return the media type of a picture or FLAC file, by its first bytes."""
    for start, media_type in _SIGNATURES:
        if content.startswith(start):
            return media_type
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return "application/octet-stream"


_SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"fLaC", FLAC),
)
