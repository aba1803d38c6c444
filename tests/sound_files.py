"""Sound files in many formats, written with FFmpeg."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

# name -> (container, codec, sample format)
FORMATS = {
    "wav": ("wav", "pcm_s16le", "s16"),
    "wav24": ("wav", "pcm_s24le", "s32"),
    "wavfloat": ("wav", "pcm_f32le", "flt"),
    "wav8": ("wav", "pcm_u8", "u8"),
    "flac": ("flac", "flac", "s16"),
    "opus": ("ogg", "libopus", "flt"),
    "mp3": ("mp3", "libmp3lame", "fltp"),
    "m4a": ("ipod", "aac", "fltp"),
    "webm": ("webm", "libopus", "flt"),
}
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}


def sound_file(
    samples: NDArray[np.floating],
    name: str = "wav",
    *,
    rate_hz: int = 44_100,
    channels: int = 1,
    video: bool = False,
    sound: bool = True,
) -> bytes:
    """Return a file with the same sound in every channel, after a few black pictures if wanted."""
    buffer = io.BytesIO()
    if name == "ogg" or channels not in LAYOUTS:
        # Vorbis and 7.1 are not what PyAV's wheels write.
        planes = np.repeat(np.asarray(samples, np.float32)[:, np.newaxis], channels, axis=1)
        kind = ("OGG", "VORBIS") if name == "ogg" else ("WAV", "PCM_16")
        soundfile.write(buffer, planes, rate_hz, format=kind[0], subtype=kind[1])
        return buffer.getvalue()
    container, codec, sample_format = FORMATS[name]
    with av.open(buffer, "w", format="mp4" if video else container) as output:
        pictures = None
        if video:
            pictures = output.add_stream("mpeg4", rate=10)
            pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        stream = None
        if sound:
            stream = output.add_stream(codec, rate=rate_hz)
            stream.layout = LAYOUTS[channels]
            stream.format = sample_format
        if pictures is not None:
            for number in range(10):
                picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")
                picture.pts, picture.time_base = number, Fraction(1, 10)
                output.mux(pictures.encode(picture))
            output.mux(pictures.encode(None))
        if stream is not None:
            planar = np.repeat(np.asarray(samples, np.float32)[np.newaxis], channels, axis=0)
            resampler = av.AudioResampler(sample_format, LAYOUTS[channels], rate_hz)
            fifo = av.AudioFifo()
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(planar), format="fltp", layout=LAYOUTS[channels]
            )
            frame.sample_rate = rate_hz
            for converted in (*resampler.resample(frame), *resampler.resample(None)):
                converted.pts = None
                fifo.write(converted)
            size = stream.codec_context.frame_size or 1024
            while (piece := fifo.read(size, partial=True)) is not None:
                output.mux(stream.encode(piece))
            output.mux(stream.encode(None))
    return buffer.getvalue()
