"""Which of a model's labels are words, and which stand for noise and for other words."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "BACKGROUND_NOISE_TAG",
    "NOISE_LABELS",
    "UNKNOWN_TAG",
    "is_noise",
    "is_unknown",
    "word_indices",
]

BACKGROUND_NOISE_TAG = "_background_noise_"
UNKNOWN_TAG = "_unknown_"
# Teachable Machine renames the first, and the Speech Commands dataset calls its noise silence.
NOISE_LABELS = (BACKGROUND_NOISE_TAG, "Background Noise", "_silence_")


def is_noise(label: str) -> bool:
    """Say whether a label stands for sound without a word."""
    return label in NOISE_LABELS


def is_unknown(label: str) -> bool:
    """Say whether a label stands for all words that the model does not know."""
    return label == UNKNOWN_TAG


def word_indices(labels: Sequence[str]) -> tuple[int, ...]:
    """Return the positions of the labels that are words."""
    return tuple(
        index for index, label in enumerate(labels) if not is_noise(label) and not is_unknown(label)
    )
