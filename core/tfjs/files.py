"""The files of one model, on disk or in memory, by plain names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from core.errors import ModelError
from core.tfjs.limits import MAX_FILE_BYTES

__all__ = ["FileSet", "FolderFiles", "MemoryFiles", "read_file"]

_MAX_LISTED = 20_000


class FileSet(Protocol):
    """Files that lie beside each other; their sizes are known before they are read."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """Size in bytes by plain file name."""

    def read(self, name: str) -> bytes:
        """Return a file's content."""


class FolderFiles:
    """The files of a folder on disk, without those in folders below.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.sizes: dict[str, int] = {}
        for path in folder.iterdir():
            if len(self.sizes) >= _MAX_LISTED:
                raise ModelError("model_file.folder_large", limit=_MAX_LISTED)
            if path.is_file():
                self.sizes[path.name] = path.stat().st_size

    def read(self, name: str) -> bytes:
        """Return a file's content; the name must be one of those that were listed."""
        if name not in self.sizes:
            raise KeyError(name)
        return read_file(self._folder / name)


class MemoryFiles:
    """Files that were uploaded or unpacked.

    Parameters
    ----------
    files : mapping of str to bytes
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self.sizes = {name: len(content) for name, content in files.items()}

    def read(self, name: str) -> bytes:
        """Return a file's content."""
        return self._files[name]


def read_file(path: Path) -> bytes:
    """Return a file's content if its size is within the limit.

    Raises
    ------
    ModelError
        If the file is too large or cannot be read.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ModelError(
            "model_file.file_unreadable", name=path.name[:80], detail=str(error.strerror)
        ) from None
    if len(content) > MAX_FILE_BYTES:
        raise ModelError(
            "model_file.file_large",
            name=path.name[:80],
            size_mb=path.stat().st_size / 1e6,
            limit_mb=MAX_FILE_BYTES / 1e6,
        )
    return content
