"""Grows a trained network by channels and a layer, at first with the same answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.training.speech.network import ARCHITECTURES, build
from models.training.speech.weights import read_weights

__all__ = ["grow"]

_EPSILON = 1e-3
# How much of a fresh layer's usual size the links from new channels begin with: nearly nothing,
# so that what was learned still holds, but not nothing, so that they learn.
_FRESH = 0.1


def grow(
    old: str,
    weights: Path,
    new: str,
    inserted: int,
    batch: NDArray[np.float32],
    out: Path,
    *,
    seed: int,
) -> Path:
    """Write weights of a larger network that answers nearly as a smaller one does.

    The channels that both have are copied; new ones begin at random, with weak links onward; the
    layer that only the new network has begins as the identity. After "Net2Net: Accelerating
    Learning via Knowledge Transfer", Chen and others, 2015, with new channels in place of copies.

    Parameters
    ----------
    old, new : str
        Keys of ``ARCHITECTURES``; the new one has one convolution more.
    weights : pathlib.Path
        Of the old network.
    inserted : int
        Place of the new convolution, counted from 1.
    batch : ndarray of shape (windows, 43, 232, 1), float32
        Normalised windows that set the scales of the new parts.
    out : pathlib.Path
        A ``.weights.h5`` file.
    seed : int
        Of the new channels.

    Returns
    -------
    pathlib.Path
        `out`.

    Raises
    ------
    ValueError
        If the networks do not differ by one convolution.
    """
    import keras

    if len(ARCHITECTURES[new][0]) != len(ARCHITECTURES[old][0]) + 1:
        raise ValueError(f"{new} must have one convolution more than {old}")
    source = read_weights(old, weights)
    keras.utils.set_random_seed(seed)
    model = build(new)
    through = batch
    for place in range(1, len(ARCHITECTURES[new][0]) + 1):
        conv, norm = model.get_layer(f"conv_{place}"), model.get_layer(f"norm_{place}")
        origin = place - (place > inserted)
        if place == inserted:
            kernel = np.zeros(conv.kernel.shape, np.float32)
            middle = (kernel.shape[0] // 2, kernel.shape[1] // 2)
            kernel[middle] = np.eye(*kernel.shape[2:], dtype=np.float32)
            conv.kernel.assign(kernel)
        else:
            conv.kernel.assign(_with(np.asarray(conv.kernel), source[f"conv_{origin}/kernel"]))
        plain = np.asarray(conv(through))
        mean, variance = plain.mean(axis=(0, 1, 2)), plain.var(axis=(0, 1, 2))
        scale = np.sqrt(variance + _EPSILON) if place == inserted else np.ones_like(mean)
        fresh = {
            "gamma": scale,
            "beta": mean if place == inserted else np.zeros_like(mean),
            "moving_mean": mean,
            "moving_variance": variance,
        }
        for name, value in fresh.items():
            known = source[f"norm_{origin}/{name}"] if place != inserted else value
            value[: known.size] = known
            getattr(norm, name).assign(value)
        through = np.maximum(np.asarray(norm(plain, training=False)), 0)
    for name in ("embedding", "words"):
        layer = model.get_layer(name)
        layer.kernel.assign(_with(np.asarray(layer.kernel), source[f"{name}/kernel"]))
        layer.bias.assign(source[f"{name}/bias"])
    model.save_weights(out)
    return out


def _with(fresh: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.float32]:
    """Put a trained kernel into the first channels of a fresh one."""
    rows, columns = known.shape[-2:]
    out = fresh.copy()
    out[..., rows:, :columns] *= _FRESH
    out[..., :rows, :columns] = known
    return out
