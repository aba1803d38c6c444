"""Takes of words: where the word is, whether the take is any good, and long ones cut into many."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.audio.browser_fft import BrowserFft
from core.audio.clip import fit_clip
from core.errors import AudioError, Note
from core.speech.examples import Example
from core.speech.labels import BACKGROUND_NOISE_TAG, is_noise

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "TakeDoubt",
    "align_take",
    "check_take",
    "check_takes",
    "cut_at_pauses",
    "cut_noise",
    "example_from_audio",
]

MAX_TAKES_OF_ONE_RECORDING = 200
_FRAME = 441  # 10 ms at 44.1 kHz
_SPEECH_BELOW_PEAK_DB = 25.0
_LEAST_DB = -120.0
_CLIPPED, _CLIPPED_SHARE = 0.999, 0.001
_QUIET_DB = -45.0
_EDGE_FRAMES = 2
_EDGE_BELOW_PEAK_DB = 9.0
_NOISY_DB = 12.0
_PAUSE_TOP_DB = 32
_LEAST_WORD_S, _MOST_WORD_S, _PAUSE_S = 0.12, 1.6, 0.22
_UNLIKE = 3.5
_FEWEST_TO_COMPARE = 4


def _levels_db(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the level of every 10 ms."""
    whole = len(samples) // _FRAME * _FRAME
    if whole == 0:
        return np.full(1, _LEAST_DB)
    power = np.mean(np.square(samples[:whole].reshape(-1, _FRAME), dtype=np.float64), axis=1)
    levels: NDArray[np.float64] = 10 * np.log10(np.maximum(power, 1e-12))
    return levels


def align_take(samples: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Return `length` samples with the word in the middle.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
        At 44.1 kHz.
    length : int

    Returns
    -------
    ndarray of float32, shape (length,)
        What lies beside the recording is silent. Of a word longer than `length`, the loudest part.
    """
    levels = _levels_db(samples)
    speech = np.flatnonzero(levels > levels.max() - _SPEECH_BELOW_PEAK_DB)
    first, last = int(speech[0]) * _FRAME, (int(speech[-1]) + 1) * _FRAME
    if last - first >= length or len(samples) <= length:
        # A short recording is kept whole: moving it would put more silence beside it.
        return fit_clip(samples, length)
    start = min(max((first + last - length) // 2, 0), len(samples) - length)
    return samples[start : start + length]


def example_from_audio(
    label: str, samples: NDArray[np.float32], front_end: BrowserFft, *, align: bool = True
) -> Example:
    """Return a take of a word, or of noise, with its recording.

    Parameters
    ----------
    label : str
    samples : ndarray of float32, shape (n,)
        At the front end's rate.
    front_end : BrowserFft
    align : bool, optional
        Whether the word is looked for; noise has none.

    Returns
    -------
    Example

    Raises
    ------
    AudioError
        If it is silent or not finite.
    """
    if len(samples) == 0 or not np.isfinite(samples).all() or not np.any(samples):
        raise AudioError("words.silent", label=label)
    length = front_end.window_samples
    looked_for = align and not is_noise(label)
    clip = align_take(samples, length) if looked_for else fit_clip(samples, length)
    spectrogram = front_end.normalize(front_end.spectrogram(clip))
    return Example(label, spectrogram, None, clip, float(front_end.rate_hz))


def check_take(samples: NDArray[np.float32], *, noise: bool = False) -> tuple[Note, ...]:
    """Return what may be wrong with a take, as it was recorded.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
        At 44.1 kHz.
    noise : bool, optional
        Whether it is meant to be background noise, which may be as quiet and noisy as it likes.

    Returns
    -------
    tuple of Note
        ``words.note_clipped``, ``note_quiet``, ``note_cut_off``, ``note_noisy``.
    """
    notes = []
    levels = _levels_db(samples)
    peak_db = float(levels.max())
    if np.mean(np.abs(samples) >= _CLIPPED) > _CLIPPED_SHARE:
        notes.append(Note("words.note_clipped"))
    if noise:
        return tuple(notes)
    if peak_db < _QUIET_DB:
        return (*notes, Note("words.note_quiet", {"level_db": peak_db}))
    floor_db = float(np.quantile(levels, 0.1))
    if peak_db - floor_db < _NOISY_DB:
        return (*notes, Note("words.note_noisy", {"above_db": peak_db - floor_db}))
    begin, end = levels[:_EDGE_FRAMES].max(), levels[-_EDGE_FRAMES:].max()
    if max(begin, end) > peak_db - _EDGE_BELOW_PEAK_DB:
        notes.append(Note("words.note_cut_off"))
    return tuple(notes)


@dataclass(frozen=True)
class TakeDoubt:
    """Something about one take in the company of the others.

    Attributes
    ----------
    position : int
        Of the take among those that were given.
    note : Note
        ``words.note_duplicate`` or ``words.note_unlike``.
    """

    position: int
    note: Note


def check_takes(
    examples: Sequence[Example], features: NDArray[np.float32] | None = None
) -> tuple[TakeDoubt, ...]:
    """Return takes that are there twice, and takes that are unlike the others of their word.

    Parameters
    ----------
    examples : sequence of Example
    features : ndarray of float32, shape (n, values), optional
        What a network makes of each; without it only duplicates are found.

    Returns
    -------
    tuple of TakeDoubt
        In the order of the takes.
    """
    doubts = []
    seen: dict[bytes, int] = {}
    for at, example in enumerate(examples):
        digest = hashlib.sha256(example.spectrogram.tobytes()).digest()
        if digest in seen:
            fields: dict[str, str | int | float] = {"first": seen[digest] + 1}
            doubts.append(TakeDoubt(at, Note("words.note_duplicate", fields)))
        seen.setdefault(digest, at)
    if features is not None:
        doubts += _unlike(examples, features)
    return tuple(sorted(doubts, key=lambda doubt: doubt.position))


def _unlike(examples: Sequence[Example], features: NDArray[np.float32]) -> list[TakeDoubt]:
    counts = Counter(example.label for example in examples)
    doubts = []
    for label, count in counts.items():
        if count < _FEWEST_TO_COMPARE or is_noise(label):
            continue
        own = np.array([at for at, example in enumerate(examples) if example.label == label])
        values = features[own]
        # The distance to the mean of the others, so that a stray take does not excuse itself.
        others = (values.sum(axis=0) - values) / (count - 1)
        far = np.linalg.norm(values - others, axis=1)
        middle = float(np.median(far))
        spread = 1.4826 * float(np.median(np.abs(far - middle))) + 0.08 * middle
        doubts += [
            TakeDoubt(int(at), Note("words.note_unlike", {"label": label}))
            for at in own[far > middle + _UNLIKE * spread]
        ]
    return doubts


def cut_at_pauses(samples: NDArray[np.float32], rate_hz: int = 44_100) -> list[tuple[int, int]]:
    """Return where the words of a long recording begin and end, in samples.

    Pauses are found by librosa: parts 32 dB below the loudest. Words closer together than 0.22 s
    are one.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
    rate_hz : int, optional

    Returns
    -------
    list of (int, int)
        At most 200, each with up to 0.15 s of quiet on both sides; too short or too long parts
        are left out.
    """
    import librosa  # takes a second to import

    if not np.any(samples):
        return []
    parts = librosa.effects.split(samples, top_db=_PAUSE_TOP_DB, frame_length=1024, hop_length=256)
    joined: list[list[int]] = []
    for begin, end in parts.tolist():
        if joined and begin - joined[-1][1] < _PAUSE_S * rate_hz:
            joined[-1][1] = end
        else:
            joined.append([begin, end])
    margin = int(0.15 * rate_hz)
    kept = [
        (max(0, begin - margin), min(len(samples), end + margin))
        for begin, end in joined
        if _LEAST_WORD_S <= (end - begin) / rate_hz <= _MOST_WORD_S
    ]
    return kept[:MAX_TAKES_OF_ONE_RECORDING]


def cut_noise(
    samples: NDArray[np.float32], front_end: BrowserFft, *, label: str = BACKGROUND_NOISE_TAG
) -> list[Example]:
    """Return a recording of background noise as pieces of one window, without overlap.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
    front_end : BrowserFft
    label : str, optional

    Returns
    -------
    list of Example
        What is silent, or does not fill a window at the end, is left out; a recording shorter
        than a window makes one piece.
    """
    length = front_end.window_samples
    starts = range(0, max(len(samples) - length, 0) + 1, length)
    pieces = [samples[start : start + length] for start in starts]
    pieces = pieces[:MAX_TAKES_OF_ONE_RECORDING]
    return [
        example_from_audio(label, piece, front_end, align=False)
        for piece in pieces
        if np.any(piece)
    ]
