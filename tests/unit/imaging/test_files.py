"""Picture files are read from disk, but never more of them than a picture may have."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ImageError
from core.imaging.decode import MAX_BYTES
from core.imaging.files import read_image_file


def refused(path: Path | str) -> str:
    with pytest.raises(ImageError) as caught:
        read_image_file(path)
    return caught.value.code


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert read_image_file(tmp_path / "a") == b"abc"


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.jpg") == "image.no_file"
    assert refused(tmp_path) == "image.unreadable"
    assert refused("a\0b") == "image.unreadable"


def test_a_file_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "big").open("wb") as file:
        file.truncate(400 * MAX_BYTES)  # sparse: takes no room
    assert refused(tmp_path / "big") == "image.too_many_bytes"


def test_a_file_at_the_limit_is_read(tmp_path: Path) -> None:
    with (tmp_path / "big").open("wb") as file:
        file.truncate(MAX_BYTES)
    assert len(read_image_file(tmp_path / "big")) == MAX_BYTES


def test_a_source_without_an_end_is_refused() -> None:
    if not Path("/dev/zero").exists():
        pytest.skip("this system has no /dev/zero")
    assert refused("/dev/zero") == "image.too_many_bytes"
