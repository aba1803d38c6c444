"""Fewer layers, same function: what a network says for training is folded for inference.

The algebra is exact and done in float64; only its result is rounded to float32. A layer that
somebody wants to read is never folded into another one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.inference.network import Network
from core.inference.node import Node
from core.inference.shapes import FUSING, same_padding

__all__ = ["fold_batch_norms"]

_LINEAR = frozenset({"conv2d", "depthwise_conv2d", "dense"})
_AFFINE = frozenset({"batch_norm", "scale_shift"})
_WINDOWED = frozenset({"conv2d", "depthwise_conv2d"})
_Exact = NDArray[np.float64]


def fold_batch_norms(network: Network, *, keep: Collection[str] = ()) -> Network:
    """Return the same function with batch norms, activations and paddings folded.

    Batch norms and scalings go into the convolution or dense layer before them, or become one
    scaling where there is none; ReLU and ReLU6 are fused into the layer before them; zero
    padding that is what "same" would add goes into the convolution after it; layers that do
    nothing go away. A folded layer carries the name of the last layer in it, whose output it
    makes: ``conv1``, ``conv1_bn``, ``conv1_relu`` become ``conv1_relu``.

    Parameters
    ----------
    network : Network
    keep : collection of str, optional
        Layers whose own output must stay readable. The network's outputs always stay. With
        ``keep={"conv1"}`` that convolution is left as it is and ``conv1_bn`` becomes a scaling.

    Returns
    -------
    Network

    Raises
    ------
    ModelError
        If `keep` names a layer that the network does not have.
    """
    for name in keep:
        network.node(name)
    kept = {*keep, *network.outputs}
    readers = Counter(read for node in network.nodes for read in node.inputs)
    nodes: dict[str, Node] = {}
    stands_for: dict[str, str] = {}
    for original in network.nodes:
        node = replace(
            original, inputs=tuple(stands_for.get(read, read) for read in original.inputs)
        )
        if node.op == "identity" and node.name not in kept:
            stands_for[node.name] = node.inputs[0]
            # Whoever reads the identity reads its input from now on.
            readers[node.inputs[0]] += readers[node.name] - 1
            continue
        if node.inputs:
            before = nodes[node.inputs[0]]
            alone = readers[before.name] == 1 and before.name not in kept
            joined = _join(before, node, network) if alone else None
            if joined is not None:
                del nodes[before.name]
                node = joined
        nodes[node.name] = node
    return Network(tuple(_rest(node) for node in nodes.values()))


def _join(before: Node, node: Node, network: Network) -> Node | None:
    """Return one node that does what `before` and then `node` do, or None."""
    if node.op in _AFFINE:
        if before.op in _LINEAR and before.attributes["activation"] is None:
            return _scaled(before, node)
        if before.op in _AFFINE:
            (scale, shift), (scale_after, shift_after) = _affine(before), _affine(node)
            return _scale_shift(
                before, node, scale * scale_after, shift * scale_after + shift_after
            )
    if node.op in ("relu", "relu6") and before.op in FUSING:
        if before.attributes["activation"] is None:
            attributes = {**before.attributes, "activation": node.op}
            return replace(before, name=node.name, attributes=attributes)
        return None
    if node.op in _WINDOWED and before.op == "zero_pad":
        return _padded(before, node, network)
    return None


def _rest(node: Node) -> Node:
    """Return a batch norm that found no layer to go into as a scaling."""
    return _scale_shift(node, node, *_affine(node)) if node.op == "batch_norm" else node


def _affine(node: Node) -> tuple[_Exact, _Exact]:
    """Return the scale and the shift of a batch norm or a scaling in float64."""
    exact = {key: array.astype(np.float64) for key, array in node.weights.items()}
    if node.op == "scale_shift":
        return exact["scale"], exact["shift"]
    scale = exact["gamma"] / np.sqrt(exact["variance"] + node.number("epsilon"))
    return scale, exact["beta"] - exact["mean"] * scale


def _scale_shift(first: Node, last: Node, scale: _Exact, shift: _Exact) -> Node:
    weights = _float32(scale=scale, shift=shift)
    return Node(last.name, "scale_shift", first.inputs, weights=weights)


def _scaled(linear: Node, node: Node) -> Node:
    """Return a linear layer that scales and shifts its own output channels."""
    kernel = linear.weights["kernel"].astype(np.float64)
    depthwise = linear.op == "depthwise_conv2d"
    channels = kernel.shape[2] * kernel.shape[3] if depthwise else kernel.shape[-1]
    scale, shift = (np.broadcast_to(array, channels) for array in _affine(node))
    # Output channel c * multiplier + m of a depthwise kernel is kernel[:, :, c, m].
    kernel = kernel * (scale.reshape(kernel.shape[2:]) if depthwise else scale)
    if "bias" in linear.weights:
        shift = shift + linear.weights["bias"].astype(np.float64) * scale
    return replace(linear, name=node.name, weights=_float32(kernel=kernel, bias=shift))


def _padded(pad: Node, conv: Node, network: Network) -> Node | None:
    """Return the convolution with "same" padding where that adds what `pad` adds."""
    if conv.attributes["padding"] != "valid":
        return None
    height, width, _ = network.output_shape(pad.inputs[0])
    kernel = conv.weights["kernel"].shape[:2]
    rows, columns = (
        same_padding(size, window, stride, dilation)
        for size, window, stride, dilation in zip(
            (height, width),
            kernel,
            conv.integers("strides"),
            conv.integers("dilations"),
            strict=True,
        )
    )
    if pad.integers("padding") != (*rows, *columns):
        return None
    return replace(conv, inputs=pad.inputs, attributes={**conv.attributes, "padding": "same"})


def _float32(**arrays: _Exact) -> dict[str, NDArray[np.float32]]:
    return {key: np.ascontiguousarray(array, dtype=np.float32) for key, array in arrays.items()}
