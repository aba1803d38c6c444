"""The networks that weights are set into: one function a family, from weights to a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from core.inference.network import Network
from core.pretrained.architectures import (
    efficientnet_lite,
    mobilenet_v1,
    mobilenet_v2,
    mobilenet_v3,
)
from core.pretrained.architectures.blocks import ArraySource, ShapeRecorder

__all__ = ["ARCHITECTURES", "Architecture", "expected_shapes"]


@dataclass(frozen=True)
class Architecture:
    """A family of networks that share one function.

    Parameters
    ----------
    name : str
        As the catalogue names it.
    family : str
        For people.
    build : callable
        ``build(weights, alpha=..., classes=..., input_size_px=...)`` returns the network; its
        outputs are ``logits``, ``probabilities``, ``embedding`` and ``feature_map``.
    alphas : tuple of float
        Widths for which published weights exist.
    classifier : str or None
        Layer whose kernel and bias make the logits from the embedding, where that is all that
        lies between them.
    is_torch : bool
        Whether its published weights are a PyTorch state dict.
    """

    name: str
    family: str
    build: Callable[..., Network]
    alphas: tuple[float, ...]
    classifier: str | None
    is_torch: bool = False


ARCHITECTURES: dict[str, Architecture] = {
    entry.name: entry
    for entry in (
        Architecture(
            "efficientnet_lite0",
            "EfficientNet-Lite",
            efficientnet_lite.efficientnet_lite0,
            (1.0,),
            "predictions",
            is_torch=True,
        ),
        Architecture(
            "mobilenet_v1",
            "MobileNet V1",
            mobilenet_v1.mobilenet_v1,
            (0.25, 0.5, 0.75, 1.0),
            "conv_preds",
        ),
        Architecture(
            "mobilenet_v2",
            "MobileNet V2",
            mobilenet_v2.mobilenet_v2,
            (0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
            "predictions",
        ),
        Architecture(
            "mobilenet_v3_large",
            "MobileNet V3",
            mobilenet_v3.mobilenet_v3_large,
            (0.75, 1.0),
            None,
        ),
    )
}


@cache
def expected_shapes(name: str, alpha: float, classes: int) -> dict[str, tuple[int, ...]]:
    """Return the weights that an architecture needs.

    Parameters
    ----------
    name : str
        A key of `ARCHITECTURES`.
    alpha : float
    classes : int

    Returns
    -------
    dict of str to tuple of int
        Shapes by ``"<layer>/<variable>"``, in the order in which Keras creates the layers.
    """
    recorder: ArraySource = ShapeRecorder()
    ARCHITECTURES[name].build(recorder, alpha=alpha, classes=classes)
    return recorder.shapes
