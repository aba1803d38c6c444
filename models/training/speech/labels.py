"""The words of the model, in the original's order, and those that need care."""

from __future__ import annotations

__all__ = ["LABELS", "NOISE", "SCARCE", "TARGETS", "UNKNOWN", "label_of"]

NOISE = 0
UNKNOWN = 1

TARGETS = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "up",
    "down",
    "left",
    "right",
    "go",
    "stop",
    "yes",
    "no",
)

# The original sorts its words; ours must stand in the same places to be interchangeable.
LABELS = ("_background_noise_", "_unknown_", *sorted(TARGETS))

# Words with about 30 real recordings each, where the others have 200 to 800.
SCARCE = ("two", "three", "four", "six", "seven", "nine")


def label_of(word: str) -> int:
    """Return the place of a word in the model's output.

    Parameters
    ----------
    word : str
        Any English word.

    Returns
    -------
    int
        Its index in ``LABELS``; that of ``_unknown_`` if the model does not know the word.
    """
    return LABELS.index(word) if word in TARGETS else UNKNOWN
