"""HDF5 files that are not trusted, read into plain memory.

HDF5 can name other files (external links, external storage, virtual datasets), run plug-ins
(filters), hold a gigabyte in a kilobyte (compression, fill values, objects with many names) and
point at itself. None of that is followed: every object is checked before it is read, and what
comes back holds dicts, strings, numbers and arrays only.

Damage that lets the HDF5 library itself run for ever, take gigabytes or crash cannot be checked for
from here: :mod:`core.tfjs.hdf5_process` runs this module in a process of its own, with limits.
"""

from __future__ import annotations

import io
import math
from collections.abc import Collection
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from core.tfjs.hdf5_group import Attribute, Hdf5Group, is_hdf5
from core.tfjs.limits import (
    MAX_COMPRESSION_RATIO,
    MAX_FILE_BYTES,
    MAX_JSON_BYTES,
    MAX_RANK,
    MAX_TENSORS,
    MAX_WEIGHT_BYTES,
)

__all__ = ["read_hdf5"]

_MAX_OBJECTS = 4 * MAX_TENSORS
_MAX_DEPTH = 40
_MAX_CHUNK_BYTES = 64 * 1024 * 1024
_FREE_EXPANSION_BYTES = 1024 * 1024
# Any other filter may be a plug-in that HDF5 would load from disk.
_FILTERS = frozenset((h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32))
_HEAP_SIGNATURE = b"GCOL"
_MAX_STRINGS_BYTES = 64 * 1024 * 1024


def read_hdf5(content: bytes, *, name: str, skip: Collection[str] = ()) -> Hdf5Group:
    """Read a whole HDF5 file.

    Parameters
    ----------
    content : bytes
        The file.
    name : str
        Its name, for the message.
    skip : collection of str
        Groups of the first level that are not wanted, such as ``"optimizer_weights"``.

    Returns
    -------
    Hdf5Group
        The root.

    Raises
    ------
    ModelError
        If the file is damaged, too large, refers to other files, or holds types or filters that
        no model needs. Sizes are checked before memory is taken.
    """
    if not is_hdf5(content):
        raise ModelError("model_file.hdf5_broken", name=name, detail="no HDF5 signature")
    if len(content) > MAX_FILE_BYTES:
        raise ModelError(
            "model_file.file_large",
            name=name,
            size_mb=len(content) / 1e6,
            limit_mb=MAX_FILE_BYTES / 1e6,
        )
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            return _Reader(content, name, frozenset(skip)).group(file["/"], depth=0)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        # h5py reports damage with whichever of these fits the failing call.
        raise ModelError("model_file.hdf5_broken", name=name, detail=str(error)[:200]) from None


class _Reader:
    """One pass over a file, with what it has used up so far."""

    def __init__(self, content: bytes, name: str, skip: frozenset[str]) -> None:
        self._name = name
        self._skip = skip
        self._file_bytes = len(content)
        self._largest_string = _largest_heap_collection(content)
        self._objects = 0
        self._bytes = 0
        self._seen: set[tuple[Any, ...]] = set()

    def group(self, group: h5py.Group, *, depth: int) -> Hdf5Group:
        if depth > _MAX_DEPTH:
            raise self._refuse("hdf5_loop")
        self._check_new(group)
        result = Hdf5Group(attributes=self._attributes(group))
        for key in group:
            if depth == 0 and key in self._skip:
                continue
            self._objects += 1
            if self._objects > _MAX_OBJECTS:
                raise self._refuse("hdf5_objects", limit=_MAX_OBJECTS)
            link = group.id.links.get_info(key.encode())
            if link.type != h5py.h5l.TYPE_HARD:
                raise self._refuse("hdf5_link", item=key[:80])
            item = group[key]
            if isinstance(item, h5py.Dataset):
                result.arrays[key] = self._array(item, key)
            elif isinstance(item, h5py.Group):
                result.groups[key] = self.group(item, depth=depth + 1)
            else:
                raise self._refuse("hdf5_type", item=key[:80], type=type(item).__name__)
        return result

    def _check_new(self, item: h5py.Group | h5py.Dataset) -> None:
        # One object under many names, or a group inside itself, is a model of any size.
        identity = _identity(item)
        if identity in self._seen:
            raise self._refuse("hdf5_loop")
        self._seen.add(identity)

    def _array(self, dataset: h5py.Dataset, key: str) -> NDArray[Any]:
        self._check_new(dataset)
        plan = dataset.id.get_create_plist()
        if plan.get_external_count() or plan.get_layout() == h5py.h5d.VIRTUAL:
            raise self._refuse("hdf5_external", item=key[:80])
        dtype = dataset.dtype
        if dtype.kind not in "fiub" or dtype.itemsize > 8:
            raise self._refuse("hdf5_type", item=key[:80], type=str(dtype)[:80])
        shape = dataset.shape
        if shape is None or len(shape) > MAX_RANK:
            raise self._refuse("hdf5_type", item=key[:80], type=f"shape {shape}"[:80])
        size = math.prod(int(side) for side in shape) * dtype.itemsize
        # Float16 grows to float32 later; count it as it will be.
        self._bytes += max(size, math.prod(int(side) for side in shape) * 4)
        if self._bytes > MAX_WEIGHT_BYTES:
            raise self._refuse("hdf5_large", item=key[:80], limit_mb=MAX_WEIGHT_BYTES / 1e6)
        filters = {plan.get_filter(i)[0] for i in range(plan.get_nfilters())}
        if not filters <= _FILTERS:
            raise self._refuse("hdf5_filter", item=key[:80])
        if dataset.chunks and math.prod(dataset.chunks) * dtype.itemsize > _MAX_CHUNK_BYTES:
            raise self._refuse("hdf5_large", item=key[:80], limit_mb=_MAX_CHUNK_BYTES / 1e6)
        # Storage that was never written reads as fill values, and equal values compress well:
        # neither may make a small file a large model.
        stored = min(dataset.id.get_storage_size(), self._file_bytes)
        if size > _FREE_EXPANSION_BYTES + MAX_COMPRESSION_RATIO * stored:
            raise self._refuse("hdf5_bomb", item=key[:80])
        if self._bytes > 16 * _FREE_EXPANSION_BYTES + MAX_COMPRESSION_RATIO * self._file_bytes:
            raise self._refuse("hdf5_bomb", item=key[:80])
        values = np.empty(shape, dtype.newbyteorder("="))
        if values.size:
            dataset.read_direct(values)
        return values

    def _attributes(self, item: h5py.Group) -> dict[str, Attribute]:
        if len(item.attrs) > MAX_TENSORS:
            raise self._refuse("hdf5_objects", limit=MAX_TENSORS)
        attributes: dict[str, Attribute] = {}
        for key in item.attrs:
            stored = item.attrs.get_id(key)
            count = math.prod(stored.shape) if stored.shape is not None else 0
            kind = stored.get_type()
            if isinstance(kind, h5py.h5t.TypeStringID) and count:
                size = stored.get_storage_size()
                if kind.is_variable_str():
                    # Every entry may point at the largest string of the file. Where that could
                    # take too much, the list is left out: it is a convenience, not the data.
                    size = count * self._largest_string
                    if count > 1 and size > _MAX_STRINGS_BYTES:
                        continue
                if size > max(MAX_JSON_BYTES, _MAX_STRINGS_BYTES):
                    raise self._refuse("hdf5_large", item=key[:80], limit_mb=MAX_JSON_BYTES / 1e6)
                attributes[key] = _texts(item.attrs[key])
            elif isinstance(kind, h5py.h5t.TypeIntegerID | h5py.h5t.TypeFloatID) and (
                0 < count <= MAX_TENSORS
            ):
                value = np.asarray(item.attrs[key])
                attributes[key] = (
                    value.item() if value.shape == () else tuple(value.ravel().tolist())
                )
        return attributes

    def _refuse(self, key: str, **fields: str | int | float) -> ModelError:
        return ModelError(f"model_file.{key}", name=self._name, **fields)


def _texts(value: Any) -> str | tuple[str, ...]:
    if isinstance(value, np.ndarray):
        return tuple(_text(item) for item in value.ravel().tolist())
    return _text(value)


def _text(value: Any) -> str:
    # Keras 1 and 2 stored bytes, Keras 3 stores text.
    raw = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
    return raw.decode("utf-8", "replace")


def _identity(item: h5py.Group | h5py.Dataset) -> tuple[Any, ...]:
    info = h5py.h5o.get_info(item.id)
    return (info.fileno, info.addr)


def _largest_heap_collection(content: bytes) -> int:
    """Return an upper bound, in bytes, of the longest variable-length string of a file."""
    largest = 0
    start = content.find(_HEAP_SIGNATURE)
    while start >= 0:
        size = int.from_bytes(content[start + 8 : start + 16], "little")
        largest = max(largest, min(size, len(content)))
        start = content.find(_HEAP_SIGNATURE, start + 4)
    return largest
