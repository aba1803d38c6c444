"""Trained weights by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.training.speech.network import build

__all__ = ["read_weights"]


def read_weights(network: str, path: Path) -> dict[str, NDArray[np.float32]]:
    """Read the weights that a run kept.

    Parameters
    ----------
    network : str
        A key of ``ARCHITECTURES``.
    path : pathlib.Path
        Such as ``average.weights.h5``.

    Returns
    -------
    dict of str to ndarray
        By layer and variable, such as ``"conv_1/kernel"``.
    """
    model = build(network)
    model.load_weights(path)
    return {
        f"{layer.name}/{variable.name}": np.asarray(variable)
        for layer in model.layers
        for variable in layer.weights
    }
