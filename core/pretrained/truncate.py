"""Networks cut at a named layer, to teach new classes on what that layer sees."""

from __future__ import annotations

from core.errors import ModelError
from core.inference.network import Network
from core.inference.node import Node

__all__ = ["EMBEDDING", "FEATURES", "FEATURE_MAP", "cut_points", "truncate", "truncated_outputs"]

EMBEDDING = "embedding"
"""Name, in every architecture of the catalogue, of the features after pooling."""

FEATURES, FEATURE_MAP = "taught/features", "taught/feature_map"
_LAST_MAP = "feature_map"
# Layers after which features are worth reading: what an activation or a sum made.
_CUT_OPS = frozenset({"relu", "relu6", "hard_swish", "swish", "add"})
_MAX_FEATURE_VALUES = 1 << 20


def truncated_outputs(layer: str, *, pooled: bool) -> tuple[str, ...]:
    """Return the outputs of a network that :func:`truncate` cut.

    Parameters
    ----------
    layer : str
    pooled : bool

    Returns
    -------
    tuple of str
        ``FEATURES``, and ``FEATURE_MAP``, what was pooled, where it was.
    """
    return (FEATURES, FEATURE_MAP) if pooled or layer == EMBEDDING else (FEATURES,)


def truncate(network: Network, layer: str, *, pooled: bool) -> Network:
    """Return the network up to a layer, its values as the output ``FEATURES``.

    Parameters
    ----------
    network : Network
    layer : str
        Name of a node. ``"embedding"`` is the pooled features of the catalogue's networks.
    pooled : bool
        Whether to take the mean over height and width of the layer's values, which must then be
        [height, width, channels]; nothing is done to the embedding, which is pooled already.

    Returns
    -------
    Network
        With the outputs that :func:`truncated_outputs` names.

    Raises
    ------
    ModelError
        If there is no such layer, it has no height and width to pool, or more values than a
        head can be taught on.
    """
    shape = network.output_shape(layer)
    values = shape[-1] if pooled else _count(shape)
    if values > _MAX_FEATURE_VALUES:
        raise ModelError(
            "teach.layer_large", layer=layer[:80], values=values, limit=_MAX_FEATURE_VALUES
        )
    if layer == EMBEDDING and len(shape) == 1:
        cut = network.upto(layer)
        last_map = _LAST_MAP if _LAST_MAP in network else _pooled_by(network, layer)
        cut = network.upto(layer, last_map)
        return Network(
            (
                *cut.nodes,
                Node(FEATURES, "identity", (layer,)),
                Node(FEATURE_MAP, "identity", (last_map,)),
            )
        )
    cut = network.upto(layer)
    if not pooled:
        return Network((*cut.nodes, Node(FEATURES, "identity", (layer,))))
    if len(shape) != 3:
        raise ModelError("teach.layer_flat", layer=layer[:80], shape=str(list(shape)))
    return Network(
        (
            *cut.nodes,
            Node(FEATURE_MAP, "identity", (layer,)),
            Node(FEATURES, "global_average_pool", (layer,), {"keepdims": False}),
        )
    )


def cut_points(network: Network) -> tuple[str, ...]:
    """Return the layers at which a page offers to cut, the last first.

    Parameters
    ----------
    network : Network

    Returns
    -------
    tuple of str
        ``"embedding"``, then every activation and sum with height and width before it.
    """
    upto = network.upto(EMBEDDING)
    names = [
        node.name
        for node in reversed(upto.nodes)
        if node.op in _CUT_OPS
        and len(upto.output_shape(node.name)) == 3
        and upto.output_shape(node.name)[:2] != (1, 1)
    ]
    return (EMBEDDING, *names)


def _pooled_by(network: Network, layer: str) -> str:
    return network.node(layer).inputs[0]


def _count(shape: tuple[int, ...]) -> int:
    values = 1
    for size in shape:
        values *= size
    return values
