"""Show where in a picture a network sees a class.

Exact where the classifier is linear on averaged features: the class activation map of Zhou et
al., "Learning Deep Features for Discriminative Localization", CVPR 2016. Elsewhere by occlusion:
Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.errors import ModelError, UsageError
from core.vision.colormap import VIRIDIS

if TYPE_CHECKING:
    from core.imaging.preprocess import Preprocessing
    from core.vision.classify import Classification

__all__ = [
    "Explainable",
    "Explanation",
    "class_activation_map",
    "explain",
    "occlusion_map",
    "overlay",
]

_WHOLE_PICTURE = (0.0, 0.0, 1.0, 1.0)
_MID_GREY = 127.5


class Runs(Protocol):
    """A network that answers by name: ``logits``, and ``feature_map`` for exact maps."""

    def run(self, array: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return every output for a batch."""


class Explainable(Protocol):
    """What an explanation needs of a model; a Backbone has it."""

    @property
    def model_id(self) -> str:
        """For messages."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes."""

    @property
    def preprocessing(self) -> Preprocessing:
        """How pixels become the input."""

    @property
    def classifier_kernel(self) -> NDArray[np.float32] | None:
        """Weights [c, classes] of a classifier that is linear on averaged features."""

    @property
    def model(self) -> Runs:
        """The network."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """Where in what the network saw a class has its evidence.

    Attributes
    ----------
    heat : ndarray of float32, shape (s, s)
        0 (no evidence for the class, or evidence against it) to 1 (the most in this picture),
        over the network's input of s by s pixels. All 0 if nothing speaks for the class.
    kind : {"cam", "occlusion"}
        Exact class activation map, or drop of the probability under an occluding patch.
    class_index : int
    crop_box : tuple of float
        (left, top, right, bottom) of the network's input, as fractions 0..1 of the picture.
    evidence : ndarray of float32, shape (rows, columns)
        What `heat` is made from. For "cam" the contribution of each cell in logits: their mean
        plus the class's bias is the logit. For "occlusion" the drop of the log-probability (in
        nats) with the patch on each of its places, negative where covering helps the class.
    """

    heat: NDArray[np.float32]
    kind: str
    class_index: int
    crop_box: tuple[float, float, float, float]
    evidence: NDArray[np.float32]


def explain(
    backbone: Explainable,
    classification: Classification,
    *,
    class_index: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Explanation:
    """Return the exact map where the network has one, else the occlusion map.

    Parameters
    ----------
    backbone : Explainable
        The network that made `classification`.
    classification : Classification
    class_index : int, optional
        The class to look for. Defaults to the most probable.
    progress : callable, optional
        As in `occlusion_map`; not called for an exact map, which takes one inference.

    Returns
    -------
    Explanation

    Raises
    ------
    UsageError
        If there is no such class.
    """
    index = classification.predictions[0].index if class_index is None else class_index
    if backbone.classifier_kernel is not None:
        return class_activation_map(
            backbone, classification.tensor, index, crop_box=classification.crop_box
        )
    return occlusion_map(
        backbone,
        classification.tensor,
        index,
        crop_box=classification.crop_box,
        progress=progress,
    )


def class_activation_map(
    backbone: Explainable,
    tensor: NDArray[np.float32],
    class_index: int,
    *,
    crop_box: tuple[float, float, float, float] = _WHOLE_PICTURE,
) -> Explanation:
    """Return how much each place of the last feature map adds to a class's logit.

    Exact: the logit is the mean of the map plus the class's bias.

    Parameters
    ----------
    backbone : Explainable
        One with a `classifier_kernel`.
    tensor : ndarray of float32, shape (1, s, s, 3)
        The network's input.
    class_index : int
    crop_box : tuple of float, optional
        Where `tensor` lies in its picture. Defaults to the whole.

    Returns
    -------
    Explanation
        Of the kind "cam".

    Raises
    ------
    ModelError
        If the network's classifier is not linear on averaged features.
    UsageError
        If there is no such class.
    """
    _check_class(backbone, class_index)
    if backbone.classifier_kernel is None:
        raise ModelError("vision.no_class_map", model=backbone.model_id)
    feature_map = backbone.model.run(tensor)["feature_map"][0]
    evidence = (feature_map @ backbone.classifier_kernel[:, class_index]).astype(np.float32)
    height, width = tensor.shape[1:3]
    upsampled = Image.fromarray(evidence).resize((width, height), Image.Resampling.BILINEAR)
    return Explanation(_normalised(np.asarray(upsampled)), "cam", class_index, crop_box, evidence)


def occlusion_map(
    backbone: Explainable,
    tensor: NDArray[np.float32],
    class_index: int,
    *,
    crop_box: tuple[float, float, float, float] = _WHOLE_PICTURE,
    patch_px: int | None = None,
    stride_px: int | None = None,
    batch_size: int = 8,
    progress: Callable[[int, int], None] | None = None,
) -> Explanation:
    """Return how much a class's log-probability drops when a grey patch covers each place.

    The probability, unlike the logit, counts what a place does for the class's rivals too; its
    logarithm keeps drops apart where the network is all but certain. Works with every network;
    takes one inference for each place of the patch.

    Parameters
    ----------
    backbone : Explainable
    tensor : ndarray of float32, shape (1, s, s, 3)
        The network's input.
    class_index : int
    crop_box : tuple of float, optional
        Where `tensor` lies in its picture. Defaults to the whole.
    patch_px : int, optional
        Side of the square patch in pixels of `tensor`. Defaults to a fifth of its side.
    stride_px : int, optional
        How far the patch moves, in pixels, at most its side. Defaults to half of it. The last
        place of a row or column is at the edge, so that all of the tensor gets covered.
    batch_size : int, optional
        Inputs a call of the network.
    progress : callable, optional
        Called with (places done, places in all) after each call. An exception that it raises
        ends the work.

    Returns
    -------
    Explanation
        Of the kind "occlusion". A pixel's heat comes from the mean drop of all patches over it.

    Raises
    ------
    UsageError
        If there is no such class, or patch or stride are out of range.
    """
    _check_class(backbone, class_index)
    height, width = tensor.shape[1:3]
    limit_px = min(height, width)
    patch = max(1, limit_px // 5) if patch_px is None else patch_px
    stride = max(1, patch // 2) if stride_px is None else stride_px
    if not (1 <= patch <= limit_px and 1 <= stride <= patch):
        raise UsageError("vision.patch", limit_px=limit_px, patch_px=patch, stride_px=stride)
    tops = _places(height, patch, stride)
    lefts = _places(width, patch, stride)
    corners = [(top, left) for top in tops for left in lefts]
    grey = (_MID_GREY - backbone.preprocessing.offset) / backbone.preprocessing.scale
    uncovered = _log_probability(backbone, tensor, class_index)[0]
    drops = np.empty(len(corners), np.float32)
    for start in range(0, len(corners), max(1, batch_size)):
        batch = corners[start : start + max(1, batch_size)]
        covered = np.repeat(tensor, len(batch), axis=0)
        for picture, (top, left) in zip(covered, batch, strict=True):
            picture[top : top + patch, left : left + patch] = grey
        drops[start : start + len(batch)] = uncovered - _log_probability(
            backbone, covered, class_index
        )
        if progress is not None:
            progress(start + len(batch), len(corners))
    total = np.zeros((height, width), np.float64)
    count = np.zeros((height, width), np.float64)
    for drop, (top, left) in zip(drops, corners, strict=True):
        total[top : top + patch, left : left + patch] += drop
        count[top : top + patch, left : left + patch] += 1
    heat = _normalised((total / count).astype(np.float32))
    evidence = drops.reshape(len(tops), len(lefts))
    return Explanation(heat, "occlusion", class_index, crop_box, evidence)


def overlay(
    pixels: NDArray[np.uint8], explanation: Explanation, *, opacity: float = 0.5
) -> NDArray[np.uint8]:
    """Return the picture with the heat over what the network saw of it.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (h, w, 3)
        RGB.
    explanation : Explanation
    opacity : float, optional
        0 (picture only) to 1 (heat only), clipped to that range.

    Returns
    -------
    ndarray of uint8, shape (h, w, 3)
        RGB; dark blue is no heat, yellow the most (viridis). Outside the crop box the picture
        is as it was.
    """
    height, width = pixels.shape[:2]
    left, top, right, bottom = explanation.crop_box
    x0, x1 = round(left * width), max(round(left * width) + 1, round(right * width))
    y0, y1 = round(top * height), max(round(top * height) + 1, round(bottom * height))
    heat = Image.fromarray(explanation.heat).resize((x1 - x0, y1 - y0), Image.Resampling.BILINEAR)
    colours = VIRIDIS[np.rint(np.clip(np.asarray(heat), 0, 1) * 255).astype(np.uint8)]
    weight = np.float32(min(max(opacity, 0.0), 1.0))
    result = pixels.copy()
    inside = result[y0:y1, x0:x1]
    inside[...] = np.rint(
        inside * (1 - weight) + colours[: len(inside), : inside.shape[1]] * weight
    )
    return result


def _log_probability(
    backbone: Explainable, tensors: NDArray[np.float32], class_index: int
) -> NDArray[np.float64]:
    """Return the log of the softmax for one class, from logits so that it never is -inf."""
    logits = backbone.model.run(tensors)["logits"].astype(np.float64)
    highest = logits.max(axis=1, keepdims=True)
    total = np.log(np.exp(logits - highest).sum(axis=1)) + highest[:, 0]
    difference: NDArray[np.float64] = logits[:, class_index] - total
    return difference


def _normalised(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut at 0, for what speaks against a class is no reason for it, and scale to at most 1."""
    positive = np.maximum(values, np.float32(0))
    most = positive.max()
    return positive / most if most > 0 else positive


def _places(length: int, patch: int, stride: int) -> list[int]:
    places = list(range(0, length - patch + 1, stride))
    if places[-1] != length - patch:
        places.append(length - patch)
    return places


def _check_class(backbone: Explainable, class_index: int) -> None:
    if not 0 <= class_index < len(backbone.labels):
        raise UsageError("vision.no_class", index=class_index, last=len(backbone.labels) - 1)
