"""Weight manifests and shards, in both directions.

A manifest is a list of groups. The weights of a group lie one behind the other, little-endian, in
C order and without padding; that byte string is cut into shards without regard to tensors.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from core.tfjs.limits import MAX_RANK, MAX_TENSORS, MAX_WEIGHT_BYTES
from core.tfjs.quantize import Quantization, dequantize, quantize

__all__ = [
    "DEFAULT_SHARD_BYTES",
    "WeightGroup",
    "WeightSpec",
    "decode_group",
    "encode_weights",
    "parse_manifest",
]

DEFAULT_SHARD_BYTES = 4 * 1024 * 1024
_DTYPES = {"float32": "<f4", "int32": "<i4", "bool": "|b1"}
_SHARD_NAME = re.compile(r"[^/\\:\x00-\x1f]{1,255}")


@dataclass(frozen=True)
class WeightSpec:
    """One weight of a manifest.

    Parameters
    ----------
    name : str
        ``"<layer>/<variable>"``.
    shape : tuple of int
        Empty for a scalar.
    dtype : {"float32", "int32", "bool"}
        Type after reading.
    quantization : Quantization or None
        How it is stored, if not as `dtype`.
    optimizer : bool
        Whether it belongs to the optimiser and not to the model.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    quantization: Quantization | None = None
    optimizer: bool = False

    @property
    def stored_dtype(self) -> np.dtype[Any]:
        """Little-endian numpy dtype of the bytes in the shard."""
        if self.quantization is not None:
            return self.quantization.stored_dtype
        return np.dtype(_DTYPES[self.dtype])

    @property
    def stored_bytes(self) -> int:
        """Bytes in the shard."""
        return math.prod(self.shape) * self.stored_dtype.itemsize

    @property
    def size_bytes(self) -> int:
        """Bytes in memory after reading."""
        return math.prod(self.shape) * np.dtype(_DTYPES[self.dtype]).itemsize


@dataclass(frozen=True)
class WeightGroup:
    """One group of a manifest: its shard files in order, and what they hold together."""

    paths: tuple[str, ...]
    specs: tuple[WeightSpec, ...]

    @property
    def stored_bytes(self) -> int:
        """Bytes of all shards together."""
        return sum(spec.stored_bytes for spec in self.specs)


def parse_manifest(manifest: object) -> tuple[WeightGroup, ...]:
    """Check a ``weightsManifest`` from a file that is not trusted; nothing is allocated.

    Parameters
    ----------
    manifest : object
        Parsed JSON.

    Returns
    -------
    tuple of WeightGroup
        Shard paths are plain file names (a leading ``./`` is dropped).

    Raises
    ------
    ModelError
        If a field is missing or of a wrong type, a name comes twice, a shape or the sum of all
        sizes is too large, or a path is no plain file name.
    """
    if not isinstance(manifest, list):
        raise ModelError("model_file.manifest_missing")
    groups = []
    names: set[str] = set()
    paths: set[str] = set()
    total_bytes = 0
    for entry in manifest:
        if not isinstance(entry, dict) or not isinstance(entry.get("weights"), list):
            raise ModelError("model_file.manifest_group", value=repr(entry)[:80])
        if len(names) + len(entry["weights"]) > MAX_TENSORS:
            raise ModelError("model_file.too_many_tensors", limit=MAX_TENSORS)
        specs = tuple(_parse_spec(spec) for spec in entry["weights"])
        for spec in specs:
            if spec.name in names:
                raise ModelError("model_file.weight_twice", name=spec.name[:80])
            names.add(spec.name)
            total_bytes += max(spec.size_bytes, spec.stored_bytes)
        if total_bytes > MAX_WEIGHT_BYTES:
            raise too_large(total_bytes)
        group = WeightGroup(_parse_paths(entry.get("paths")), specs)
        if paths & set(group.paths):
            raise ModelError("model_file.shard_twice", name=min(paths & set(group.paths))[:80])
        paths.update(group.paths)
        groups.append(group)
    return tuple(groups)


def too_large(total_bytes: int) -> ModelError:
    """Return the error for weights that take more memory than a model may."""
    return ModelError(
        "model_file.weights_large",
        size_mb=total_bytes // 1_000_000,
        limit_mb=MAX_WEIGHT_BYTES / 1e6,
    )


def check_shape(shape: object, *, name: str) -> tuple[int, ...]:
    """Return a shape of plain non-negative integers, or refuse it."""
    if (
        not isinstance(shape, list | tuple)
        or len(shape) > MAX_RANK
        or not all(type(size) is int and 0 <= size <= MAX_WEIGHT_BYTES for size in shape)
    ):
        raise ModelError(
            "model_file.weight_shape", name=name[:80], shape=repr(shape)[:80], limit=MAX_RANK
        )
    return tuple(shape)


def _parse_spec(entry: object) -> WeightSpec:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not entry["name"]:
        raise ModelError("model_file.manifest_weight", value=repr(entry)[:80])
    name = entry["name"]
    dtype = entry.get("dtype")
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise ModelError("model_file.weight_dtype", name=name[:80], dtype=repr(dtype)[:40])
    quantization = entry.get("quantization")
    if quantization is not None:
        quantization = Quantization.from_dict(quantization, name=name[:80], original_dtype=dtype)
    return WeightSpec(
        name=name,
        shape=check_shape(entry.get("shape"), name=name),
        dtype=dtype,
        quantization=quantization,
        optimizer=entry.get("group") == "optimizer",
    )


def _parse_paths(paths: object) -> tuple[str, ...]:
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise ModelError("model_file.manifest_group", value=repr(paths)[:80])
    plain = tuple(path.removeprefix("./") for path in paths)
    for path in plain:
        if path in (".", "..") or not _SHARD_NAME.fullmatch(path):
            raise ModelError("model_file.shard_path", path=path[:80])
    if len(set(plain)) != len(plain):
        raise ModelError("model_file.shard_twice", name=plain[0][:80])
    return plain


def decode_group(group: WeightGroup, content: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays of one group.

    Parameters
    ----------
    group : WeightGroup
        From :func:`parse_manifest`, which kept the sizes within the limits.
    content : bytes
        All shards of the group, joined in order.

    Returns
    -------
    dict of str to ndarray
        Writable arrays of their own memory; quantised weights are dequantised. The optimiser's
        weights are left out.

    Raises
    ------
    ModelError
        If there are more or fewer bytes than the manifest says.
    """
    if len(content) != group.stored_bytes:
        raise ModelError(
            "model_file.shard_bytes", expected=group.stored_bytes, received=len(content)
        )
    weights: dict[str, NDArray[Any]] = {}
    start = 0
    for spec in group.specs:
        stored = np.frombuffer(
            content, spec.stored_dtype, count=math.prod(spec.shape), offset=start
        )
        start += spec.stored_bytes
        if spec.optimizer:
            continue
        if spec.quantization is None:
            values = stored.astype(spec.dtype)
        else:
            values = dequantize(stored, spec.quantization)
        weights[spec.name] = values.reshape(spec.shape)
    return weights


def encode_weights(
    weights: Mapping[str, NDArray[Any]],
    *,
    groups: Sequence[Iterable[str]] | None = None,
    quantization: Mapping[str, str] | None = None,
    shard_bytes: int = DEFAULT_SHARD_BYTES,
) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
    """Return a manifest and its shard files.

    Parameters
    ----------
    weights : mapping of str to ndarray
        Float32, int32 or bool arrays by name.
    groups : sequence of iterable of str, optional
        The names of each group, every name once; one group in the mapping's order by default.
    quantization : mapping of str to str, optional
        ``"uint8"``, ``"uint16"`` or ``"float16"`` by weight name. Only float32 weights can be
        quantised; others are stored as they are.
    shard_bytes : int
        Size of every shard but a group's last, in bytes.

    Returns
    -------
    manifest : list of dict
        The ``weightsManifest`` of model.json.
    files : dict of str to bytes
        ``group{g}-shard{i}of{n}.bin``; an empty group has none.
    """
    if shard_bytes <= 0:
        raise ValueError(f"shard_bytes must be positive, not {shard_bytes}")
    quantization = quantization or {}
    manifest: list[dict[str, Any]] = []
    files: dict[str, bytes] = {}
    for number, names in enumerate([list(weights)] if groups is None else groups, start=1):
        entries = []
        parts = []
        for name in names:
            entry, part = _encode(name, weights[name], quantization.get(name))
            entries.append(entry)
            parts.append(part)
        content = b"".join(parts)
        count = -(-len(content) // shard_bytes)
        paths = [f"group{number}-shard{i + 1}of{count}.bin" for i in range(count)]
        for i, path in enumerate(paths):
            files[path] = content[i * shard_bytes : (i + 1) * shard_bytes]
        manifest.append({"paths": paths, "weights": entries})
    return manifest, files


def _encode(name: str, values: NDArray[Any], dtype: str | None) -> tuple[dict[str, Any], bytes]:
    if values.dtype.name not in _DTYPES:
        raise ModelError("model_file.weight_dtype", name=name[:80], dtype=values.dtype.name)
    entry: dict[str, Any] = {
        "name": name,
        "shape": list(values.shape),
        "dtype": values.dtype.name,
    }
    if dtype is None or values.dtype != np.float32:
        return entry, values.astype(_DTYPES[values.dtype.name]).tobytes()
    codes, quantized = quantize(values, dtype, name=name)
    entry["quantization"] = quantized.to_dict()
    return entry, codes.astype(quantized.stored_dtype).tobytes()
