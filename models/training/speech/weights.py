"""Trained weights by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.training.speech.network import build

__all__ = ["mean_of", "read_weights", "shift_label"]


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


def mean_of(network: str, paths: Sequence[Path], out: Path) -> Path:
    """Write the mean of weights of one network that were trained from the same beginning.

    After "Model soups: averaging weights of multiple fine-tuned models improves accuracy without
    increasing inference time", Wortsman and others, 2022.

    Parameters
    ----------
    network : str
        A key of ``ARCHITECTURES``.
    paths : sequence of pathlib.Path
        ``.weights.h5`` files, one or more.
    out : pathlib.Path
        A ``.weights.h5`` file.

    Returns
    -------
    pathlib.Path
        `out`.
    """
    model = build(network)
    sums = [np.zeros(variable.shape) for variable in model.weights]
    for path in paths:
        model.load_weights(path)
        for held, variable in zip(sums, model.weights, strict=True):
            held += np.asarray(variable)
    for held, variable in zip(sums, model.weights, strict=True):
        variable.assign((held / len(paths)).astype(np.float32))
    out.parent.mkdir(parents=True, exist_ok=True)
    model.save_weights(out)
    return out


def shift_label(network: str, path: Path, place: int, by: float, out: Path) -> Path:
    """Write weights with something added to the last layer's bias of one label.

    After "Long-tail learning via logit adjustment", Menon and others, 2021: what a label got by
    being often in the batches is taken from it again.

    Parameters
    ----------
    network : str
        A key of ``ARCHITECTURES``.
    path : pathlib.Path
        A ``.weights.h5`` file.
    place : int
        Of the label.
    by : float
        In natural logarithms of probability, before they are made to add up to 1.
    out : pathlib.Path
        A ``.weights.h5`` file.

    Returns
    -------
    pathlib.Path
        `out`.
    """
    model = build(network)
    model.load_weights(path)
    bias = model.get_layer("words").bias
    shifted = np.array(bias)
    shifted[place] += by
    bias.assign(shifted)
    out.parent.mkdir(parents=True, exist_ok=True)
    model.save_weights(out)
    return out
