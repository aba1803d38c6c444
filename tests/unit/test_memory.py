"""The allocator's arenas."""

from __future__ import annotations

import platform

from core.memory import limit_memory_arenas


def test_the_limit_holds_exactly_where_the_c_library_is_glibc() -> None:
    assert limit_memory_arenas() == (platform.libc_ver()[0] == "glibc")
