"""Text for the cells of tables that people open in a spreadsheet."""

from __future__ import annotations

__all__ = ["harmless"]

# A spreadsheet takes a cell that begins so for a formula and would run it.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def harmless(text: str) -> str:
    """Return the text so that a spreadsheet shows it and runs nothing."""
    return "'" + text if text.startswith(_FORMULA_STARTS) else text
