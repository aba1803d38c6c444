"""One layer of a network, and the checked reading of its attributes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError

__all__ = ["Node", "Shape"]

Shape = tuple[int, ...]

# No layer of a picture or sound network comes near this; it keeps sums far from overflow.
_MAX_INTEGER = 1 << 20


@dataclass(frozen=True, eq=False)
class Node:
    """One layer: an operation on the outputs of earlier layers.

    Parameters
    ----------
    name : str
        Unique in its network; an output can be asked for by it.
    op : str
        Name of the operation, such as ``"conv2d"``; :mod:`core.inference.shapes` has them all.
    inputs : tuple of str
        Names of the layers it reads.
    attributes : mapping of str to object, optional
        Its settings, such as ``{"strides": (2, 2), "padding": "same"}``.
    weights : mapping of str to ndarray of float32, optional
        Its arrays in Keras layout, such as ``{"kernel": ..., "bias": ...}``.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, object] = field(default_factory=dict)
    weights: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def integer(self, key: str, *, least: int = 0) -> int:
        """Return an attribute that must be a whole number of at least `least`."""
        return self._checked_integer(key, self.attributes.get(key), least)

    def integers(self, key: str, *, count: int | None = None, least: int = 0) -> Shape:
        """Return an attribute that must be a tuple of `count` whole numbers."""
        value = self.attributes.get(key)
        if not isinstance(value, list | tuple) or (count is not None and len(value) != count):
            wanted = "whole numbers" if count is None else f"{count} whole numbers"
            raise self.refuse(key, wanted, value)
        return tuple(self._checked_integer(key, entry, least) for entry in value)

    def number(self, key: str) -> float:
        """Return an attribute that must be a finite number."""
        value = self.attributes.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refuse(key, "a number", value)
        if not math.isfinite(value):
            raise self.refuse(key, "a finite number", value)
        return float(value)

    def choice(self, key: str, *allowed: object) -> object:
        """Return an attribute that must be one of `allowed`."""
        value = self.attributes.get(key)
        if not any(value is option or value == option for option in allowed):
            raise self.refuse(key, " or ".join(repr(option) for option in allowed), value)
        return value

    def weight(self, key: str, shape: Shape) -> NDArray[np.float32]:
        """Return a weight that must be float32 and of `shape` (-1 leaves an axis free)."""
        array = self.weights.get(key)
        if array is None:
            raise ModelError("network.weight_missing", name=self.name, weight=key)
        fits = array.ndim == len(shape) and all(
            want in (-1, have) for want, have in zip(shape, array.shape, strict=True)
        )
        if not fits or array.dtype != np.float32 or array.size == 0:
            raise ModelError(
                "network.bad_weight",
                name=self.name,
                weight=key,
                expected="float32 [" + ", ".join("n" if n < 0 else str(n) for n in shape) + "]",
                received=f"{array.dtype} {list(array.shape)}",
            )
        return array

    def refuse(self, key: str, expected: str, received: object) -> ModelError:
        """Return the error that says what `key` should have been."""
        return ModelError(
            "network.bad_attribute",
            name=self.name,
            op=self.op,
            attribute=key,
            expected=expected,
            received=repr(received)[:80],
        )

    def _checked_integer(self, key: str, value: object, least: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.refuse(key, "a whole number", value)
        if not least <= value <= _MAX_INTEGER:
            raise self.refuse(key, f"between {least} and {_MAX_INTEGER}", value)
        return value
