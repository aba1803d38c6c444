"""How much memory the process keeps for itself."""

from __future__ import annotations

import ctypes
import sys

__all__ = ["limit_memory_arenas"]

_M_ARENA_MAX = -8  # from glibc's malloc.h
_ARENAS = 2


def limit_memory_arenas() -> bool:
    """Make glibc's allocator share two arenas among all threads.

    By default each of many threads gets an arena of its own that keeps what it once held; a
    server with a thread a visitor was measured 50 MB larger for it. Where the C library is not
    glibc nothing is done.

    Returns
    -------
    bool
        Whether the limit holds.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and mallopt(_M_ARENA_MAX, _ARENAS) == 1
