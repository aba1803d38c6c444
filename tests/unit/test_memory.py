"""The allocator's settings."""

from __future__ import annotations

import platform

from core.memory import return_freed_memory


def test_freed_memory_goes_back_exactly_where_the_c_library_is_glibc() -> None:
    assert return_freed_memory() == (platform.libc_ver()[0] == "glibc")
