"""Sound files of any kind to float32 samples of one channel and one rate, in constant memory."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
from numpy.typing import NDArray

from core.audio.resample import MAX_CHANNELS, MAX_RATE_HZ, MIN_RATE_HZ, Resampler, to_mono
from core.errors import AudioError, Note

__all__ = ["MAX_BYTES", "AudioStream", "DecodedAudio", "SoundSource", "decode_audio", "open_audio"]

SoundSource = bytes | str | os.PathLike[str] | BinaryIO

MAX_BYTES = 200 * 1024 * 1024  # of a file that is given as bytes; a path is read piece by piece
MAX_STREAM_S = 12 * 3600.0
_MAX_CLIP_S = 900.0
# Demuxers of sound and of videos that hold sound. Playlists and the like, which would make FFmpeg
# open further files or addresses, are none of them.
_FORMATS = (
    "wav,w64,aiff,flac,ogg,mp3,aac,ac3,eac3,amr,amrnb,amrwb,au,caf,ape,wv,tta,mpc,mpc8,asf,"
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv"
)
_OPTIONS = {"format_whitelist": _FORMATS, "protocol_whitelist": ""}
# A block of the stream: long enough to be efficient, short enough to show progress.
_BLOCK_SAMPLES = 44_100
_CLIPPED = 0.999
_CLIPPED_SHARE = 0.01
_OFFSET = 0.05
_DAMAGED_PACKETS_IN_A_ROW = 100
# Shorter than the file's own word by more than coders' rounding: its end is missing.
_WHOLE_SHARE = 0.98
_WHOLE_SLACK_S = 0.1


@dataclass(frozen=True, eq=False)
class DecodedAudio:
    """A whole clip in memory.

    Attributes
    ----------
    samples : ndarray of float32, shape (n,)
        One channel, about -1..1.
    rate_hz : int
        Of the samples.
    format : str
        Of the file, such as ``"wav"`` or ``"ogg"``.
    source_rate_hz, source_channels : int
        What the file had.
    notes : tuple of Note
        What should be known: damaged parts, clipping, silence.
    """

    samples: NDArray[np.float32]
    rate_hz: int
    format: str
    source_rate_hz: int
    source_channels: int
    notes: tuple[Note, ...] = ()

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate_hz


def decode_audio(
    source: SoundSource, *, rate_hz: int = 44_100, max_s: float = _MAX_CLIP_S
) -> DecodedAudio:
    """Return the sound of a file, mixed to one channel and resampled.

    Parameters
    ----------
    source : bytes, path or binary file
        WAV, FLAC, OGG, MP3, M4A, WebM and others, told by their content; of a video the sound.
    rate_hz : int, optional
    max_s : float, optional
        Longer sound is refused before it is kept.

    Returns
    -------
    DecodedAudio

    Raises
    ------
    AudioError
        If the file holds no sound that can be used; the sentence says what it is instead.
    """
    with open_audio(source, rate_hz=rate_hz, max_s=max_s) as stream:
        blocks = list(stream)
        samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
        return DecodedAudio(
            samples,
            rate_hz,
            stream.format,
            stream.source_rate_hz,
            stream.source_channels,
            stream.notes,
        )


def open_audio(
    source: SoundSource, *, rate_hz: int = 44_100, max_s: float = MAX_STREAM_S
) -> AudioStream:
    """Open a sound file to be read block by block.

    Parameters
    ----------
    source : bytes, path or binary file
    rate_hz : int, optional
    max_s : float, optional
        Reading ends with an error where the sound is longer.

    Returns
    -------
    AudioStream
        A context manager and an iterator of blocks.

    Raises
    ------
    AudioError
        If the file holds no sound that can be used.
    """
    return AudioStream(source, rate_hz=rate_hz, max_s=max_s)


class AudioStream:
    """A sound file that is read block by block; one thread at a time.

    Iterating yields float32 blocks, shape (n,), of one channel at `rate_hz`. Memory does not grow
    with the length of the file.

    Parameters
    ----------
    source : bytes, path or binary file
    rate_hz : int
    max_s : float

    Attributes
    ----------
    format : str
        Such as ``"wav"``.
    source_rate_hz, source_channels : int
    duration_s : float or None
        As the file says, which may be wrong; None where it does not say.
    """

    def __init__(self, source: SoundSource, *, rate_hz: int, max_s: float) -> None:
        self.rate_hz = rate_hz
        self._max_samples = int(max_s * rate_hz)
        self._max_s = max_s
        self._resources = ExitStack()
        self._notes: dict[str, Note] = {}
        self._state = _Statistics()
        try:
            file = _file(source, self._resources)
            self._container, self._stream = _open(file, self._resources)
            if _wav_is_cut(file):
                self._note("audio.note_truncated")
        except BaseException:
            self._resources.close()
            raise
        self.format = self._container.format.name.split(",")[0]
        context = self._stream.codec_context
        self.source_rate_hz = int(context.sample_rate or 0)
        self.source_channels = int(context.channels or 0)
        self.duration_s = _duration_s(self._container, self._stream)
        self._resampler: Resampler | None = None

    def __enter__(self) -> AudioStream:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the file."""
        self._resources.close()

    @property
    def notes(self) -> tuple[Note, ...]:
        """What should be known about the part that was read so far."""
        return (*self._notes.values(), *self._state.notes())

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        """Yield the sound from the beginning; can be done once."""
        waiting: list[NDArray[np.float32]] = []
        count = total = 0
        for block in self._resampled():
            total += len(block)
            if total > self._max_samples:
                raise AudioError("audio.too_long", limit_min=self._max_s / 60)
            waiting.append(block)
            count += len(block)
            if count >= _BLOCK_SAMPLES:
                yield np.concatenate(waiting)
                waiting, count = [], 0
        if total == 0:
            raise AudioError("audio.no_samples", format=self.format)
        said_s = self.duration_s or 0.0
        if total / self.rate_hz < _WHOLE_SHARE * said_s - _WHOLE_SLACK_S:
            self._note("audio.note_truncated")
        if count:
            yield np.concatenate(waiting)

    def _resampled(self) -> Iterator[NDArray[np.float32]]:
        rate_hz = 0
        for frame in self._frames():
            if frame.sample_rate != rate_hz:
                # Chained files may change their rate on the way.
                if self._resampler is not None:
                    yield self._resampler.flush()
                rate_hz = int(frame.sample_rate)
                self._resampler = Resampler(rate_hz, self.rate_hz)
                self.source_rate_hz = self.source_rate_hz or rate_hz
            channels = len(frame.layout.channels)
            self.source_channels = self.source_channels or channels
            layout: Any = "planar" if frame.format.is_planar else "interleaved"
            mono = to_mono(frame.to_ndarray(), channels=channels, layout=layout)
            if not np.isfinite(mono).all():
                raise AudioError("audio.not_finite", count=int((~np.isfinite(mono)).sum()))
            self._state.add(mono)
            assert self._resampler is not None  # noqa: S101  # made for the first frame
            yield self._resampler.push(mono)
        if self._resampler is not None:
            yield self._resampler.flush()

    def _frames(self) -> Iterator[Any]:
        """Yield the decoder's frames; damaged packets are left out and noted."""
        damaged = 0
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (av.FFmpegError, OSError):
                self._note("audio.note_truncated")
                return
            try:
                yield from packet.decode()
                damaged = 0
            except EOFError:
                return
            except av.FFmpegError:
                self._note("audio.note_damaged")
                damaged += 1
                if damaged > _DAMAGED_PACKETS_IN_A_ROW:
                    return

    def _note(self, code: str) -> None:
        self._notes.setdefault(code, Note(code))


class _Statistics:
    """What a listener would notice: silence, clipping, a constant offset."""

    def __init__(self) -> None:
        self._count = 0
        self._clipped = 0
        self._sum = 0.0
        self._peak = 0.0

    def add(self, mono: NDArray[np.float32]) -> None:
        if len(mono):
            loudness = np.abs(mono)
            self._count += len(mono)
            self._clipped += int((loudness >= _CLIPPED).sum())
            self._sum += float(mono.sum(dtype=np.float64))
            self._peak = max(self._peak, float(loudness.max()))

    def notes(self) -> tuple[Note, ...]:
        if not self._count:
            return ()
        found = []
        if self._peak == 0.0:
            found.append(Note("audio.note_silent"))
        share = self._clipped / self._count
        if share > _CLIPPED_SHARE:
            found.append(Note("audio.note_clipped", {"percent": 100 * share}))
        offset = self._sum / self._count
        if abs(offset) > _OFFSET:
            found.append(Note("audio.note_offset", {"offset": offset}))
        return tuple(found)


def _open(file: BinaryIO, resources: ExitStack) -> tuple[Any, Any]:
    """Return the container and its stream of sound, both checked."""
    head = file.read(512)
    file.seek(0)
    if not head:
        raise AudioError("audio.empty")
    try:
        container = av.open(file, mode="r", options=_OPTIONS, metadata_errors="ignore")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _unreadable(head) from error
    resources.callback(container.close)
    if not container.streams.audio:
        raise AudioError("audio.no_sound", format=container.format.name.split(",")[0])
    stream: Any = container.streams.audio[0]
    context = stream.codec_context
    if context is None:
        raise AudioError("audio.codec", format=container.format.name.split(",")[0])
    # A thread pool a file costs more than it gains here.
    stream.thread_type = "NONE"
    rate_hz, channels = int(context.sample_rate or 0), int(context.channels or 0)
    if rate_hz and not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise AudioError("audio.rate", rate_hz=rate_hz, least_hz=MIN_RATE_HZ, most_hz=MAX_RATE_HZ)
    if channels > MAX_CHANNELS:
        raise AudioError("audio.channels", channels=channels, limit=MAX_CHANNELS)
    return container, stream


def _file(source: SoundSource, resources: ExitStack) -> BinaryIO:
    if isinstance(source, bytes | bytearray | memoryview):
        if len(source) > MAX_BYTES:
            raise AudioError(
                "audio.too_many_bytes",
                megabytes=len(source) / 1e6,
                limit_megabytes=MAX_BYTES / 1e6,
            )
        return io.BytesIO(source)
    if not isinstance(source, str | os.PathLike):
        return source
    try:
        # FFmpeg is given the open file, never the name: a name may be an address or a pattern.
        return resources.enter_context(Path(source).open("rb"))
    except FileNotFoundError as error:
        raise AudioError("audio.no_file") from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise AudioError("audio.unreadable", reason=reason) from error


def _wav_is_cut(file: BinaryIO) -> bool:
    """Say whether a WAV file has fewer bytes than its first header says; FFmpeg does not tell."""
    at = file.tell()
    file.seek(0)
    head = file.read(8)
    size = file.seek(0, io.SEEK_END)
    file.seek(at)
    said = int.from_bytes(head[4:8], "little")
    # Programs that write to a pipe cannot know the length and put a largest number.
    return head[:4] == b"RIFF" and size < said + 8 < 1 << 31


def _unreadable(head: bytes) -> AudioError:
    """Return the error that says what a file is instead of sound."""
    if head.startswith((b"RIFF", b"RF64", b"fLaC", b"OggS", b"ID3", b"FORM", b"\x1aE\xdf\xa3")):
        return AudioError("audio.damaged")
    if head[4:8] == b"ftyp" and head[8:12] not in (b"heic", b"heix", b"mif1", b"avif"):
        # The table that tells where the sound is lies at the end of such files.
        return AudioError("audio.damaged")
    if head.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF", b"PK\x03\x04", b"BM")):
        return AudioError("audio.other_file")
    try:
        text = head[:-3].decode("utf-8") if len(head) == 512 else head.decode("utf-8")
    except UnicodeDecodeError:
        return AudioError("audio.unknown")
    readable = not re.search(r"[\x00-\x08\x0e-\x1f]", text)
    return AudioError("audio.text" if readable else "audio.unknown")


def _duration_s(container: Any, stream: Any) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        seconds = float(stream.duration * stream.time_base)
    elif container.duration is not None:
        seconds = container.duration / av.time_base
    else:
        return None
    return seconds if 0 < seconds < 1e7 else None
