"""A network as plain data: layers in order, their settings and their weights.

Every source of models (Keras configurations, the catalogue's architectures) makes one, and
:mod:`core.inference.flatbuffer` writes it for LiteRT. Arrays are NHWC float32, kernels in Keras
layout, "same" padding is TensorFlow's. Shapes leave the batch out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from core.errors import ModelError
from core.inference.node import Node, Shape
from core.inference.shapes import multiply_adds, output_shape

__all__ = [
    "MAX_ACTIVATION_VALUES",
    "MAX_LAYERS",
    "MAX_MULTIPLY_ADDS",
    "Network",
    "Node",
]

MAX_LAYERS = 4096
# Per sample: values alive at one time (128 MiB), and work (EfficientNet-Lite0 takes 0.4e9).
MAX_ACTIVATION_VALUES = 1 << 25
MAX_MULTIPLY_ADDS = 50_000_000_000


@dataclass(frozen=True, eq=False)
class Network:
    """Layers in an order in which each one follows what it reads.

    Parameters
    ----------
    nodes : tuple of Node
        Inputs are nodes with the operation ``"input"`` and the attribute ``shape``.

    Raises
    ------
    ModelError
        If names repeat, an input is unknown, shapes or weights do not fit, or running it would
        take more memory or work than the limits of this module. Nothing is allocated for it.
    """

    nodes: tuple[Node, ...]
    _shapes: dict[str, Shape] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.nodes) > MAX_LAYERS:
            raise _too_large("layers", len(self.nodes), MAX_LAYERS)
        work = 0
        for node in self.nodes:
            if node.name in self._shapes:
                raise ModelError("network.duplicate_name", name=node.name)
            for read in node.inputs:
                if read not in self._shapes:
                    raise ModelError("network.unknown_input", name=node.name, input=read)
            shape = output_shape(node, [self._shapes[read] for read in node.inputs])
            if math.prod(shape) > MAX_ACTIVATION_VALUES:
                raise _too_large("values in one layer", math.prod(shape), MAX_ACTIVATION_VALUES)
            work += multiply_adds(node, shape)
            self._shapes[node.name] = shape
        if not self.inputs:
            raise ModelError("network.no_input")
        if work > MAX_MULTIPLY_ADDS:
            raise _too_large("multiplications", work, MAX_MULTIPLY_ADDS)
        if self.peak_values > MAX_ACTIVATION_VALUES:
            raise _too_large("values at one time", self.peak_values, MAX_ACTIVATION_VALUES)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input nodes."""
        return tuple(node.name for node in self.nodes if node.op == "input")

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the nodes that no other node reads."""
        read = {name for node in self.nodes for name in node.inputs}
        return tuple(node.name for node in self.nodes if node.name not in read)

    @property
    def parameters(self) -> int:
        """Number of weight values."""
        return sum(array.size for node in self.nodes for array in node.weights.values())

    @property
    def peak_values(self) -> int:
        """Most values that are alive at one time when one sample runs through."""
        last_reader = {name: node.name for node in self.nodes for name in node.inputs}
        alive = peak = 0
        for node in self.nodes:
            alive += math.prod(self._shapes[node.name])
            peak = max(peak, alive)
            alive -= sum(
                math.prod(self._shapes[read])
                for read in set(node.inputs)
                if last_reader[read] == node.name
            )
        return peak

    def __contains__(self, name: object) -> bool:
        return name in self._shapes

    def node(self, name: str) -> Node:
        """Return the node of this name.

        Raises
        ------
        ModelError
            If there is none.
        """
        self._require(name)
        return next(node for node in self.nodes if node.name == name)

    def output_shape(self, name: str) -> Shape:
        """Return the shape that the node of this name makes, without the batch.

        Raises
        ------
        ModelError
            If there is none.
        """
        self._require(name)
        return self._shapes[name]

    def upto(self, *names: str) -> Network:
        """Return the network cut to what the named nodes need.

        Parameters
        ----------
        *names : str
            With a single name, that node is the last of the result.

        Returns
        -------
        Network

        Raises
        ------
        ModelError
            If a name is unknown.
        """
        for name in names:
            self._require(name)
        needed = set(names)
        kept = []
        for node in reversed(self.nodes):
            if node.name in needed:
                kept.append(node)
                needed.update(node.inputs)
        return Network(tuple(reversed(kept)))

    def _require(self, name: str) -> None:
        if name not in self._shapes:
            known = [node.name for node in self.nodes]
            listed = ", ".join(known if len(known) <= 8 else [*known[:4], "...", *known[-4:]])
            raise ModelError("network.unknown_layer", name=name, known=listed)


def _too_large(what: str, received: int, limit: int) -> ModelError:
    return ModelError("network.too_large", what=what, received=received, limit=limit)
