"""What every export starts from: a taught picture model as one network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from core.imaging.preprocess import Preprocessing
from core.inference.flatbuffer import to_litert
from core.inference.litert import LiteRtModel
from core.inference.network import Network
from core.inference.node import Node
from core.pretrained.convert import golden_input
from core.vision.head import Rejection

__all__ = ["PIXELS", "POOLED", "PROBABILITIES", "RESCALING", "PictureModel", "join_head"]

PIXELS = "pixels"
RESCALING = "rescaling"
PROBABILITIES = "probabilities"
POOLED = "familiarity_features"

_GOLDEN_PICTURES = 3
_POOLING = frozenset({"global_average_pool", "global_max_pool"})


@dataclass(frozen=True, eq=False)
class PictureModel:
    """A taught picture model as one network, with all that its users need to know.

    Parameters
    ----------
    name : str
        For people; files are named by :attr:`file_stem`.
    labels : tuple of str
        In the order of the outputs.
    preprocessing : Preprocessing
        How pixels become the network's input.
    network : Network
        From one input [s, s, 3], scaled as `preprocessing` says, to the node
        ``"probabilities"`` [classes].
    features : str
        The node whose output the head reads; every later node belongs to the head, one after
        the other.
    rejection : Rejection or None
        When the answer is "none of these".
    backbone : str
        Name of the pretrained network, for people.
    licence : str
        Of the backbone's weights.

    Raises
    ------
    ModelError
        If the network is not of this form or does not fit the labels.
    """

    name: str
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    network: Network
    features: str
    rejection: Rejection | None = None
    backbone: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        side = self.preprocessing.input_size_px
        shapes = [self.network.output_shape(name) for name in self.network.inputs]
        made = self.network.output_shape(PROBABILITIES)
        if shapes != [(side, side, 3)] or made != (len(self.labels),):
            raise ModelError(
                "export.not_a_picture_model",
                expected=f"[{side}, {side}, 3] -> [{len(self.labels)}]",
                received=f"{[list(shape) for shape in shapes]} -> {list(made)}",
            )
        before = self.features
        for node in self.head_nodes:
            if node.inputs != (before,):
                raise ModelError("export.head_not_a_chain", layer=node.name)
            before = node.name

    @property
    def file_stem(self) -> str:
        """The name with nothing in it that a file system could stumble on."""
        kept = "".join(letter if letter.isalnum() else "-" for letter in self.name)
        return "-".join(part for part in kept.split("-") if part)[:40] or "my-model"

    @property
    def head_nodes(self) -> tuple[Node, ...]:
        """The nodes behind the features, up to the probabilities."""
        body = {node.name for node in self.network.upto(self.features).nodes}
        whole = self.network.upto(PROBABILITIES)
        return tuple(node for node in whole.nodes if node.name not in body)

    @property
    def cut(self) -> str:
        """The layer at which the head attaches: the features, or the map that they are means of.

        A head that is written alone reads the layer of a published network, and does the
        pooling itself.
        """
        node = self.network.node(self.features)
        if node.op in _POOLING:
            node = self.network.node(node.inputs[0])
        while node.op == "identity":  # a second name, which no file keeps
            node = self.network.node(node.inputs[0])
        return node.name

    @property
    def compares_features(self) -> bool:
        """Whether "none of these" is decided on the features and not on the probabilities."""
        return self.rejection is not None and self.rejection.references is not None

    @cached_property
    def pixel_network(self) -> Network:
        """The network from pixels of 0 to 255 to the probabilities."""
        return self._from_pixels(self.network.upto(PROBABILITIES))

    @cached_property
    def familiarity_network(self) -> Network:
        """The same; its second output is the pooled features that rejection compares.

        It is :attr:`pixel_network` where rejection compares none.
        """
        if not self.compares_features:
            return self.pixel_network
        whole = self.network.upto(PROBABILITIES)
        flat = len(whole.output_shape(self.features)) == 1
        op, settings = ("identity", {}) if flat else ("global_average_pool", {"keepdims": False})
        pool = Node(POOLED, op, (self.features,), settings)
        return self._from_pixels(Network((*whole.nodes, pool)))

    def _from_pixels(self, whole: Network) -> Network:
        contract = self.preprocessing
        scale, shift = 1 / contract.scale, -contract.offset / contract.scale
        (entry,) = whole.inputs
        side = contract.input_size_px
        weights = {
            "scale": np.array([scale], np.float32),
            "shift": np.array([shift], np.float32),
        }
        nodes = [
            Node(PIXELS, "input", (), {"shape": (side, side, 3)}),
            Node(RESCALING, "scale_shift", (PIXELS,), weights=weights),
        ]
        for node in whole.nodes:
            if node.op != "input":
                reads = tuple(RESCALING if name == entry else name for name in node.inputs)
                nodes.append(replace(node, inputs=reads))
        return Network(tuple(nodes))

    @cached_property
    def golden_pictures(self) -> NDArray[np.uint8]:
        """Drawn pictures [n, s, s, 3] on which every export must answer as this model does."""
        side = self.preprocessing.input_size_px
        drawn = [golden_input(number, side)[0] for number in range(_GOLDEN_PICTURES)]
        return np.stack([np.rint(one * 128 + 128).astype(np.uint8) for one in drawn])

    @cached_property
    def golden_answers(self) -> NDArray[np.float32]:
        """Probabilities [n, classes] for the golden pictures, as the pages compute them."""
        contract = self.preprocessing
        model = LiteRtModel(to_litert(self.network, outputs=[PROBABILITIES]))
        scaled = (self.golden_pictures.astype(np.float32) - np.float32(contract.offset)) / (
            np.float32(contract.scale)
        )
        return model.run(scaled)[PROBABILITIES]


def join_head(body: Network, features: str, head: Network) -> Network:
    """Return the network that runs `head` on the output of the node `features` of `body`.

    Parameters
    ----------
    body : Network
        Nodes that the features do not need are left out.
    features : str
    head : Network
        One input, of the features' shape; its last node becomes ``"probabilities"``.

    Returns
    -------
    Network

    Raises
    ------
    ModelError
        If there is no such node or the shapes do not fit.
    """
    cut = body.upto(features)
    (entry,), (last,) = head.inputs, head.outputs
    if head.output_shape(entry) != cut.output_shape(features):
        raise ModelError(
            "export.head_does_not_fit",
            expected=str(list(head.output_shape(entry))),
            received=str(list(cut.output_shape(features))),
        )
    taken = {node.name for node in cut.nodes}
    names = {entry: features}
    for node in head.nodes:
        if node.name != entry:
            names[node.name] = _free(PROBABILITIES if node.name == last else node.name, taken)
            taken.add(names[node.name])
    nodes = [
        replace(node, name=names[node.name], inputs=tuple(names[read] for read in node.inputs))
        for node in head.nodes
        if node.name != entry
    ]
    return Network((*cut.nodes, *nodes))


def _free(name: str, taken: Sequence[str] | set[str]) -> str:
    return name if name not in taken else _free(f"head_{name}", taken)
