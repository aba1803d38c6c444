"""Where "none of these" begins, found from the taught pictures themselves.

A head's softmax always picks a class, so familiarity is asked of the features instead: the cosine
similarity to the nearest taught picture. The threshold lies between what pictures of no thing
reach and what taught pictures of one class reach among themselves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.pretrained.backbone import TruncatedBackbone
from core.pretrained.convert import golden_input
from core.vision.head import Rejection, pool_features, unit_vectors

__all__ = ["familiarity_rejection", "no_thing_features"]

Array = NDArray[np.float32]

_NO_THINGS = 6
# Of the way from "no thing" to what all but 5 % of the taught pictures reach. Measured with
# EfficientNet-Lite0 and MobileNet 0.25, on logos and on drawn marks, with 5, 10 and 30 pictures a
# class: 0.4 rejects 10 photos of other things and accepts unseen pictures of the classes in other
# styles (least similarity 0.55 to 0.78); 0.5 begins to reject those.
_PART = 0.4
_LOW_QUANTILE = 0.05
# Enough to stand for thousands; a head stays below 1.5 MB.
_MOST_REFERENCES = 256


def no_thing_features(backbone: TruncatedBackbone) -> Array:
    """Return the features of made patterns that show nothing, [k, ...]."""
    side_px = backbone.preprocessing.input_size_px
    patterns = np.concatenate([golden_input(at, side_px) for at in range(_NO_THINGS)])
    return backbone.features(patterns)


def familiarity_rejection(
    features: Array, targets: NDArray[np.int64], groups: NDArray[np.int64], nothing: Array
) -> Rejection:
    """Return a rejection by similarity with a threshold from the data.

    Parameters
    ----------
    features : ndarray of float32, shape (n, ...)
        Of the taught pictures.
    targets, groups : ndarray of int, shape (n,)
        Their classes, and which are duplicates.
    nothing : ndarray of float32, shape (k, ...)
        As :func:`no_thing_features` returns them.

    Returns
    -------
    Rejection
        Without a centre (zeros): measured, plain directions keep strangers and unseen pictures
        of the classes further apart than directions from the mean.
    """
    from threadpoolctl import threadpool_limits

    directions = unit_vectors(pool_features(features))
    # One thread, as in the quick score: on a busy machine several wait for each other.
    with threadpool_limits(1):
        chosen = _spread(directions)
        references = directions[chosen]
        similar = directions @ references.T
    relatives = groups[:, None] == groups[chosen][None]
    same_class = targets[:, None] == targets[chosen][None]
    among_own = np.where(same_class & ~relatives, similar, -np.inf).max(axis=1)
    among_own = among_own[np.isfinite(among_own)]
    floor = float((unit_vectors(pool_features(nothing)) @ references.T).max())
    # With one picture a class there is nothing to compare: half of the way then.
    level = float(np.quantile(among_own, _LOW_QUANTILE)) if len(among_own) else 1.0
    threshold = floor + _PART * (level - floor) if level > floor else level
    threshold = round(float(np.clip(threshold, -1, 1)), 4)
    centre = np.zeros(references.shape[1], np.float32)
    return Rejection("similarity", threshold, centre, references, suggested=threshold)


def _spread(directions: Array) -> NDArray[np.int64]:
    """Return rows that together lie near all others: each the furthest from those before."""
    if len(directions) <= _MOST_REFERENCES:
        return np.arange(len(directions))
    chosen = [0]
    nearest = directions @ directions[0]
    while len(chosen) < _MOST_REFERENCES:
        chosen.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, directions @ directions[chosen[-1]])
    return np.array(sorted(set(chosen)))
