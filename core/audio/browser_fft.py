"""The front end of TensorFlow.js speech-commands: what a browser's AnalyserNode computes.

A column of the spectrogram is the decibels of the lowest bins of a 2048-point Fourier transform
over the latest 2048 samples, one column every 1024 samples at 44.1 kHz (the library's "fftSize"
of 1024 is the number of bins, not the length of the transform). Sources: the Web Audio
specification (Blackman window, conversion to dB) and @tensorflow-models/speech-commands 0.5.4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache

import numpy as np
from numpy.typing import NDArray

from core.errors import AudioError, UsageError

__all__ = ["BrowserFft", "BrowserFftStream", "Columns", "normalize"]

# The smallest normal float32: what is fainter counts as this, so that no logarithm is infinite.
_LEAST_POWER = float(np.finfo(np.float32).tiny)
# Columns transformed at once; 512 of float64 take 8 MB and stay near the cache.
_CHUNK_COLUMNS = 512
_LEAST_VALUES = 2


@dataclass(frozen=True, eq=False)
class Columns:
    """Spectrogram columns in the order of time.

    Attributes
    ----------
    decibels : ndarray of float32, shape (n, bins)
        20 log10 of the magnitudes, finite.
    silent : ndarray of bool, shape (n,)
        Where the browser would have reported -Infinity for the first bin. The original library
        ignores such columns.
    """

    decibels: NDArray[np.float32]
    silent: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.decibels)


@dataclass(frozen=True)
class BrowserFft:
    """Settings of the front end, and the front end over whole clips.

    Parameters
    ----------
    rate_hz : int
        Sample rate of what is given; sound of other rates is resampled first.
    hop_length : int
        Samples between columns; the transform takes twice as many.
    bins : int
        How many of the lowest frequencies are kept, at most `hop_length`.
    frames : int
        Columns of one spectrogram, the network's input.
    epsilon : float
        Added to the standard deviation when a spectrogram is normalised. Browsers that compute
        on the graphics card have 1e-4, TensorFlow.js on the processor 1e-7.
    floor_db : float or None
        Fainter values are raised to this. None is the browser, which goes down to about -379.
        Digital silence beside sound would otherwise outweigh everything in the normalisation.

    Examples
    --------
    >>> front_end = BrowserFft()
    >>> second = np.sin(2 * np.pi * 64 * np.arange(44100) / 2048)
    >>> spectrogram = front_end.spectrogram(second)
    >>> spectrogram.shape, round(float(spectrogram[20, 64]), 3)
    ((43, 232), -13.556)
    """

    rate_hz: int = 44100
    hop_length: int = 1024
    bins: int = 232
    frames: int = 43
    epsilon: float = 1e-4
    floor_db: float | None = None

    def __post_init__(self) -> None:
        for name in ("rate_hz", "hop_length", "bins", "frames"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise UsageError("audio.front_end", setting=name, value=repr(value)[:40])
        if self.bins > self.hop_length:
            raise UsageError("audio.front_end_bins", bins=self.bins, hop_length=self.hop_length)
        if not (math.isfinite(self.epsilon) and self.epsilon >= 0):
            raise UsageError("audio.front_end", setting="epsilon", value=repr(self.epsilon)[:40])
        if self.floor_db is not None and not math.isfinite(self.floor_db):
            raise UsageError("audio.front_end", setting="floor_db", value=repr(self.floor_db)[:40])

    @property
    def fft_length(self) -> int:
        """Samples that one column is made of."""
        return 2 * self.hop_length

    @property
    def window_samples(self) -> int:
        """Samples that fill one spectrogram: 44,032."""
        return self.frames * self.hop_length

    @property
    def window_s(self) -> float:
        """Length of one spectrogram in seconds: 0.998."""
        return self.window_samples / self.rate_hz

    @property
    def hop_s(self) -> float:
        """Seconds between columns: 0.0232."""
        return self.hop_length / self.rate_hz

    def to_dict(self) -> dict[str, float | int | None]:
        """Return the settings by name, for a model's metadata."""
        return asdict(self)

    @classmethod
    def from_dict(cls, settings: Mapping[str, object]) -> BrowserFft:
        """Return the front end with these settings; unknown names are an error.

        Raises
        ------
        UsageError
            If a name is unknown or a value cannot be.
        """
        known = {field.name for field in fields(cls)}
        for name, value in settings.items():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if name not in known or not (number or (value is None and name == "floor_db")):
                raise UsageError("audio.front_end", setting=name[:40], value=repr(value)[:40])
        return cls(**settings)  # type: ignore[arg-type]  # checked by __post_init__

    def columns(self, samples: NDArray[np.floating]) -> Columns:
        """Return all columns of a clip of any length.

        Parameters
        ----------
        samples : ndarray of float, shape (n,)
            About -1..1 at `rate_hz`. Column ``t`` ends at sample ``(t + 1) * hop_length``; before
            the first sample there is silence, and what does not fill a hop is left out.

        Returns
        -------
        Columns
            ``n // hop_length`` of them.

        Raises
        ------
        AudioError
            If the samples are not one channel of finite numbers.
        """
        stream = BrowserFftStream(self)
        return stream.push(samples)

    def spectrogram(self, samples: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the spectrogram of a clip in dB, as :meth:`spectrograms` does.

        Parameters
        ----------
        samples : ndarray of float, shape (n,)

        Returns
        -------
        ndarray of float32, shape (frames, bins)
        """
        spectrogram: NDArray[np.float32] = self.spectrograms(np.asarray(samples)[np.newaxis])[0]
        return spectrogram

    def spectrograms(self, clips: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the spectrograms of many clips of equal length, in dB and not normalised.

        Parameters
        ----------
        clips : ndarray of float, shape (count, n)
            The first `window_samples` are used; shorter clips end in silence.

        Returns
        -------
        ndarray of float32, shape (count, frames, bins)

        Raises
        ------
        AudioError
            If the samples are not numbers in two dimensions, or not finite.
        """
        clips = np.asarray(clips)
        if clips.ndim != 2 or clips.dtype.kind != "f":
            raise AudioError("audio.clips", shape=str(clips.shape), dtype=str(clips.dtype))
        _require_finite(clips)
        used = clips[:, : self.window_samples]
        padded = np.zeros((len(clips), self.hop_length + self.window_samples), np.float32)
        padded[:, self.hop_length : self.hop_length + used.shape[1]] = used
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.fft_length, axis=1)
        result = np.empty((len(clips), self.frames, self.bins), np.float32)
        step = max(1, _CHUNK_COLUMNS // self.frames)
        for at in range(0, len(clips), step):
            hops = frames[at : at + step, :: self.hop_length]
            result[at : at + step] = self._decibels(hops)[0]
        return result

    def features(self, clips: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the network's input for many clips of equal length.

        Parameters
        ----------
        clips : ndarray of float, shape (count, n)

        Returns
        -------
        ndarray of float32, shape (count, frames, bins, 1)
            Spectrograms, each normalised by itself.
        """
        return self.normalize(self.spectrograms(clips))[..., np.newaxis]

    def normalize(self, spectrograms: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return spectrograms with mean 0 and standard deviation 1, as :func:`normalize` does."""
        return normalize(spectrograms, epsilon=self.epsilon)

    def _decibels(
        self, frames: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the dB of frames [..., fft_length], and where the first bin is zero."""
        spectrum = np.fft.rfft(frames * _blackman(self.fft_length), axis=-1)[..., : self.bins]
        power = spectrum.real**2 + spectrum.imag**2
        silent = power[..., 0] == 0.0
        decibels = 10.0 * np.log10(np.maximum(power, _LEAST_POWER))
        if self.floor_db is not None:
            np.maximum(decibels, self.floor_db, out=decibels)
        return decibels.astype(np.float32), silent


class BrowserFftStream:
    """The front end over sound that arrives in blocks; one thread at a time.

    Parameters
    ----------
    front_end : BrowserFft
    """

    def __init__(self, front_end: BrowserFft) -> None:
        self.front_end = front_end
        # The half window before the first sample is silence.
        self._kept = np.zeros(front_end.hop_length, np.float32)

    @property
    def waiting(self) -> int:
        """How many samples came since the last column was complete; less than a hop."""
        return len(self._kept) - self.front_end.hop_length

    def push(self, samples: NDArray[np.floating]) -> Columns:
        """Take the next samples and return the columns that they complete.

        Parameters
        ----------
        samples : ndarray of float, shape (n,)
            Of any length; however the sound is cut, the columns are the same.

        Returns
        -------
        Columns

        Raises
        ------
        AudioError
            If the samples are not one channel of finite numbers.
        """
        samples = np.asarray(samples)
        if samples.ndim != 1 or samples.dtype.kind != "f":
            raise AudioError("audio.samples", shape=str(samples.shape), dtype=str(samples.dtype))
        _require_finite(samples)
        front_end = self.front_end
        self._kept = np.concatenate([self._kept, samples.astype(np.float32, copy=False)])
        count = len(self._kept) // front_end.hop_length - 1
        decibels = np.empty((max(count, 0), front_end.bins), np.float32)
        silent = np.empty(max(count, 0), np.bool_)
        if count > 0:
            windows = np.lib.stride_tricks.sliding_window_view(self._kept, front_end.fft_length)
            hops = windows[:: front_end.hop_length]
            for at in range(0, count, _CHUNK_COLUMNS):
                part = slice(at, at + _CHUNK_COLUMNS)
                decibels[part], silent[part] = front_end._decibels(hops[part])
            self._kept = self._kept[count * front_end.hop_length :].copy()
        return Columns(decibels, silent)


def normalize(spectrograms: NDArray[np.floating], *, epsilon: float = 1e-4) -> NDArray[np.float32]:
    """Return each spectrogram with mean 0 and standard deviation 1.

    Parameters
    ----------
    spectrograms : ndarray of float, shape (..., frames, bins)
        The last two axes are one spectrogram, normalised as a whole.
    epsilon : float, optional
        Added to the population standard deviation; a constant spectrogram becomes zeros.

    Returns
    -------
    ndarray of float32
        Of the same shape.

    Raises
    ------
    AudioError
        If a spectrogram has fewer than two values.

    Examples
    --------
    >>> normalize(np.array([[1.0, 2.0, 3.0, 4.0]]), epsilon=1e-7).round(4).tolist()
    [[-1.3416..., -0.4472..., 0.4472..., 1.3416...]]
    """
    values = np.asarray(spectrograms, np.float32)
    if values.ndim < 2 or values.shape[-1] * values.shape[-2] < _LEAST_VALUES:
        raise AudioError("audio.too_few_values", shape=str(values.shape))
    # Sums over 10,000 values lose digits in float32; the result is float32 all the same.
    mean = values.mean(axis=(-2, -1), keepdims=True, dtype=np.float64)
    deviation = values.std(axis=(-2, -1), keepdims=True, dtype=np.float64)
    centred = values - mean
    with np.errstate(invalid="ignore"):
        scaled = centred / (deviation + epsilon)
    # 0 / 0, where everything is equal and epsilon is 0.
    result: NDArray[np.float32] = np.nan_to_num(scaled, nan=0.0).astype(np.float32)
    return result


def _require_finite(samples: NDArray[np.floating]) -> None:
    if not np.isfinite(samples).all():
        raise AudioError("audio.not_finite", count=int((~np.isfinite(samples)).sum()))


@cache
def _blackman(length: int) -> NDArray[np.float64]:
    """Return the periodic Blackman window of the Web Audio specification over its length."""
    turn = 2 * np.pi * np.arange(length) / length
    alpha = 0.16
    window = (1 - alpha) / 2 - 0.5 * np.cos(turn) + alpha / 2 * np.cos(2 * turn)
    # The specification divides the transform by its length.
    scaled: NDArray[np.float64] = window / length
    scaled.setflags(write=False)
    return scaled
