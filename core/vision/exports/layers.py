"""Networks as Keras layers: a Functional layers model with the network's own layer names.

The result is in the canonical form of :mod:`core.tfjs.model`, so the writers of Keras and
TensorFlow.js files take it. What Keras or TensorFlow.js lack is written with layers that both
have: no layer of the result runs code of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from core.inference.network import Network
from core.inference.node import Node
from core.tfjs.model import Config, LayersModel, Origin

__all__ = ["KerasLayers", "layers_model_of"]

# BatchNormalization computes (x - mean) / sqrt(variance + epsilon): these make it divide by 1.
_EPSILON = 1e-3
_KERAS_VERSION = "2.15.0"

_Weights = dict[str, NDArray[np.float32]]


def layers_model_of(
    network: Network,
    *,
    name: str = "model",
    rescaling: bool = True,
    outputs: Sequence[str] | None = None,
) -> LayersModel:
    """Return a network as a Functional layers model.

    Parameters
    ----------
    network : Network
        With one input.
    name : str, optional
        Of the model.
    rescaling : bool, optional
        Whether the layer Rescaling may be used; TensorFlow.js 1.3.1 does not have it, and a
        BatchNormalization does the same.
    outputs : sequence of str, optional
        Nodes to read; by default those that no other node reads.

    Returns
    -------
    LayersModel

    Raises
    ------
    ModelError
        If an operation has no layer.
    """
    keras = KerasLayers(network, rescaling=rescaling)
    (entry,) = network.inputs
    for node in network.nodes:
        keras.add(node)
    config = {
        "name": name,
        "layers": keras.layers,
        "input_layers": [[keras.tensors[entry], 0, 0]],
        "output_layers": [[keras.tensors[read], 0, 0] for read in outputs or network.outputs],
    }
    return LayersModel(
        topology={"class_name": "Functional", "config": config},
        weights=keras.weights,
        origin=Origin("keras", keras_version=_KERAS_VERSION),
    )


class KerasLayers:
    """Collects the layers of one model, in order.

    Parameters
    ----------
    network : Network
        Where shapes are looked up.
    rescaling : bool
        As in :func:`layers_model_of`.

    Attributes
    ----------
    layers : list of dict
        JSON of the layers.
    weights : dict of str to ndarray
        By ``"<layer>/<variable>"``.
    tensors : dict of str to str
        The layer that makes each node's output.
    """

    def __init__(self, network: Network, *, rescaling: bool) -> None:
        self.network = network
        self.rescaling = rescaling
        self.layers: list[Config] = []
        self.weights: _Weights = {}
        self.tensors: dict[str, str] = {}
        self._names: set[str] = set()

    def add(self, node: Node) -> None:
        """Add the layers of one node."""
        write = _LAYERS.get(node.op)
        if write is None:
            raise ModelError("export.no_layer", layer=node.name, op=node.op)
        self.tensors[node.name] = write(self, node)

    def reads(self, node: Node) -> list[str]:
        """Return the layers that a node reads."""
        return [self.tensors[name] for name in node.inputs]

    def layer(
        self,
        class_name: str,
        name: str,
        reads: Sequence[str],
        config: Config | None = None,
        weights: _Weights | None = None,
    ) -> str:
        """Add one layer and return its name, which is `name` unless that is taken."""
        own = name.replace("/", "_")
        while own in self._names:
            own = f"{own}_"
        self._names.add(own)
        inbound = [[[read, 0, 0, {}] for read in reads]] if reads else []
        settings = {"name": own, **({"trainable": True} if reads else {}), **(config or {})}
        self.layers.append(
            {"class_name": class_name, "name": own, "config": settings, "inbound_nodes": inbound}
        )
        for variable, array in (weights or {}).items():
            self.weights[f"{own}/{variable}"] = array
        return own

    def scaled(self, name: str, read: str, channels: int, scale: Any, shift: Any) -> str:
        """Add ``x * scale + shift`` as Rescaling for two numbers, else as a normalisation."""
        scales, shifts = np.asarray(scale, np.float32), np.asarray(shift, np.float32)
        if self.rescaling and scales.size == 1 and shifts.size == 1:
            values = {"scale": float(scales.reshape(-1)[0]), "offset": float(shifts.reshape(-1)[0])}
            return self.layer("Rescaling", name, [read], values)
        weights = {
            "gamma": np.broadcast_to(scales, channels).copy(),
            "beta": np.broadcast_to(shifts, channels).copy(),
            "moving_mean": np.zeros(channels, np.float32),
            "moving_variance": np.full(channels, 1 - _EPSILON, np.float32),
        }
        return self.layer("BatchNormalization", name, [read], _norm(_EPSILON), weights)

    def channels(self, node: Node) -> int:
        """Return the length of the last axis of what a node makes."""
        return self.network.output_shape(node.name)[-1]


def _norm(epsilon: float) -> Config:
    return {"axis": -1, "momentum": 0.99, "epsilon": epsilon, "center": True, "scale": True}


def _input(keras: KerasLayers, node: Node) -> str:
    shape = [None, *node.integers("shape")]
    config = {"batch_input_shape": shape, "dtype": "float32", "sparse": False}
    return keras.layer("InputLayer", node.name, [], config)


def _convolution(keras: KerasLayers, node: Node) -> str:
    kernel = node.weights["kernel"]
    depthwise = node.op == "depthwise_conv2d"
    config = {
        **({"depth_multiplier": kernel.shape[3]} if depthwise else {"filters": kernel.shape[3]}),
        "kernel_size": list(kernel.shape[:2]),
        "strides": list(node.integers("strides")),
        "padding": node.attributes["padding"],
        "data_format": "channels_last",
        "dilation_rate": list(node.integers("dilations")),
        "activation": node.attributes["activation"] or "linear",
        "use_bias": "bias" in node.weights,
    }
    weights = dict(node.weights)
    if depthwise:
        weights["depthwise_kernel"] = weights.pop("kernel")
        weights = {key: weights[key] for key in ("depthwise_kernel", "bias") if key in weights}
    class_name = "DepthwiseConv2D" if depthwise else "Conv2D"
    return keras.layer(class_name, node.name, keras.reads(node), config, weights)


def _dense(keras: KerasLayers, node: Node) -> str:
    config = {
        "units": node.weights["kernel"].shape[1],
        "activation": node.attributes["activation"] or "linear",
        "use_bias": "bias" in node.weights,
    }
    return keras.layer("Dense", node.name, keras.reads(node), config, dict(node.weights))


def _batch_norm(keras: KerasLayers, node: Node) -> str:
    weights = {
        "gamma": node.weights["gamma"],
        "beta": node.weights["beta"],
        "moving_mean": node.weights["mean"],
        "moving_variance": node.weights["variance"],
    }
    config = _norm(node.number("epsilon"))
    return keras.layer("BatchNormalization", node.name, keras.reads(node), config, weights)


def _scale_shift(keras: KerasLayers, node: Node) -> str:
    (read,) = keras.reads(node)
    scale, shift = node.weights["scale"], node.weights["shift"]
    return keras.scaled(node.name, read, keras.channels(node), scale, shift)


def _zero_pad(keras: KerasLayers, node: Node) -> str:
    top, bottom, left, right = node.integers("padding")
    config = {"padding": [[top, bottom], [left, right]], "data_format": "channels_last"}
    return keras.layer("ZeroPadding2D", node.name, keras.reads(node), config)


def _crop(keras: KerasLayers, node: Node) -> str:
    top, bottom, left, right = node.integers("cropping")
    config = {"cropping": [[top, bottom], [left, right]], "data_format": "channels_last"}
    return keras.layer("Cropping2D", node.name, keras.reads(node), config)


def _merge(keras: KerasLayers, node: Node) -> str:
    class_name = "Add" if node.op == "add" else "Multiply"
    activation = node.attributes["activation"]
    if activation is None:
        return keras.layer(class_name, node.name, keras.reads(node))
    merged = keras.layer(class_name, f"{node.name}/linear", keras.reads(node))
    return keras.layer("Activation", node.name, [merged], {"activation": activation})


def _concatenate(keras: KerasLayers, node: Node) -> str:
    config = {"axis": node.integer("axis") + 1}  # Keras counts the batch
    return keras.layer("Concatenate", node.name, keras.reads(node), config)


def _pool(keras: KerasLayers, node: Node) -> str:
    config = {
        "pool_size": list(node.integers("pool_size")),
        "strides": list(node.integers("strides")),
        "padding": node.attributes["padding"],
        "data_format": "channels_last",
    }
    class_name = "MaxPooling2D" if node.op == "max_pool" else "AveragePooling2D"
    return keras.layer(class_name, node.name, keras.reads(node), config)


def _global_pool(keras: KerasLayers, node: Node) -> str:
    average = node.op == "global_average_pool"
    class_name = "GlobalAveragePooling2D" if average else "GlobalMaxPooling2D"
    config = {"data_format": "channels_last"}
    if node.attributes["keepdims"] is not True:
        return keras.layer(class_name, node.name, keras.reads(node), config)
    pooled = keras.layer(class_name, f"{node.name}/pooled", keras.reads(node), config)
    target = {"target_shape": list(keras.network.output_shape(node.name))}
    return keras.layer("Reshape", node.name, [pooled], target)


def _reshape(keras: KerasLayers, node: Node) -> str:
    target = {"target_shape": list(node.integers("shape"))}
    return keras.layer("Reshape", node.name, keras.reads(node), target)


def _identity(keras: KerasLayers, node: Node) -> str:
    return keras.tensors[node.inputs[0]]


def _hard_sigmoid(keras: KerasLayers, node: Node) -> str:
    # clip(slope * x + offset, 0, 1), which Keras 3 and TensorFlow.js define with other slopes.
    (read,) = keras.reads(node)
    return _gate(keras, node, read, node.number("slope"), node.number("offset"), node.name)


def _hard_swish(keras: KerasLayers, node: Node) -> str:
    (read,) = keras.reads(node)
    gate = _gate(keras, node, read, 1 / 6, 0.5, f"{node.name}/gate")
    return keras.layer("Multiply", node.name, [read, gate])


def _gate(keras: KerasLayers, node: Node, read: str, slope: float, offset: float, name: str) -> str:
    channels = keras.channels(node)
    x = keras.scaled(f"{name}/scaled", read, channels, 6 * slope, 6 * offset)
    x = keras.layer("ReLU", f"{name}/clipped", [x], {"max_value": 6.0})
    return keras.scaled(name, x, channels, 1 / 6, 0.0)


def _plain(class_name: str, **config: object) -> Callable[[KerasLayers, Node], str]:
    def write(keras: KerasLayers, node: Node) -> str:
        return keras.layer(class_name, node.name, keras.reads(node), dict(config))

    return write


def _leaky_relu(keras: KerasLayers, node: Node) -> str:
    config = {"alpha": node.number("alpha")}
    return keras.layer("LeakyReLU", node.name, keras.reads(node), config)


_LAYERS: dict[str, Callable[[KerasLayers, Node], str]] = {
    "input": _input,
    "conv2d": _convolution,
    "depthwise_conv2d": _convolution,
    "dense": _dense,
    "batch_norm": _batch_norm,
    "scale_shift": _scale_shift,
    "zero_pad": _zero_pad,
    "crop": _crop,
    "add": _merge,
    "multiply": _merge,
    "concatenate": _concatenate,
    "max_pool": _pool,
    "average_pool": _pool,
    "global_average_pool": _global_pool,
    "global_max_pool": _global_pool,
    "flatten": _plain("Flatten"),
    "reshape": _reshape,
    "identity": _identity,
    "relu": _plain("ReLU"),
    "relu6": _plain("ReLU", max_value=6.0),
    "leaky_relu": _leaky_relu,
    "elu": _plain("ELU", alpha=1.0),
    "sigmoid": _plain("Activation", activation="sigmoid"),
    "tanh": _plain("Activation", activation="tanh"),
    "swish": _plain("Activation", activation="swish"),
    "softmax": _plain("Activation", activation="softmax"),
    "hard_sigmoid": _hard_sigmoid,
    "hard_swish": _hard_swish,
}
