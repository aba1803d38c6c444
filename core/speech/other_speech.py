"""Speech that is none of the taught words, so that a taught model can say so.

A few minutes of synthetic voices in several languages come with the project
(``models/other_speech.ogg``, spoken by ``models/training/other_speech.py``). Heads learn them as
``_unknown_``, the label that the original's own model has for all other words.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.audio import BrowserFft
from core.audio.decode import decode_audio
from core.speech.examples import Example
from core.speech.labels import UNKNOWN_TAG

__all__ = ["OTHER_SPEECH", "other_speech_examples", "other_speech_windows"]

OTHER_SPEECH = Path(__file__).resolve().parents[2] / "models" / "other_speech.ogg"
_HOP_S = 0.5
_BATCH = 64


@lru_cache(maxsize=4)
def other_speech_windows(front_end: BrowserFft) -> NDArray[np.float32]:
    """Return every half second's window of the other speech, as a network gets it.

    Parameters
    ----------
    front_end : BrowserFft
        Of the base model.

    Returns
    -------
    ndarray of float32, shape (n, frames, bins, 1)
        Normalised, read-only; about 440 windows.
    """
    samples = decode_audio(OTHER_SPEECH, rate_hz=front_end.rate_hz).samples
    size, hop = front_end.window_samples, round(_HOP_S * front_end.rate_hz)
    starts = range(0, len(samples) - size + 1, hop)
    pieces = [samples[start : start + size] for start in starts]
    features = np.concatenate(
        [
            front_end.features(np.stack(pieces[at : at + _BATCH]))
            for at in range(0, len(pieces), _BATCH)
        ]
    )
    features.setflags(write=False)
    return features


def other_speech_examples(front_end: BrowserFft, count: int) -> list[Example]:
    """Return some of the windows as examples, evenly spread over voices and languages.

    Parameters
    ----------
    front_end : BrowserFft
    count : int
        As many, or all that there are.

    Returns
    -------
    list of Example
        Labelled ``_unknown_``.
    """
    windows = other_speech_windows(front_end)
    places = np.unique(np.linspace(0, len(windows) - 1, max(1, count)).round().astype(int))
    return [Example(UNKNOWN_TAG, windows[at, ..., 0].copy()) for at in places]
