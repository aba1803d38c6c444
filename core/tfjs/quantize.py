"""Affine and half-precision quantisation of weights, number for number as the converter does it.

Source: ``quantization.py`` of the TensorFlow.js converter 4.22. All arithmetic is in float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError

__all__ = ["QUANTIZED_DTYPES", "Quantization", "dequantize", "quantize"]

QUANTIZED_DTYPES = ("uint8", "uint16", "float16")
_FLOAT32_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Quantization:
    """How one tensor is stored: ``value = code * scale + minimum``, or as float16.

    Parameters
    ----------
    dtype : {"uint8", "uint16", "float16"}
        Type of the stored numbers.
    scale, minimum : float or None
        Finite; ``None`` for float16.
    original_dtype : {"float32", "int32"}
        Type after reading.
    """

    dtype: str
    scale: float | None = None
    minimum: float | None = None
    original_dtype: str = "float32"

    @property
    def stored_dtype(self) -> np.dtype[Any]:
        """Little-endian numpy dtype of the stored numbers."""
        return np.dtype(self.dtype).newbyteorder("<")

    def to_dict(self) -> dict[str, str | float]:
        """Return the manifest's ``quantization`` object."""
        entry: dict[str, str | float] = {"dtype": self.dtype}
        if self.scale is not None and self.minimum is not None:
            entry.update(min=self.minimum, scale=self.scale)
        return {**entry, "original_dtype": self.original_dtype}

    @classmethod
    def from_dict(cls, entry: object, *, name: str, original_dtype: str) -> Quantization:
        """Check a manifest's ``quantization`` object.

        Parameters
        ----------
        entry : object
            Parsed JSON from a file that is not trusted.
        name : str
            Name of the weight, for the message.
        original_dtype : str
            The ``dtype`` of the weight's manifest entry: old files do not repeat it.

        Raises
        ------
        ModelError
            If a field is missing, of a wrong type, or not finite.
        """
        if not isinstance(entry, Mapping) or entry.get("dtype") not in QUANTIZED_DTYPES:
            raise ModelError("model_file.quantization_dtype", name=name, value=repr(entry)[:80])
        original = entry.get("original_dtype", original_dtype)
        if original not in ("float32", "int32") or original != original_dtype:
            raise ModelError(
                "model_file.quantization_original", name=name, value=repr(original)[:40]
            )
        if entry["dtype"] == "float16":
            if original != "float32":
                raise ModelError("model_file.quantization_original", name=name, value=original)
            return cls("float16")
        scale, minimum = entry.get("scale"), entry.get("min")
        highest = 255 if entry["dtype"] == "uint8" else 65535
        if not (
            _is_number(scale)
            and _is_number(minimum)
            and scale > 0
            and max(abs(minimum), abs(minimum + highest * scale)) <= _FLOAT32_MAX
        ):
            raise ModelError(
                "model_file.quantization_range",
                name=name,
                scale=repr(scale)[:40],
                minimum=repr(minimum)[:40],
            )
        return cls(str(entry["dtype"]), float(scale), float(minimum), str(original))


def quantize(
    values: NDArray[np.float32], dtype: str, *, name: str = "weight"
) -> tuple[NDArray[Any], Quantization]:
    """Quantise one tensor.

    Parameters
    ----------
    values : ndarray of float32
        Any shape; finite.
    dtype : {"uint8", "uint16", "float16"}
    name : str
        Name of the weight, for the message.

    Returns
    -------
    codes : ndarray
        Same shape, dtype as asked for.
    quantization : Quantization
        What :func:`dequantize` needs. Zero is kept exactly where the range includes it.

    Raises
    ------
    ModelError
        If a value is not finite, or too large for float16.
    """
    if dtype not in QUANTIZED_DTYPES:
        raise ValueError(f"dtype must be one of {QUANTIZED_DTYPES}, not {dtype!r}")
    if not np.isfinite(values).all():
        raise ModelError("model_file.quantize_not_finite", name=name)
    if dtype == "float16":
        with np.errstate(over="ignore"):
            halves = values.astype(np.float16)
        if not np.isfinite(halves).all():
            raise ModelError("model_file.quantize_too_large", name=name)
        return halves, Quantization("float16")
    code_dtype = np.uint8 if dtype == "uint8" else np.uint16
    low = float(values.min()) if values.size else 0.0
    high = float(values.max()) if values.size else 0.0
    if low == high:
        return np.zeros(values.shape, code_dtype), Quantization(dtype, 1.0, low)
    highest = float(np.iinfo(code_dtype).max)
    scale = (high - low) / highest
    if low <= 0 <= high:
        # Zero gets a code of its own, because padding and dead units are exact zeros.
        low = -float(np.round((0.0 - low) / scale)) * scale
        high = highest * scale + low
    clipped = np.clip(values.astype(np.float64), low, high)
    codes = np.round((clipped - low) / scale)
    return codes.astype(code_dtype), Quantization(dtype, scale, low)


def dequantize(codes: NDArray[Any], quantization: Quantization) -> NDArray[Any]:
    """Return the values that quantised numbers stand for.

    Parameters
    ----------
    codes : ndarray
        Of the quantisation's ``dtype``; any shape.
    quantization : Quantization

    Returns
    -------
    ndarray of float32 or int32
        Same shape; int32 values are rounded.
    """
    if quantization.scale is None or quantization.minimum is None:
        return codes.astype(np.float32)
    # A table of every possible code costs no temporary float64 array of the tensor's size.
    table = np.arange(256 if quantization.dtype == "uint8" else 65536, dtype=np.float64)
    table = table * quantization.scale + quantization.minimum
    if quantization.original_dtype == "int32":
        limits = np.iinfo(np.int32)
        table = np.clip(np.round(table), limits.min, limits.max)
    dequantized: NDArray[Any] = table.astype(quantization.original_dtype)[codes]
    return dequantized


def _is_number(value: object) -> TypeGuard[float]:
    # The comparison is false for NaN, and works for integers that are too large for a float.
    return isinstance(value, int | float) and value is not True and abs(value) <= _FLOAT32_MAX
