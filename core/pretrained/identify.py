"""Which architecture a file's weights belong to, and how wide it is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from core.pretrained.architectures import ARCHITECTURES, Architecture, expected_shapes
from core.pretrained.keras_weights import StoredWeights, match_weights

__all__ = ["Identified", "identify"]

# Families whose weights Keras and TensorFlow.js save; the other comes from PyTorch.
_KERAS_FAMILIES = ("mobilenet_v1", "mobilenet_v2", "mobilenet_v3_large")
_MAX_CLASSES = 100_000
_DEFAULT_INPUT_SIZE_PX = 224
# The padding of these networks is written for sides that halve five times.
_SIZE_STEP_PX, _MAX_INPUT_SIZE_PX = 32, 512


@dataclass(frozen=True, eq=False)
class Identified:
    """Weights that fit an architecture.

    Parameters
    ----------
    architecture : Architecture
    alpha : float
        Width multiplier.
    classes : int
    input_size_px : int
    arrays : dict of str to ndarray of float32
        Under the architecture's names.
    """

    architecture: Architecture
    alpha: float
    classes: int
    input_size_px: int
    arrays: dict[str, NDArray[np.float32]]

    @property
    def parameters(self) -> int:
        """Number of weights, as Keras counts them."""
        return _count(self.architecture.name, self.alpha, self.classes)

    def without_arrays(self) -> Identified:
        """Return the description alone, which is small enough to keep."""
        return replace(self, arrays={})


def identify(stored: StoredWeights, *, name: str) -> Identified:
    """Find the architecture that weights belong to.

    Parameters
    ----------
    stored : StoredWeights
    name : str
        The file's name, for the message.

    Returns
    -------
    Identified

    Raises
    ------
    ModelError
        If no known architecture has exactly these weights, or its input has a side that it
        cannot take.
    """
    for family in _KERAS_FAMILIES:
        architecture = ARCHITECTURES[family]
        for alpha in architecture.alphas:
            classes = _classes(family, alpha, stored.parameters)
            if classes is None:
                continue
            arrays = match_weights(stored, expected_shapes(family, alpha, classes))
            if arrays is not None:
                size = stored.input_size_px or _DEFAULT_INPUT_SIZE_PX
                if size % _SIZE_STEP_PX or not 0 < size <= _MAX_INPUT_SIZE_PX:
                    raise ModelError(
                        "pretrained.input_size",
                        name=name[:80],
                        size_px=size,
                        step_px=_SIZE_STEP_PX,
                        limit_px=_MAX_INPUT_SIZE_PX,
                    )
                return Identified(architecture, alpha, classes, size, arrays)
    raise ModelError(
        "pretrained.unknown_architecture",
        name=name[:80],
        layers=len(stored.layers),
        parameters=stored.parameters,
    )


def _classes(family: str, alpha: float, parameters: int) -> int | None:
    """Return the number of classes with which the network has so many parameters."""
    one, two = (_count(family, alpha, classes) for classes in (1, 2))
    further, rest = divmod(parameters - one, two - one)
    return further + 1 if rest == 0 and 0 <= further < _MAX_CLASSES else None


def _count(family: str, alpha: float, classes: int) -> int:
    return sum(map(math.prod, expected_shapes(family, alpha, classes).values()))
