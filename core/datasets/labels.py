"""Names of classes, as people write them: any script, emoji, markup; one line, not too long."""

from __future__ import annotations

import unicodedata

from core.errors import UsageError

__all__ = ["MAX_LABEL_LENGTH", "clean_label"]

MAX_LABEL_LENGTH = 60
# Characters that turn the direction of everything after them; a name must not reach beyond itself.
_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean_label(name: str) -> str:
    """Return a class name in one form: composed, single spaces, none around it.

    Parameters
    ----------
    name : str
        What somebody typed, or a folder's name.

    Returns
    -------
    str
        1 to `MAX_LABEL_LENGTH` characters. It is text, not markup: escape it where it is shown.

    Raises
    ------
    UsageError
        If nothing is left, it is too long, or it holds characters that cannot be shown.
    """
    composed = unicodedata.normalize("NFC", " ".join(str(name).split()))
    if not composed:
        raise UsageError("samples.label_empty")
    if len(composed) > MAX_LABEL_LENGTH:
        raise UsageError(
            "samples.label_long",
            label=f"{_shown(composed[:20])}…",
            length=len(composed),
            limit=MAX_LABEL_LENGTH,
        )
    # Emoji are joined by format characters (Cf), so only these few of them are refused.
    if any(unicodedata.category(c) in ("Cc", "Cs", "Co") or c in _DIRECTION for c in composed):
        raise UsageError("samples.label_characters", label=_shown(composed[:40]))
    return composed


def _shown(text: str) -> str:
    """Return the text without what a terminal or a page could take for a command."""
    return "".join(c if c.isprintable() and c not in _DIRECTION else "?" for c in text)
