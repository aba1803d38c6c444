"""The taught model of the pages as one network, ready to be exported."""

from __future__ import annotations

from core.inference.builder import NetworkBuilder
from core.inference.network import Network
from core.inference.node import Node
from core.pretrained.store import ModelStore
from core.vision.exports.source import PictureModel, join_head
from core.vision.head import ImageHead
from core.vision.taught import TaughtImageModel

__all__ = ["head_as_network", "picture_model"]

_POOLED = "pooled_features"


def picture_model(
    taught: TaughtImageModel, networks: ModelStore | Network, *, name: str = "My model"
) -> PictureModel:
    """Return a taught model as one network with all that an export says about it.

    Parameters
    ----------
    taught : TaughtImageModel
    networks : ModelStore or Network
        Where the pretrained network is found by its id, or that network itself.
    name : str, optional
        For people.

    Returns
    -------
    PictureModel

    Raises
    ------
    ModelError
        If the network is not there, or does not fit the head.
    """
    head = taught.head
    whole = networks if isinstance(networks, Network) else networks.network(head.backbone_id)
    body, features = whole.upto(head.layer), head.layer
    if head.pooled and len(body.output_shape(features)) == 3:
        pool = Node(_POOLED, "global_average_pool", (features,), {"keepdims": False})
        body, features = Network((*body.nodes, pool)), _POOLED
    return PictureModel(
        name=name,
        labels=head.labels,
        preprocessing=head.preprocessing,
        network=join_head(body, features, head_as_network(head)),
        features=features,
        rejection=head.rejection,
        backbone=taught.backbone.title,
        licence=taught.backbone.licence,
    )


def head_as_network(head: ImageHead) -> Network:
    """Return a head's layers as a network from its features to the probabilities."""
    b = NetworkBuilder()
    x = b.input("features", head.feature_shape)
    if len(head.feature_shape) > 1:
        x = b.flatten("flatten", x)
    for number, layer in enumerate(head.dense, start=1):
        x = b.dense(f"dense_{number}", x, kernel=layer.kernel, bias=layer.bias)
        if layer.activation == "relu":
            x = b.relu(f"dense_{number}_relu", x)
    b.softmax("softmax", x)
    return b.build()
