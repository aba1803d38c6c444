"""Trained weights by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.training.speech.network import build

__all__ = ["blend", "read_weights", "shift_label"]


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


def blend(network: str, parts: Sequence[tuple[float, Path]], out: Path) -> Path:
    """Write the weighted mean of weights of one network, trained one from another.

    After "Model soups: averaging weights of multiple fine-tuned models improves accuracy without
    increasing inference time", Wortsman and others, 2022.

    Parameters
    ----------
    network : str
        A key of ``ARCHITECTURES``.
    parts : sequence of (float, pathlib.Path)
        Shares, which add up to 1, and weights.
    out : pathlib.Path
        A ``.weights.h5`` file.

    Returns
    -------
    pathlib.Path
        `out`.

    Raises
    ------
    ValueError
        If the shares do not add up to 1.
    """
    if abs(sum(share for share, _ in parts) - 1) > 1e-6:
        raise ValueError("the shares must add up to 1")
    model = build(network)
    mean: list[NDArray[np.float32]] = []
    for share, path in parts:
        model.load_weights(path)
        values = [share * np.asarray(variable, np.float32) for variable in model.weights]
        mean = [held + value for held, value in zip(mean, values, strict=True)] if mean else values
    for variable, value in zip(model.weights, mean, strict=True):
        variable.assign(value)
    out.parent.mkdir(parents=True, exist_ok=True)
    model.save_weights(out)
    return out


def shift_label(network: str, path: Path, place: int, by: float) -> Path:
    """Add to the last layer's bias of one label, in place.

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

    Returns
    -------
    pathlib.Path
        `path`.
    """
    model = build(network)
    model.load_weights(path)
    bias = model.get_layer("words").bias
    shifted = np.array(bias)
    shifted[place] += by
    bias.assign(shifted)
    model.save_weights(path)
    return path
