"""Pretrained networks that are ready to run, with all that their users need to know about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.imaging.preprocess import Preprocessing
from core.inference.flatbuffer import to_litert
from core.inference.litert import LiteRtModel
from core.inference.network import Network
from core.inference.node import Shape
from core.pretrained.truncate import (
    EMBEDDING,
    FEATURE_MAP,
    FEATURES,
    truncate,
    truncated_outputs,
)

__all__ = ["OUTPUTS", "Backbone", "TruncatedBackbone"]

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


@dataclass(frozen=True, eq=False)
class TruncatedBackbone:
    """A pretrained network up to one layer, ready for any thread: pictures in, features out.

    Parameters
    ----------
    model_id : str
        Of the whole network, as the store lists it.
    title : str
        For people.
    layer : str
        Where it is cut, such as ``"conv_pw_13_relu"`` or ``"embedding"``.
    pooled : bool
        Whether the features are means over height and width; true of the embedding.
    preprocessing : Preprocessing
    model : LiteRtModel
        Has the `outputs`.
    weights_sha256 : str
        Of the file or folder that the weights come from; empty where there is none.
    licence : str
    outputs : tuple of str
        What the model calls the features, and the map that was pooled into them where one was;
        by default as :func:`core.pretrained.truncate.truncated_outputs` has it.
    """

    model_id: str
    title: str
    layer: str
    pooled: bool
    preprocessing: Preprocessing
    model: LiteRtModel
    weights_sha256: str = ""
    licence: str = ""
    outputs: tuple[str, str] = (FEATURES, FEATURE_MAP)

    @classmethod
    def from_network(
        cls,
        network: Network,
        layer: str,
        *,
        pooled: bool,
        preprocessing: Preprocessing,
        model_id: str,
        title: str = "",
        weights_sha256: str = "",
    ) -> TruncatedBackbone:
        """Return any network of pictures, such as an imported one, cut at one of its layers.

        Raises
        ------
        ModelError
            As :func:`core.pretrained.truncate.truncate` raises.
        """
        pooled = pooled or layer == EMBEDDING
        cut = truncate(network, layer, pooled=pooled)
        content = to_litert(cut, outputs=truncated_outputs(layer, pooled=pooled))
        return cls(
            model_id,
            title or model_id,
            layer,
            pooled,
            preprocessing,
            LiteRtModel(content),
            weights_sha256,
        )

    @property
    def feature_shape(self) -> Shape:
        """Shape of one picture's features: (c,) pooled, else the layer's own."""
        return self.model.output_shapes[self.outputs[0]]

    def features(self, tensors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the features of prepared pictures.

        Parameters
        ----------
        tensors : ndarray of float32, shape (n, s, s, 3)
            As `preprocessing` makes them.

        Returns
        -------
        ndarray of float32, shape (n, ...)
            Of :attr:`feature_shape` each.
        """
        return self.model.run(tensors)[self.outputs[0]]

    def feature_map(self, tensors: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """Return what was pooled into the features, [n, h, w, c]; None where nothing was."""
        return self.model.run(tensors)[self.outputs[1]] if self.pooled else None
