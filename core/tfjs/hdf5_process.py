"""HDF5 files read in a process of its own, which may run out of time or memory, or crash.

The HDF5 library is C that was not written for hostile files: single changed bytes were seen to
make it run for ever or take gigabytes. Run as ``python -m core.tfjs.hdf5_process``, this module
reads a file from standard input and writes what :func:`core.tfjs.hdf5.read_hdf5` made of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import subprocess  # the child is this very module
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import ModelError
from core.tfjs.hdf5_group import Hdf5Group, is_hdf5
from core.tfjs.limits import MAX_COMPRESSION_RATIO, MAX_FILE_BYTES, MAX_WEIGHT_BYTES

__all__ = ["read_untrusted_hdf5"]

_ROOT = Path(__file__).resolve().parent.parent.parent
_ENVIRONMENT = ("PATH", "SYSTEMROOT", "HOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_BASE_SECONDS = 3
_BYTES_PER_SECOND = 20_000_000
_BASE_BYTES = 96 * 1024 * 1024
_LENGTH = struct.Struct("<Q")


def read_untrusted_hdf5(content: bytes, *, name: str, skip: Collection[str] = ()) -> Hdf5Group:
    """Read a whole HDF5 file in a process of its own.

    Parameters
    ----------
    content, name, skip
        As in :func:`core.tfjs.hdf5.read_hdf5`.

    Returns
    -------
    Hdf5Group
        The same as :func:`core.tfjs.hdf5.read_hdf5` returns.

    Raises
    ------
    ModelError
        Where :func:`core.tfjs.hdf5.read_hdf5` does, and if the file takes the HDF5 library more
        time or memory than its size explains.
    """
    if not is_hdf5(content) or len(content) > MAX_FILE_BYTES:
        from core.tfjs.hdf5 import read_hdf5  # brings the HDF5 library: 29 MB

        return read_hdf5(content, name=name)  # which says why not
    options = {"name": name, "skip": sorted(skip), "bytes": len(content)}
    seconds = _cpu_seconds(len(content))
    # Only what Python and the libraries need: the child has no business with other settings.
    environment = {k: v for k, v in os.environ.items() if k in _ENVIRONMENT}
    environment |= {"OPENBLAS_NUM_THREADS": "1", "HDF5_PLUGIN_PATH": os.devnull}
    try:
        finished = subprocess.run(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "core.tfjs.hdf5_process", json.dumps(options)],
            input=content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_ROOT,
            env=environment,
            timeout=20 * seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ModelError("model_file.hdf5_gave_up", name=name) from None
    if finished.returncode != 0:
        raise ModelError("model_file.hdf5_gave_up", name=name)
    return _unpack(finished.stdout)


def _cpu_seconds(size: int) -> int:
    return _BASE_SECONDS + size // _BYTES_PER_SECOND


def _limit_resources(size: int) -> None:
    """Limit this process to what a file of `size` bytes may need from here on."""
    try:
        import resource
    except ImportError:  # Windows has neither limit; the parent's timeout still holds there
        return
    seconds = _cpu_seconds(size)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Twice the weights: once read, once on their way out.
    weights = min(MAX_WEIGHT_BYTES, 16 * 1024 * 1024 + MAX_COMPRESSION_RATIO * size)
    with contextlib.suppress(OSError):  # no /proc: then there is no address space to count from
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = pages * os.sysconf("SC_PAGE_SIZE") + _BASE_BYTES + 2 * size + 2 * weights
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _pack(root: Hdf5Group) -> Iterator[bytes]:
    arrays = [array for _, array in root.walk()]
    header = json.dumps(_describe(root)).encode()
    yield _LENGTH.pack(len(header)) + header
    for array in arrays:
        yield array.tobytes()


def _describe(group: Hdf5Group) -> dict[str, Any]:
    return {
        "attributes": group.attributes,
        "arrays": [[name, a.dtype.str, a.shape] for name, a in group.arrays.items()],
        "groups": [[name, _describe(inner)] for name, inner in group.groups.items()],
    }


def _unpack(packed: bytes) -> Hdf5Group:
    (length,) = _LENGTH.unpack_from(packed)
    header = json.loads(packed[_LENGTH.size : _LENGTH.size + length])
    if "code" in header:
        raise ModelError(header["code"], **header["fields"])
    group, end = _rebuild(header, packed, _LENGTH.size + length)
    if end != len(packed):
        raise RuntimeError(f"{len(packed) - end} bytes left over from the HDF5 process")
    return group


def _rebuild(header: dict[str, Any], packed: bytes, start: int) -> tuple[Hdf5Group, int]:
    attributes = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in header["attributes"].items()
    }
    group = Hdf5Group(attributes=attributes)
    for name, dtype, shape in header["arrays"]:
        array = np.empty(shape, dtype)
        raw = np.frombuffer(packed, np.uint8, count=array.nbytes, offset=start)
        array.reshape(-1).view(np.uint8)[:] = raw
        group.arrays[name] = array
        start += array.nbytes
    for name, inner in header["groups"]:
        group.groups[name], start = _rebuild(inner, packed, start)
    return group, start


def _main() -> None:
    from core.tfjs.hdf5 import read_hdf5

    options = json.loads(sys.argv[1])
    content = sys.stdin.buffer.read(options["bytes"])
    _limit_resources(options["bytes"])
    try:
        parts = _pack(read_hdf5(content, name=options["name"], skip=options["skip"]))
    except ModelError as error:
        header = json.dumps({"code": error.code, "fields": error.fields}).encode()
        parts = iter([_LENGTH.pack(len(header)) + header])
    for part in parts:
        sys.stdout.buffer.write(part)


if __name__ == "__main__":
    _main()
