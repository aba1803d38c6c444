"""Windows of a network's length cut from longer takes, as the original library cuts them.

Source: ``getValidWindows`` and ``Dataset.getData`` of @tensorflow-models/speech-commands 0.5.4.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.audio import normalize
from core.errors import UsageError
from core.speech.examples import Example, in_file_order
from core.speech.labels import BACKGROUND_NOISE_TAG

__all__ = ["WindowSet", "cut_windows", "focus_frame", "hop_frames", "mix_noise", "valid_windows"]


@dataclass(frozen=True, eq=False)
class WindowSet:
    """What a network learns from.

    Attributes
    ----------
    features : ndarray of float32, shape (n, frames, bins, 1)
        Each window normalised by itself.
    targets : ndarray of int64, shape (n,)
        Positions in `labels`.
    labels : tuple of str
        In the original's order.
    takes : ndarray of int64, shape (n,)
        The example that each window is from, by its position among the sorted examples; windows
        of one take belong on one side of every split.
    """

    features: NDArray[np.float32]
    targets: NDArray[np.int64]
    labels: tuple[str, ...]
    takes: NDArray[np.int64]


def valid_windows(
    length: int, focus: int | None, *, window: int, hop: int
) -> list[tuple[int, int]]:
    """Return where windows begin and end, so that each holds the focus.

    Parameters
    ----------
    length : int
        Columns of the take, at least 1.
    focus : int or None
        The column that every window must hold; None (background noise) for any.
    window : int
        Columns of a window, at most `length`.
    hop : int
        Columns between windows, at least 1.

    Returns
    -------
    list of (int, int)
        Begin and end, the end left out.

    Raises
    ------
    UsageError
        If a number is out of its range.

    Examples
    --------
    >>> valid_windows(100, 50, window=21, hop=5)
    [(30, 51), (35, 56), (40, 61), (45, 66), (50, 71)]
    """
    if not 1 <= window <= length or hop < 1:
        raise UsageError("examples.window", frames=window, hop=hop, limit=length)
    if focus is not None and not 0 <= focus < length:
        raise UsageError("examples.focus", focus=focus, last=length - 1)
    if window == length:
        return [(0, length)]
    last = length - window
    if focus is None:
        return [(begin, begin + window) for begin in range(0, last + 1, hop)]
    begin = min(max(focus - window // 2, 0), last)
    while begin - hop >= 0 and focus < begin - hop + window:
        begin -= hop
    return [(at, at + window) for at in range(begin, min(last, focus) + 1, hop)]


def focus_frame(spectrogram: NDArray[np.floating]) -> int:
    """Return the column with the highest mean, where a word is when nobody has said so."""
    return int(np.argmax(spectrogram.mean(axis=1)))


def hop_frames(window_hop_ratio: float, frames: int) -> int:
    """Return the columns between windows: JavaScript rounds halves up."""
    return max(1, math.floor(window_hop_ratio * frames + 0.5))


def cut_windows(
    examples: Sequence[Example], *, frames: int, hop: int, epsilon: float = 1e-4
) -> WindowSet:
    """Return the windows of all examples.

    Parameters
    ----------
    examples : sequence of Example
        Of one height, at least `frames` columns each.
    frames : int
        Columns of a window.
    hop : int
        Columns between the windows of one take.
    epsilon : float, optional
        Of the normalisation.

    Returns
    -------
    WindowSet

    Raises
    ------
    UsageError
        If there is no example, heights differ, or an example is shorter than a window.
    """
    if not examples:
        raise UsageError("examples.none")
    ordered = in_file_order(examples)
    sizes = sorted({example.bins for example in ordered})
    if len(sizes) > 1:
        raise UsageError("examples.mixed_bins", sizes=", ".join(map(str, sizes)))
    labels = tuple(dict.fromkeys(example.label for example in ordered))
    cut, targets, takes = [], [], []
    for take, example in enumerate(ordered):
        for begin, end in _windows_of(example, frames, hop):
            cut.append(example.spectrogram[begin:end])
            targets.append(labels.index(example.label))
            takes.append(take)
    features = normalize(np.stack(cut), epsilon=epsilon)[..., np.newaxis]
    return WindowSet(features, np.array(targets), labels, np.array(takes))


def _windows_of(example: Example, frames: int, hop: int) -> Iterator[tuple[int, int]]:
    if example.label == BACKGROUND_NOISE_TAG:
        focus = None
    elif example.key_frame is not None:
        focus = example.key_frame
    else:
        focus = focus_frame(example.spectrogram)
    yield from valid_windows(example.frames, focus, window=frames, hop=hop)


def mix_noise(
    windows: WindowSet, ratio: float, *, seed: int = 0, epsilon: float = 1e-4
) -> WindowSet:
    """Return the windows, and every window of a word once more with noise added to it.

    Parameters
    ----------
    windows : WindowSet
    ratio : float
        How much of a noise window, drawn at random, is added; both are normalised.
    seed : int, optional
    epsilon : float, optional
        Of the normalisation of the sum.

    Returns
    -------
    WindowSet
        A mixed window belongs to the take of its word.

    Raises
    ------
    UsageError
        If there is no background noise.
    """
    if BACKGROUND_NOISE_TAG not in windows.labels:
        raise UsageError("examples.no_noise")
    noise_at = windows.labels.index(BACKGROUND_NOISE_TAG)
    noise = np.flatnonzero(windows.targets == noise_at)
    words = np.flatnonzero(windows.targets != noise_at)
    drawn = np.random.default_rng(seed).choice(noise, size=len(words))
    mixed = windows.features[words, ..., 0] + np.float32(ratio) * windows.features[drawn, ..., 0]
    return WindowSet(
        np.concatenate([windows.features, normalize(mixed, epsilon=epsilon)[..., np.newaxis]]),
        np.concatenate([windows.targets, windows.targets[words]]),
        windows.labels,
        np.concatenate([windows.takes, windows.takes[words]]),
    )
