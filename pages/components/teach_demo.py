"""The demo set that we drew: what it is, and more of its pictures to try a model on."""

from __future__ import annotations

import io
import zipfile
from functools import cache
from pathlib import Path

__all__ = ["demo_pictures", "pictures_to_try"]

_FOLDER = Path(__file__).resolve().parents[2] / "models" / "demo_sets"


@cache
def demo_pictures() -> tuple[tuple[str, str, bytes], ...]:
    """Return (class, file name, content) of each picture of the set, class by class."""
    return _read("marks.zip")


@cache
def pictures_to_try() -> tuple[tuple[str, str, bytes], ...]:
    """Return (class, file name, content) of pictures that are not in the set."""
    return _read("marks_to_try.zip")


def _read(name: str) -> tuple[tuple[str, str, bytes], ...]:
    # Ours, from the project's own folder: not to be guarded against as an upload.
    with zipfile.ZipFile(io.BytesIO((_FOLDER / name).read_bytes())) as archive:
        return tuple(
            (entry.partition("/")[0], entry.partition("/")[2], archive.read(entry))
            for entry in archive.namelist()
        )
