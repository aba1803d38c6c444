"""The recogniser as an ear of a microphone."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from core.audio.microphone import RATE_HZ
from core.speech import ListeningPipe, Mode, SpeechModel

__all__ = ["SpeechEar"]

_BANDS = 58
_FAINTEST_DB, _LOUDEST_DB = -110.0, -30.0


class SpeechEar:
    """Hears words with a speech model. The microphone's worker calls `hear`, the page the rest.

    Parameters
    ----------
    model : SpeechModel
    mode : SmoothMode or TfjsMode
    """

    def __init__(self, model: SpeechModel, mode: Mode) -> None:
        self.model = model
        self._mode = mode
        self._pipe = ListeningPipe(model, mode)
        self._known = 0
        self._lock = threading.Lock()

    def hear(self, samples: NDArray[np.float32]) -> list[tuple[str, float, float]]:
        """Take the next samples at 44.1 kHz; return (word, probability, time_s) of new events."""
        self._pipe.push(samples, rate_hz=RATE_HZ)
        self._pipe.step()
        self._known, events = self._pipe.events_since(self._known)
        return [(event.word, event.probability, event.time_s) for event in events]

    def wanted_s(self) -> float:
        """Return how many more seconds of sound the next decision needs."""
        return self._pipe.wanted_s()

    def set_mode(self, mode: Mode) -> None:
        """Decide otherwise from now on."""
        with self._lock:
            if mode != self._mode:
                self._mode = mode
                self._pipe.set_mode(mode)

    def scores(self) -> dict[str, float]:
        """Return the latest scores by label, smoothed where the mode smooths."""
        _, smoothed = self._pipe.latest()
        return dict(zip(self.model.labels, smoothed.astype(float).tolist(), strict=True))

    def columns(self, most: int) -> tuple[int, NDArray[np.uint8]]:
        """Return the latest columns of the spectrogram, to be drawn.

        Parameters
        ----------
        most : int

        Returns
        -------
        at : int
            How many columns there were until now.
        columns : ndarray of uint8, shape (n, bands)
            0 for -110 dB and less, 255 for -30 dB and more.
        """
        time_s, latest = self._pipe.latest_columns(most)
        front_end = self.model.front_end
        at = int(time_s / front_end.hop_s + 1e-6)
        bands = min(_BANDS, front_end.bins)
        wide = front_end.bins // bands
        used = latest[:, : bands * wide].reshape(len(latest), bands, wide).max(axis=2)
        part = (used - _FAINTEST_DB) / (_LOUDEST_DB - _FAINTEST_DB)
        return at, np.round(255 * np.clip(part, 0, 1)).astype(np.uint8)
