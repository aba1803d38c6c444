"""What was taught: a small head on a pretrained network's features, as plain frozen data.

A head holds numpy arrays and settings and nothing else, so that every export and the project file
can be written from it, and it runs without Keras: a few matrix products.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from core.imaging.preprocess import Preprocessing
from core.inference.node import Shape

__all__ = [
    "ACTIVATIONS",
    "REJECTION_KINDS",
    "DenseLayer",
    "ImageHead",
    "Rejection",
    "pool_features",
    "softmax",
    "unit_vectors",
]

Array = NDArray[np.float32]

ACTIVATIONS = ("linear", "relu", "softmax")
REJECTION_KINDS = ("similarity", "probability", "none")
_MAX_LAYERS = 8
_MAX_CLASSES = 1000


@dataclass(frozen=True, eq=False)
class DenseLayer:
    """One fully connected layer.

    Parameters
    ----------
    kernel : ndarray of float32, shape (inputs, outputs)
    bias : ndarray of float32, shape (outputs,)
    activation : {"linear", "relu", "softmax"}

    Raises
    ------
    ModelError
        If arrays do not fit each other, are not float32 or hold what is not a finite number.
    """

    kernel: Array
    bias: Array
    activation: str

    def __post_init__(self) -> None:
        fits = (
            self.kernel.ndim == 2
            and self.kernel.size > 0
            and self.bias.shape == self.kernel.shape[1:]
            and self.kernel.dtype == self.bias.dtype == np.float32
        )
        if not fits or self.activation not in ACTIVATIONS:
            raise _broken(
                "float32 kernel [inputs, outputs] and bias [outputs], " + "/".join(ACTIVATIONS),
                f"{self.kernel.dtype} {list(self.kernel.shape)}, {self.bias.dtype} "
                f"{list(self.bias.shape)}, {str(self.activation)[:20]}",
            )
        if not (np.isfinite(self.kernel).all() and np.isfinite(self.bias).all()):
            raise _broken("finite weights", "infinite ones or NaN")

    def apply(self, values: Array) -> Array:
        """Return the layer's output for [n, inputs]: [n, outputs]."""
        made: Array = values @ self.kernel + self.bias
        if self.activation == "relu":
            return np.maximum(made, 0)
        return softmax(made) if self.activation == "softmax" else made


@dataclass(frozen=True, eq=False)
class Rejection:
    """When a picture is "none of these".

    Parameters
    ----------
    kind : {"similarity", "probability", "none"}
        What is compared with the threshold: the cosine similarity of the picture's pooled
        features to the nearest reference, both without `centre`; the greatest calibrated
        probability; or nothing, so that no picture is ever rejected.
    threshold : float
        Pictures below it are rejected: -1..1 for similarity, 0..1 for probability.
    centre : ndarray of float32, shape (c,), or None
        Subtracted from pooled features; for "similarity" only, as the next.
    references : ndarray of float32, shape (m, c), or None
        Directions of length 1 of the taught samples.
    suggested : float or None
        The threshold that the data gave; kept when somebody moves `threshold`.
    """

    kind: str
    threshold: float
    centre: Array | None = None
    references: Array | None = None
    suggested: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in REJECTION_KINDS or not math.isfinite(self.threshold):
            raise _broken(
                "a rejection by " + ", ".join(REJECTION_KINDS) + " with a finite threshold",
                f"{str(self.kind)[:20]} {self.threshold}",
            )
        if self.kind == "similarity":
            fits = (
                self.centre is not None
                and self.references is not None
                and self.references.ndim == 2
                and self.references.size > 0
                and self.centre.shape == self.references.shape[1:]
                and self.centre.dtype == self.references.dtype == np.float32
                and bool(np.isfinite(self.centre).all())
                and bool(np.isfinite(self.references).all())
            )
            if not fits:
                raise _broken("float32 centre [c] and references [m, c]", "others")

    def scores(self, features: Array, probabilities: Array) -> Array:
        """Return how familiar pictures are, higher is more.

        Parameters
        ----------
        features : ndarray of float32, shape (n, ...)
            As the head takes them.
        probabilities : ndarray of float32, shape (n, classes)

        Returns
        -------
        ndarray of float32, shape (n,)
        """
        if self.centre is not None and self.references is not None:
            directions = unit_vectors(pool_features(features) - self.centre)
            nearest: Array = (directions @ self.references.T).max(axis=1)
            return nearest
        best: Array = probabilities.max(axis=1)
        return best

    def rejects(self, scores: Array) -> NDArray[np.bool_]:
        """Return for each score whether its picture is none of the taught classes."""
        if self.kind == "none":
            return np.zeros(len(scores), bool)
        below: NDArray[np.bool_] = scores < self.threshold
        return below


@dataclass(frozen=True, eq=False)
class ImageHead:
    """Classes taught on a pretrained network's features.

    Parameters
    ----------
    labels : tuple of str
        Names of the classes in the order of the outputs, as their teacher wrote them.
    backbone_id : str
        Model id of the network below, as the store lists it.
    layer : str
        Its layer that is read, such as ``"conv_pw_13_relu"`` or ``"embedding"``.
    pooled : bool
        Whether the features are means over height and width.
    feature_shape : tuple of int
        Of one picture: ``(c,)`` pooled, else ``(h, w, c)``, flattened in that order.
    dense : tuple of DenseLayer
        The last one ends in a softmax.
    preprocessing : Preprocessing
        From pixels to the network's input; the same when taught and when used.
    rejection : Rejection or None
    temperature : float
        By which the logits were divided so that probabilities are calibrated. The last layer's
        weights are divided by it already: whoever runs or exports the head need not know it.
    backbone_sha256 : str
        Of the network's weights; empty where unknown.
    settings : mapping
        How it was trained, plain JSON values.
    trained_on : mapping
        What it was trained on and how well it did, plain JSON values.

    Raises
    ------
    ModelError
        If the parts do not fit each other.
    """

    labels: tuple[str, ...]
    backbone_id: str
    layer: str
    pooled: bool
    feature_shape: Shape
    dense: tuple[DenseLayer, ...]
    preprocessing: Preprocessing
    rejection: Rejection | None = None
    temperature: float = 1.0
    backbone_sha256: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    trained_on: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 1 <= len(self.dense) <= _MAX_LAYERS or not 2 <= len(self.labels) <= _MAX_CLASSES:
            raise _broken(
                f"1 to {_MAX_LAYERS} layers and 2 to {_MAX_CLASSES} classes",
                f"{len(self.dense)} layers and {len(self.labels)} classes",
            )
        if len(set(self.labels)) != len(self.labels):
            raise _broken("class names that differ", "equal ones")
        width = math.prod(self.feature_shape)
        for layer in self.dense:
            if layer.kernel.shape[0] != width:
                raise _broken(f"a layer of {width} inputs", f"{layer.kernel.shape[0]}")
            width = layer.kernel.shape[1]
        if width != len(self.labels) or self.dense[-1].activation != "softmax":
            raise _broken(
                f"a last softmax over {len(self.labels)} classes",
                f"{self.dense[-1].activation} over {width}",
            )
        if any(layer.activation == "softmax" for layer in self.dense[:-1]):
            raise _broken("one softmax, in the last layer", "another before it")
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise _broken("a temperature above 0", str(self.temperature))
        rejection = self.rejection
        if (
            rejection is not None
            and rejection.centre is not None
            and rejection.centre.shape[0] != self.feature_shape[-1]
        ):
            raise _broken(
                f"a rejection on {self.feature_shape[-1]} features", str(rejection.centre.shape[0])
            )

    def logits(self, features: Array) -> Array:
        """Return what the last softmax reads: float32 [n, classes]."""
        if features.dtype != np.float32 or features.shape[1:] != tuple(self.feature_shape):
            raise _broken(
                f"float32 features of [n, {', '.join(map(str, self.feature_shape))}]",
                f"{features.dtype} {list(features.shape)}",
            )
        values = features.reshape(len(features), -1)
        for layer in self.dense[:-1]:
            values = layer.apply(values)
        return replace(self.dense[-1], activation="linear").apply(values)

    def probabilities(self, features: Array) -> Array:
        """Return the probability of each class.

        Parameters
        ----------
        features : ndarray of float32, shape (n, ...)
            Of `feature_shape` each.

        Returns
        -------
        ndarray of float32, shape (n, classes)
            Each row sums to 1.

        Raises
        ------
        ModelError
            If the features are of another shape or type.
        """
        return softmax(self.logits(features))

    def with_temperature(self, temperature: float) -> ImageHead:
        """Return the head whose raw logits are divided by another temperature."""
        last = self.dense[-1]
        factor = np.float32(self.temperature / temperature)
        scaled = DenseLayer(last.kernel * factor, last.bias * factor, last.activation)
        return replace(self, dense=(*self.dense[:-1], scaled), temperature=float(temperature))

    def with_threshold(self, threshold: float) -> ImageHead:
        """Return the head with another threshold for "none of these"; without one, itself."""
        if self.rejection is None:
            return self
        return replace(self, rejection=replace(self.rejection, threshold=float(threshold)))

    @property
    def is_linear(self) -> bool:
        """Whether logits are linear in averaged features, so that the class map is exact."""
        return self.pooled and len(self.dense) == 1

    @property
    def parameters(self) -> int:
        """Number of weights of the head."""
        return sum(layer.kernel.size + layer.bias.size for layer in self.dense)


def softmax(logits: Array) -> Array:
    """Return the softmax over the last axis, float32."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: Array = powers / powers.sum(axis=-1, keepdims=True)
    return shares.astype(np.float32, copy=False)


def pool_features(features: Array) -> Array:
    """Return [n, c]: the mean over height and width of [n, h, w, c]; [n, c] as it is."""
    if features.ndim == 4:
        pooled: Array = features.mean(axis=(1, 2))
        return pooled
    return features.reshape(len(features), -1)


def unit_vectors(vectors: Array) -> Array:
    """Return rows of length 1; a row of zeros stays one."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Array = vectors / np.maximum(lengths, np.float32(1e-12))
    return scaled.astype(np.float32, copy=False)


def _broken(expected: str, received: str) -> ModelError:
    return ModelError("teach.head_broken", expected=expected, received=received[:120])
