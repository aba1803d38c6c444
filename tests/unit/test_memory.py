"""The allocator's settings."""

from __future__ import annotations

import platform

from core.memory import return_freed_memory, trim


def test_freed_memory_goes_back_exactly_where_the_c_library_is_glibc() -> None:
    assert return_freed_memory() == (platform.libc_ver()[0] == "glibc")


def test_what_is_free_goes_back_at_once_where_the_c_library_is_glibc() -> None:
    assert trim() == (platform.libc_ver()[0] == "glibc")
