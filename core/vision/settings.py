"""How a head is taught: every option, its limits, and the two presets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from core.errors import UsageError
from core.inference.network import Network
from core.pretrained.truncate import EMBEDDING, cut_points

__all__ = ["ARTICLE_LAYER", "PRESETS", "TeachSettings"]

ARTICLE_LAYER = "conv_pw_13_relu"

# Least and most of each number.
_LIMITS: dict[str, tuple[float, float]] = {
    "hidden_units": (0, 1024),
    "epochs": (1, 500),
    "batch_size": (1, 512),
    "learning_rate": (1e-6, 1.0),
    "weight_decay": (0.0, 1.0),
    "validation_share": (0.0, 0.5),
    "augmentation": (0, 10),
    "seed": (0, 2**31 - 1),
}
_WHOLE = ("hidden_units", "epochs", "batch_size", "augmentation", "seed")


@dataclass(frozen=True)
class TeachSettings:
    """How a head is taught.

    Parameters
    ----------
    backbone_id : str
        Model id of the network below, as the store lists it.
    layer : str
        Where it is cut.
    pooled : bool
        Whether to take the mean over height and width.
    hidden_units : int
        Of a ReLU layer between features and classes; 0 for none, which makes the head linear.
    epochs : int
        1 to 500.
    batch_size : int
    learning_rate : float
        Of Adam.
    weight_decay : float
        Factor of the squared kernels in the loss.
    validation_share : float
        Of each class with 10 pictures or more that is looked at and not learned from, 0 to 0.5.
    augmentation : int
        Changed copies of each picture that are learned from as well.
    seed : int
    check : bool
        Whether to train again without each fifth of the pictures, to say how good the head is.

    Raises
    ------
    UsageError
        If a number is outside its limits.
    """

    backbone_id: str
    layer: str = EMBEDDING
    pooled: bool = True
    hidden_units: int = 0
    epochs: int = 30
    batch_size: int = 16
    learning_rate: float = 0.003
    weight_decay: float = 0.0003
    validation_share: float = 0.15
    augmentation: int = 0
    seed: int = 0
    check: bool = True

    def __post_init__(self) -> None:
        for name, (least, most) in _LIMITS.items():
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            number = whole or (name not in _WHOLE and isinstance(value, float))
            if not number or not math.isfinite(value) or not least <= value <= most:
                raise UsageError(
                    "teach.setting",
                    setting=name,
                    least=f"{least:g}",
                    most=f"{most:g}",
                    received=repr(value)[:40],
                )
        for name in ("backbone_id", "layer"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value:
                raise UsageError(
                    "teach.setting", setting=name, least="a", most="z", received=repr(value)[:40]
                )

    @classmethod
    def default(cls, backbone_id: str) -> TeachSettings:
        """Return what is taught best with few pictures: a linear head on pooled features."""
        return cls(backbone_id)

    @classmethod
    def article(cls, backbone_id: str) -> TeachSettings:
        """Return the article's values: flattened maps, 10 ReLU units, Adam, 20 epochs."""
        return cls(
            backbone_id,
            layer=ARTICLE_LAYER,
            pooled=False,
            hidden_units=10,
            epochs=20,
            batch_size=32,
            learning_rate=0.001,
            weight_decay=0.0,
            validation_share=0.0,
        )

    def fitted_to(self, network: Network) -> TeachSettings:
        """Return the settings with a layer that the network has: the last map instead of another.

        The article names a layer of MobileNet V1; its counterpart elsewhere is the last feature
        map before pooling.
        """
        if self.layer in network:
            return self
        return replace(self, layer=cut_points(network)[1])

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TeachSettings:
        """Return the settings that `to_dict` wrote, checked; unknown names are left out.

        Raises
        ------
        UsageError
            If a value is outside its limits.
        """
        names = {entry.name for entry in fields(cls)}
        known = {name: value for name, value in values.items() if name in names}
        known.setdefault("backbone_id", "")
        for name in ("pooled", "check"):
            if name in known:
                known[name] = bool(known[name])
        return cls(**known)


PRESETS = {"default": TeachSettings.default, "article": TeachSettings.article}
"""Preset by name: a function of the backbone's id."""
