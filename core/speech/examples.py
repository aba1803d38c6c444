"""Recorded examples of words, in the file format of TensorFlow.js speech-commands (data.bin).

The layout is that of ``Dataset.serialize()`` in @tensorflow-models/speech-commands 0.5.4: the
eight letters ``TFJSSCDS``, a version, the length of a JSON list, the list with an object for each
example, then the float32 values of every spectrogram and, where there is one, of its recording.
All numbers are little-endian. The original reads it without any check; here everything that the
file claims is compared with its size before an array is made.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import AudioError, ModelError, Note, UsageError
from core.tfjs.limits import parse_json

__all__ = [
    "Example",
    "ExampleFile",
    "in_file_order",
    "read_examples",
    "write_examples",
]

MAX_FILE_BYTES = 256 * 1024 * 1024
MAX_EXAMPLES = 20_000
MAX_LABEL_LENGTH = 200
_MAX_SIDE = 1_000_000
_MAGIC = b"TFJSSCDS"
_VERSION = 1
_HEADER = struct.Struct("<8sII")
_LEAST_RATE_HZ, _MOST_RATE_HZ = 1_000, 768_000


@dataclass(frozen=True, eq=False)
class Example:
    """One take of a word, or of background noise.

    Attributes
    ----------
    label : str
        The word; ``"_background_noise_"`` for noise.
    spectrogram : ndarray of float32, shape (frames, bins)
        As the file holds it. The original library normalises it over the whole take before it
        stores it.
    key_frame : int or None
        The column in which the word is, where somebody has said so.
    audio : ndarray of float32, shape (n,), or None
        The recording, about -1..1. Without it the example trains and shows, but cannot be played.
    rate_hz : float
        Of `audio`; 0 without.
    """

    label: str
    spectrogram: NDArray[np.float32]
    key_frame: int | None = None
    audio: NDArray[np.float32] | None = None
    rate_hz: float = 0.0

    @property
    def frames(self) -> int:
        """Number of columns."""
        return len(self.spectrogram)

    @property
    def bins(self) -> int:
        """Values in one column."""
        return int(self.spectrogram.shape[1])


@dataclass(frozen=True, eq=False)
class ExampleFile:
    """What a file held.

    Attributes
    ----------
    examples : tuple of Example
        In the order of the file.
    notes : tuple of Note
        What was left out.
    """

    examples: tuple[Example, ...]
    notes: tuple[Note, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Number of examples by word, in the order of the file."""
        counts: dict[str, int] = {}
        for example in self.examples:
            counts[example.label] = counts.get(example.label, 0) + 1
        return counts


def read_examples(source: bytes | str | os.PathLike[str]) -> ExampleFile:
    """Read a data.bin.

    Parameters
    ----------
    source : bytes or path
        The file's content, or where it is.

    Returns
    -------
    ExampleFile
        Examples with values that are not finite are left out and counted in a note.

    Raises
    ------
    AudioError
        If the file is not of this format, damaged, cut off, or larger than this module's limits.
    """
    data = source if isinstance(source, bytes) else _file_content(Path(source))
    if len(data) > MAX_FILE_BYTES:
        raise _too_large(len(data))
    if data[: len(_MAGIC)] != _MAGIC:
        raise AudioError("examples.not_examples", begin=repr(data[: len(_MAGIC)])[1:])
    if len(data) < _HEADER.size:
        raise AudioError("examples.cut_off", expected=_HEADER.size, received=len(data))
    _, version, manifest_bytes = _HEADER.unpack_from(data)
    if version != _VERSION:
        raise AudioError("examples.version", version=version)
    begin = _HEADER.size + manifest_bytes
    if begin > len(data):
        raise AudioError("examples.cut_off", expected=begin, received=len(data))
    entries = _entries(data[_HEADER.size : begin])
    end = begin + sum(entry.size_bytes for entry in entries)
    if end > len(data):
        raise AudioError("examples.cut_off", expected=end, received=len(data))
    if end < len(data):
        raise AudioError(
            "examples.surplus", expected=end, received=len(data), surplus=len(data) - end
        )
    examples = []
    at = begin
    for entry in entries:
        example = entry.read(data, at)
        at += entry.size_bytes
        audio = example.audio
        if np.isfinite(example.spectrogram).all() and (
            audio is None or bool(np.isfinite(audio).all())
        ):
            examples.append(example)
    left_out = len(entries) - len(examples)
    notes = (Note("examples.note_not_finite", {"count": left_out}),) if left_out else ()
    return ExampleFile(tuple(examples), notes)


def write_examples(examples: Iterable[Example], labels: Sequence[str] | None = None) -> bytes:
    """Return a data.bin that the original library reads, the same bytes as it writes.

    Parameters
    ----------
    examples : iterable of Example
    labels : sequence of str, optional
        Only the examples of these words.

    Returns
    -------
    bytes
        Words in the original's order, and the examples of one word as they were given.

    Raises
    ------
    UsageError
        If there is no example, or none of a word in `labels`.
    """
    kept = in_file_order(examples)
    if not kept:
        raise UsageError("examples.none")
    if labels is not None:
        known = {example.label for example in kept}
        for label in labels:
            if label not in known:
                raise UsageError(
                    "examples.unknown_label", label=label, known=", ".join(sorted(known))[:500]
                )
        kept = [example for example in kept if example.label in labels]
    manifest = json.dumps(
        [_manifest_entry(example) for example in kept], ensure_ascii=False, separators=(",", ":")
    ).encode()
    parts = [_HEADER.pack(_MAGIC, _VERSION, len(manifest)), manifest]
    for example in kept:
        parts.append(np.ascontiguousarray(example.spectrogram, "<f4").tobytes())
        if example.audio is not None:
            parts.append(np.ascontiguousarray(example.audio, "<f4").tobytes())
    return b"".join(parts)


def in_file_order(examples: Iterable[Example]) -> list[Example]:
    """Return examples sorted by word as JavaScript sorts text, by UTF-16 code units; stable."""
    return sorted(examples, key=lambda example: example.label.encode("utf-16-be"))


@dataclass(frozen=True)
class _Entry:
    """One object of the manifest, checked."""

    label: str
    frames: int
    bins: int
    key_frame: int | None
    samples: int | None
    rate_hz: float

    @property
    def size_bytes(self) -> int:
        return 4 * (self.frames * self.bins + (self.samples or 0))

    def read(self, data: bytes, at: int) -> Example:
        values = np.frombuffer(data, "<f4", self.frames * self.bins, at)
        audio = None
        if self.samples is not None:
            audio = np.frombuffer(data, "<f4", self.samples, at + values.nbytes).astype(np.float32)
        spectrogram = values.reshape(self.frames, self.bins).astype(np.float32)
        return Example(self.label, spectrogram, self.key_frame, audio, self.rate_hz)


def _file_content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise _too_large(size)
        return path.read_bytes()
    except OSError:
        raise AudioError("examples.no_file") from None


def _too_large(size: int) -> AudioError:
    return AudioError(
        "examples.too_large", megabytes=size / 1e6, limit_megabytes=MAX_FILE_BYTES / 1e6
    )


def _entries(content: bytes) -> list[_Entry]:
    try:
        manifest = parse_json(content, name="data.bin")
    except ModelError as error:
        raise AudioError("examples.manifest", detail=error.message[:200]) from None
    if not isinstance(manifest, list) or not all(isinstance(item, dict) for item in manifest):
        raise AudioError("examples.manifest", detail=f"it is a {type(manifest).__name__}")
    if len(manifest) > MAX_EXAMPLES:
        raise AudioError("examples.too_many", count=len(manifest), limit=MAX_EXAMPLES)
    return [_entry(item, number) for number, item in enumerate(manifest, start=1)]


def _entry(item: Mapping[str, Any], number: int) -> _Entry:
    label = item.get("label")
    if not isinstance(label, str) or not 1 <= len(label) <= MAX_LABEL_LENGTH or not label.strip():
        raise AudioError(
            "examples.label", number=number, value=repr(label)[:60], limit=MAX_LABEL_LENGTH
        )
    frames = _whole(item, "spectrogramNumFrames", number, least=1, most=_MAX_SIDE)
    bins = _whole(item, "spectrogramFrameSize", number, least=1, most=_MAX_SIDE)
    key_frame = None
    if item.get("spectrogramKeyFrameIndex") is not None:
        key_frame = _whole(item, "spectrogramKeyFrameIndex", number, least=0, most=frames - 1)
    samples, rate_hz = None, 0.0
    if item.get("rawAudioNumSamples") is not None:
        samples = _whole(item, "rawAudioNumSamples", number, least=0, most=MAX_FILE_BYTES)
        rate = item.get("rawAudioSampleRateHz")
        if (
            isinstance(rate, bool)
            or not isinstance(rate, int | float)
            or not _LEAST_RATE_HZ <= rate <= _MOST_RATE_HZ
        ):
            expected = f"a number from {_LEAST_RATE_HZ} to {_MOST_RATE_HZ}"
            raise _bad_field(number, "rawAudioSampleRateHz", rate, expected)
        rate_hz = rate
    return _Entry(label, frames, bins, key_frame, samples, rate_hz)


def _whole(item: Mapping[str, Any], field: str, number: int, *, least: int, most: int) -> int:
    value = item.get(field)
    # JavaScript writes whole numbers without a point; another writer may not.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise _bad_field(number, field, value, f"a whole number from {least} to {most}")
    return value


def _bad_field(number: int, field: str, value: object, expected: str) -> AudioError:
    return AudioError(
        "examples.field", number=number, field=field, value=repr(value)[:60], expected=expected
    )


def _manifest_entry(example: Example) -> dict[str, str | int | float]:
    entry: dict[str, str | int | float] = {
        "label": example.label,
        "spectrogramNumFrames": example.frames,
        "spectrogramFrameSize": example.bins,
    }
    if example.key_frame is not None:
        entry["spectrogramKeyFrameIndex"] = example.key_frame
    if example.audio is not None:
        entry["rawAudioNumSamples"] = len(example.audio)
        rate_hz = example.rate_hz
        entry["rawAudioSampleRateHz"] = int(rate_hz) if rate_hz == int(rate_hz) else rate_hz
    return entry
