"""Progress on a terminal; nothing where standard error is a file or a pipe."""

from __future__ import annotations

import sys

__all__ = ["show_bytes"]


def show_bytes(done_bytes: int, all_bytes: int) -> None:
    """Show how much of a download has arrived."""
    if sys.stderr.isatty():
        end = "\n" if done_bytes >= all_bytes else ""
        print(f"\r{done_bytes / 1e6:.1f} of {all_bytes / 1e6:.1f} MB", end=end, file=sys.stderr)
