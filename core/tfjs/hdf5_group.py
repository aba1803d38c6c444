"""What was read from an HDF5 file, in plain memory; needs no HDF5 library."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

__all__ = ["Attribute", "Hdf5Group", "is_hdf5"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"

Attribute = str | int | float | tuple[str, ...] | tuple[int, ...] | tuple[float, ...]


@dataclass(frozen=True)
class Hdf5Group:
    """A group of an HDF5 file, read whole.

    Parameters
    ----------
    attributes : dict of str to (str, int, float or a tuple of one of them)
        Attributes of any other type are left out.
    groups : dict of str to Hdf5Group
    arrays : dict of str to ndarray
        Native byte order, of the stored type.
    """

    attributes: dict[str, Attribute] = field(default_factory=dict)
    groups: dict[str, Hdf5Group] = field(default_factory=dict)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)

    def text(self, name: str) -> str | None:
        """Return a text attribute, or None."""
        value = self.attributes.get(name)
        return value if isinstance(value, str) else None

    def texts(self, name: str) -> tuple[str, ...] | None:
        """Return a list of texts, also one that Keras cut into ``name0``, ``name1``, ..."""
        if name in self.attributes:
            return _as_texts(self.attributes[name])
        pieces: list[str] = []
        part = 0
        while f"{name}{part}" in self.attributes:
            texts = _as_texts(self.attributes[f"{name}{part}"])
            if texts is None:
                return None
            pieces.extend(texts)
            part += 1
        return tuple(pieces) if part else None

    def walk(self, prefix: str = "") -> Iterator[tuple[str, NDArray[Any]]]:
        """Yield every array below, by its path from here."""
        for name, array in self.arrays.items():
            yield prefix + name, array
        for name, group in self.groups.items():
            yield from group.walk(f"{prefix}{name}/")

    def find(self, path: str) -> NDArray[Any] | None:
        """Return the array at a path of names joined by slashes, or None."""
        *parents, last = path.split("/")
        group = self
        for parent in parents:
            if parent not in group.groups:
                return None
            group = group.groups[parent]
        return group.arrays.get(last)


def _as_texts(value: Attribute) -> tuple[str, ...] | None:
    if isinstance(value, tuple):
        return tuple(item for item in value if isinstance(item, str))
    return None


def is_hdf5(content: bytes) -> bool:
    """Say whether a file begins as HDF5 files do."""
    return content.startswith(_SIGNATURE)
