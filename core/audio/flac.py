"""Sound as 16-bit FLAC: what recordings are kept as."""

from __future__ import annotations

import io

import av
import numpy as np
from numpy.typing import NDArray

from core.errors import AudioError

__all__ = ["encode_flac"]

_FULL_SCALE = 32767


def encode_flac(samples: NDArray[np.floating], rate_hz: int) -> bytes:
    """Return one channel of sound as a FLAC file.

    Parameters
    ----------
    samples : ndarray of float, shape (n,)
        About -1..1; what is beyond is clipped. At least one.
    rate_hz : int

    Returns
    -------
    bytes
        16 bits a sample. The same samples give the same bytes.

    Raises
    ------
    AudioError
        If the samples are not one channel of finite numbers.

    Examples
    --------
    >>> encode_flac(np.zeros(100), 16_000)[:4]
    b'fLaC'
    """
    samples = np.asarray(samples)
    if samples.ndim != 1 or samples.dtype.kind != "f" or not len(samples):
        raise AudioError("audio.samples", shape=str(samples.shape), dtype=str(samples.dtype))
    if not np.isfinite(samples).all():
        raise AudioError("audio.not_finite", count=int((~np.isfinite(samples)).sum()))
    pcm = np.round(np.clip(samples, -1, 1) * _FULL_SCALE).astype(np.int16)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=rate_hz)
        stream.codec_context.layout = "mono"
        stream.codec_context.format = "s16"
        frame = av.AudioFrame.from_ndarray(pcm[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = rate_hz
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return buffer.getvalue()
