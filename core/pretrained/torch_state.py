"""Reading a PyTorch state dict without PyTorch, and without running what a pickle asks for.

Covers the format that ``torch.save`` wrote until PyTorch 1.6: three pickles that identify the
file, one with the tensors' descriptions, one with the storage keys, then the raw numbers. A
pickle is a program, so only the opcodes and the three names that a state dict needs are
admitted, and every size is checked against the bytes at hand before an array is made.
"""

from __future__ import annotations

import io
import math
import pickle  # only through _StateUnpickler, which admits three harmless names
import pickletools
from collections import OrderedDict
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError

__all__ = ["read_torch_state"]

_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_PROTOCOL_VERSION = 1001
_ZIP_START = b"PK\x03\x04"

# Storage classes by their name, little endian as the file's system record must say.
_STORAGE_DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}

# What torch writes for a state dict at pickle protocol 2; anything else is not one.
_OPCODES = frozenset(
    """
    PROTO STOP GLOBAL REDUCE BUILD BINPERSID MARK NONE NEWTRUE NEWFALSE BININT BININT1 BININT2
    LONG1 BINUNICODE EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_DICT SETITEM SETITEMS
    EMPTY_LIST APPEND APPENDS BINPUT LONG_BINPUT BINGET LONG_BINGET
    """.split()  # noqa: SIM905  # a column of thirty strings would be harder to read
)
# EfficientNet-Lite0 needs 10 thousand. The memo is a table as long as its highest index.
_MAX_OPCODES = 200_000
_MAX_DIMENSIONS = 8


class _Storage(NamedTuple):
    dtype: str
    key: str
    elements: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _refuse(reason: str) -> NoReturn:
    raise ModelError("pretrained.state_refused", reason=reason)


def _is_size(value: object) -> bool:
    return type(value) is int and value >= 0


class _RebuildTensor:
    """Stands in for ``torch._utils._rebuild_tensor_v2``; without attributes a pickle could set."""

    __slots__ = ()

    def __call__(
        self,
        storage: object,
        offset: object,
        shape: object,
        strides: object,
        *_grad_and_hooks: object,
    ) -> _Tensor:
        if not isinstance(storage, _Storage):
            _refuse("a tensor without a storage")
        if not (isinstance(shape, tuple) and isinstance(strides, tuple)):
            _refuse("a tensor without a shape")
        if len(shape) != len(strides) or len(shape) > _MAX_DIMENSIONS:
            _refuse("a tensor whose shape and strides do not match")
        if not all(_is_size(value) for value in (offset, *shape, *strides)):
            _refuse("a tensor with a negative offset, size or stride")
        return _Tensor(storage, int(offset), shape, strides)  # type: ignore[call-overload]


class _StorageType:
    __slots__ = ("dtype",)

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype


class _StateUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _RebuildTensor()
        if module == "torch" and name in _STORAGE_DTYPES:
            return _StorageType(_STORAGE_DTYPES[name])
        _refuse(f"it names {module}.{name}"[:120])

    def persistent_load(self, pid: Any) -> _Storage:
        match pid:
            case ("storage", _StorageType() as kind, str() as key, str(), elements, None) if (
                _is_size(elements)
            ):
                return _Storage(kind.dtype, key, elements)
        _refuse("a storage that is described in an unknown way")


def _load_pickle(stream: io.BytesIO) -> Any:
    """Check the opcodes of the pickle at the stream's position, then load it."""
    start = stream.tell()
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if opcode.name not in _OPCODES:
                _refuse(f"it uses the opcode {opcode.name}")
            index = argument if opcode.name == "LONG_BINPUT" else 0
            if count > _MAX_OPCODES or not isinstance(index, int) or index > _MAX_OPCODES:
                _refuse("its description is too long")
        stream.seek(start)
        return _StateUnpickler(stream).load()
    except ModelError:
        raise
    except Exception as error:
        # Broken pickles raise nearly any exception; all of them mean the same to the reader.
        raise ModelError(
            "pretrained.state_refused", reason=f"its description is broken ({type(error).__name__})"
        ) from error


def _read_storages(
    content: bytes, start: int, keys: object, described: dict[str, _Storage]
) -> dict[str, NDArray[Any]]:
    if not isinstance(keys, list) or set(map(str, keys)) != set(described):
        _refuse("the storages do not match their description")
    storages: dict[str, NDArray[Any]] = {}
    position = start
    for key in map(str, keys):
        storage = described[key]
        elements = int.from_bytes(content[position : position + 8], "little", signed=True)
        position += 8
        if elements != storage.elements:
            _refuse("a storage has another length than described")
        size_bytes = elements * np.dtype(storage.dtype).itemsize
        if size_bytes > len(content) - position:
            _refuse("a storage is longer than the file")
        storages[key] = np.frombuffer(content, storage.dtype, elements, position)
        position += size_bytes
    if position != len(content):
        _refuse("bytes are left over at the end")
    return storages


def _view(tensor: _Tensor, storage: NDArray[Any]) -> NDArray[Any]:
    if not 0 < math.prod(tensor.shape) <= storage.size:
        _refuse("a tensor is empty or larger than its storage")
    # The stride of an axis with one element is never taken, so it may be anything.
    strides = [
        0 if size == 1 else step for size, step in zip(tensor.shape, tensor.strides, strict=True)
    ]
    last = tensor.offset + sum(
        (size - 1) * step for size, step in zip(tensor.shape, strides, strict=True)
    )
    if last >= storage.size:
        _refuse("a tensor reaches beyond its storage")
    view = np.lib.stride_tricks.as_strided(
        storage[tensor.offset :], tensor.shape, [step * storage.itemsize for step in strides]
    )
    return np.ascontiguousarray(view)


def read_torch_state(content: bytes) -> dict[str, NDArray[Any]]:
    """Read the tensors of a legacy (not zip) PyTorch state dict.

    Parameters
    ----------
    content : bytes
        The whole file, as ``torch.save(model.state_dict(), ...)`` wrote it before PyTorch 1.6.

    Returns
    -------
    dict of str to ndarray
        Contiguous float32 (or, for counters, int64) arrays by their names, in PyTorch's layout:
        convolution kernels are ``[out, in, height, width]``.

    Raises
    ------
    ModelError
        ``pretrained.state_not_legacy`` if it is no such file, ``pretrained.state_refused`` if
        it asks for more than tensors need, or if a size does not fit the bytes at hand.
    """
    if content.startswith(_ZIP_START):
        raise ModelError("pretrained.state_not_legacy", found="a zip archive")
    stream = io.BytesIO(content)
    if _load_pickle(stream) != _MAGIC_NUMBER:
        raise ModelError("pretrained.state_not_legacy", found="another pickle")
    if _load_pickle(stream) != _PROTOCOL_VERSION:
        raise ModelError("pretrained.state_not_legacy", found="another protocol version")
    system = _load_pickle(stream)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise ModelError("pretrained.state_not_legacy", found="numbers that are not little endian")

    state = _load_pickle(stream)
    if not isinstance(state, dict):
        _refuse("it holds no dictionary of tensors")
    described: dict[str, _Storage] = {}
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, _Tensor):
            _refuse("it holds something other than tensors")
        if described.setdefault(tensor.storage.key, tensor.storage) != tensor.storage:
            _refuse("two tensors describe one storage differently")
    keys = _load_pickle(stream)
    storages = _read_storages(content, stream.tell(), keys, described)
    return {name: _view(tensor, storages[tensor.storage.key]) for name, tensor in state.items()}
