"""From sound of any kind to the numbers that a speech network reads."""

from core.audio.browser_fft import BrowserFft, BrowserFftStream, Columns, normalize
from core.audio.clip import fit_clip
from core.audio.decode import (
    AudioStream,
    DecodedAudio,
    SoundSource,
    decode_audio,
    open_audio,
)
from core.audio.resample import PromptResampler, Resampler, to_mono
from core.audio.ring import RingBuffer
from core.audio.wav import encode_wav

__all__ = [
    "AudioStream",
    "BrowserFft",
    "BrowserFftStream",
    "Columns",
    "DecodedAudio",
    "PromptResampler",
    "Resampler",
    "RingBuffer",
    "SoundSource",
    "decode_audio",
    "encode_wav",
    "fit_clip",
    "normalize",
    "open_audio",
    "to_mono",
]
