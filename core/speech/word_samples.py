"""Takes of words as labelled samples, the form in which they are kept, undone and saved."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from core.audio.browser_fft import BrowserFft
from core.audio.decode import decode_audio
from core.audio.flac import encode_flac
from core.datasets.samples import FLAC, SPECTROGRAM, NewSample, Sample
from core.errors import UsageError
from core.speech.examples import Example
from core.vision.colormap import VIRIDIS

__all__ = ["example_of", "flac_zip", "sample_of", "spectrogram_pixels"]

_SHOWN_STANDARD_DEVIATIONS = (-1.6, 2.6)


def sample_of(example: Example, *, name: str = "") -> NewSample:
    """Return a take as a sample: its recording as 16-bit FLAC, or its spectrogram without one.

    Parameters
    ----------
    example : Example
    name : str, optional

    Returns
    -------
    NewSample
    """
    if example.audio is not None:
        content = encode_flac(example.audio, int(example.rate_hz))
        return NewSample(example.label, content, name, FLAC, {"rate_hz": int(example.rate_hz)})
    meta: dict[str, str | int | float | bool] = {"frames": example.frames, "bins": example.bins}
    if example.key_frame is not None:
        meta["key_frame"] = example.key_frame
    content = np.ascontiguousarray(example.spectrogram, "<f4").tobytes()
    return NewSample(example.label, content, name, SPECTROGRAM, meta)


def example_of(sample: Sample, front_end: BrowserFft) -> Example:
    """Return the take that a sample holds.

    Parameters
    ----------
    sample : Sample
    front_end : BrowserFft
        Makes the spectrogram of a recording; a bare spectrogram stays as it is.

    Returns
    -------
    Example

    Raises
    ------
    UsageError, AudioError
        If the sample is none of these, or damaged.
    """
    if sample.media_type == SPECTROGRAM:
        frames, bins = sample.meta.get("frames"), sample.meta.get("bins")
        if (
            not isinstance(frames, int)
            or not isinstance(bins, int)
            or min(frames, bins) < 1
            or 4 * frames * bins != len(sample.content)
        ):
            raise UsageError("words.sample", label=sample.label)
        values = np.frombuffer(sample.content, "<f4").reshape(frames, bins).astype(np.float32)
        if not np.isfinite(values).all():
            raise UsageError("words.sample", label=sample.label)
        key_frame = sample.meta.get("key_frame")
        known = isinstance(key_frame, int) and 0 <= key_frame < frames
        return Example(sample.label, values, int(key_frame) if known else None)  # type: ignore[arg-type]
    sound = decode_audio(sample.content, rate_hz=front_end.rate_hz, max_s=30)
    spectrogram = front_end.normalize(front_end.spectrogram(sound.samples))
    return Example(sample.label, spectrogram, None, sound.samples, float(front_end.rate_hz))


def flac_zip(examples: Iterable[Example]) -> bytes:
    """Return the recordings as a zip of word folders; takes without a recording are left out.

    Raises
    ------
    UsageError
        If no take has a recording.
    """
    buffer = io.BytesIO()
    counts: Counter[str] = Counter()
    with zipfile.ZipFile(buffer, "w") as archive:
        for example in examples:
            if example.audio is None:
                continue
            counts[example.label] += 1
            # A label is text: what a path or a system would misread becomes a line.
            folder = "".join("_" if c in '\\/:*?"<>|.' or c < " " else c for c in example.label)
            entry = zipfile.ZipInfo(
                f"{folder}/{counts[example.label]:03}.flac", (2026, 1, 1, 0, 0, 0)
            )
            archive.writestr(entry, encode_flac(example.audio, int(example.rate_hz)))
    if not counts:
        raise UsageError("words.no_recordings")
    return buffer.getvalue()


def spectrogram_pixels(spectrogram: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a normalised spectrogram as colours, time to the right and pitch upwards."""
    low, high = _SHOWN_STANDARD_DEVIATIONS
    shares = np.clip((spectrogram.T[::-1] - low) / (high - low), 0, 1)
    pixels: NDArray[np.uint8] = VIRIDIS[(255 * shares).astype(np.uint8)]
    return pixels
