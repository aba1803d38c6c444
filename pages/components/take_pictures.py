"""Small pictures of takes: the waveform as a path, the spectrogram as one picture."""

from __future__ import annotations

import base64
import io
from collections import OrderedDict
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.speech.examples import Example
from core.speech.word_samples import spectrogram_pixels

__all__ = ["TakePictures", "waveform_path"]

_POINTS = 60
_SIZE_PX = (96, 80)
_KEPT = 2000


def waveform_path(samples: NDArray[np.float32]) -> str:
    """Return the outline of a waveform as an SVG path in a box of 60 by 20.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
        Drawn as loud as its loudest part; silence is a line.

    Returns
    -------
    str
    """
    edges = np.linspace(0, len(samples), _POINTS + 1).astype(int)
    peaks = np.array([np.abs(samples[a:b]).max(initial=0.0) for a, b in pairwise(edges)])
    half = 9.5 * peaks / max(float(peaks.max(initial=0.0)), 1e-4) + 0.3
    upper = [f"{x + 0.5:g} {10 - y:.1f}" for x, y in enumerate(half)]
    lower = [f"{x + 0.5:g} {10 + y:.1f}" for x, y in reversed(list(enumerate(half)))]
    return "M" + "L".join([*upper, *lower]) + "Z"


class TakePictures:
    """The pictures of one session's takes, made once each."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[str, str]] = OrderedDict()

    def of(self, digest: str, example: Example) -> tuple[str, str]:
        """Return the spectrogram as a ``data:`` URL and the waveform as a path, or none."""
        if digest not in self._kept:
            wave = "" if example.audio is None else waveform_path(example.audio)
            self._kept[digest] = (_url(example.spectrogram), wave)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return self._kept[digest]


def _url(spectrogram: NDArray[np.float32]) -> str:
    picture = Image.fromarray(spectrogram_pixels(spectrogram))
    buffer = io.BytesIO()
    picture.resize(_SIZE_PX, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
