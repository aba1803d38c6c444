"""What happened to one picture's numbers on the way into the network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.imaging.preprocess import Preprocessing
from core.vision.classify import Classification

__all__ = ["TensorSummary", "describe_tensor"]

_BINS = 40


@dataclass(frozen=True)
class TensorSummary:
    """A picture as the network reads it.

    Attributes
    ----------
    shape : tuple of int
        (1, height, width, 3).
    dtype : str
    least, most, mean : float
        Over all values of the tensor, without unit.
    pixel_before : tuple of int
        Red, green and blue of the pixel in the middle, 0 to 255.
    pixel_after : tuple of float
        The same pixel in the tensor.
    edges : tuple of float
        Bounds of the histogram's bins, one more than there are bins.
    counts : tuple of int
        Values in each bin.
    """

    shape: tuple[int, ...]
    dtype: str
    least: float
    most: float
    mean: float
    pixel_before: tuple[int, ...]
    pixel_after: tuple[float, ...]
    edges: tuple[float, ...]
    counts: tuple[int, ...]


def describe_tensor(classification: Classification, preprocessing: Preprocessing) -> TensorSummary:
    """Return the numbers that explain a picture's way into the network.

    Parameters
    ----------
    classification : Classification
    preprocessing : Preprocessing
        The contract of the model that made it.

    Returns
    -------
    TensorSummary
    """
    tensor = classification.tensor
    middle = tensor[0, tensor.shape[1] // 2, tensor.shape[2] // 2]
    counts, edges = np.histogram(tensor, bins=_BINS)
    return TensorSummary(
        shape=tensor.shape,
        dtype=str(tensor.dtype),
        least=float(tensor.min()),
        most=float(tensor.max()),
        mean=float(tensor.mean()),
        pixel_before=tuple(
            round(float(value) * preprocessing.scale + preprocessing.offset) for value in middle
        ),
        pixel_after=tuple(float(value) for value in middle),
        edges=tuple(float(edge) for edge in edges),
        counts=tuple(int(count) for count in counts),
    )
