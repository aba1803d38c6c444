"""A pretrained network that is ready to run, with all that its users need to know about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.imaging.preprocess import Preprocessing
from core.inference.litert import LiteRtModel

__all__ = ["OUTPUTS", "Backbone"]

OUTPUTS = ("logits", "probabilities", "embedding", "feature_map")
"""What every backbone computes: [n, classes] twice, [n, c] and [n, h, w, c]."""


@dataclass(frozen=True, eq=False)
class Backbone:
    """A pretrained network, ready for any thread.

    Parameters
    ----------
    model_id : str
        As the store lists it.
    title : str
        For people.
    labels : tuple of str
        Readable names of the classes, in the order of the outputs.
    preprocessing : Preprocessing
        How pixels become the input.
    model : LiteRtModel
        ``model.run(tensor)`` returns the four `OUTPUTS` by name: ``logits`` and
        ``probabilities`` [n, classes], ``embedding`` [n, c], the features after pooling, and
        ``feature_map`` [n, h, w, c], the last one before pooling.
    classifier_kernel : ndarray of float32, shape (c, classes), or None
        ``logits = embedding @ classifier_kernel + classifier_bias`` where that is so, which
        makes the class activation map exact; None for MobileNet V3.
    classifier_bias : ndarray of float32, shape (classes,), or None
    size_bytes : int
        Of the LiteRT model.
    parameters : int
        Number of weights, as Keras counts them.
    accuracy_top1 : float or None
        On ImageNet's validation set, 0..1, as published; None for a user's model.
    source : {"package", "user", "cache", "download"}
        Where the weights came from.
    licence : str
    """

    model_id: str
    title: str
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    model: LiteRtModel
    classifier_kernel: NDArray[np.float32] | None
    classifier_bias: NDArray[np.float32] | None
    size_bytes: int
    parameters: int
    accuracy_top1: float | None
    source: str
    licence: str
