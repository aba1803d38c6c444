"""How much memory the process keeps for itself."""

from __future__ import annotations

import ctypes
import sys

__all__ = ["return_freed_memory"]

# Parameters of glibc's mallopt, from its malloc.h, and our values for them.
_SETTINGS = {
    -8: 2,  # M_ARENA_MAX: threads share two arenas instead of keeping one each
    -3: 128 * 1024,  # M_MMAP_THRESHOLD: larger blocks go back to the system when freed
    -1: 128 * 1024,  # M_TRIM_THRESHOLD: so does what is free at the top of the heap
}


def return_freed_memory() -> bool:
    """Make glibc's allocator give back what is freed instead of keeping it for later.

    By default each thread gets an arena of its own that keeps what it once held, and the size
    from which blocks are given back grows with use. A server that decodes pictures in a thread a
    visitor was measured 100 MB larger for it. Where the C library is not glibc nothing is done.

    Returns
    -------
    bool
        Whether all settings were taken.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(mallopt(parameter, value) == 1 for parameter, value in _SETTINGS.items())
