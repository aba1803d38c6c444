"""A weight's identity, whatever the wrappers and cells around it are called."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["WeightKey", "weight_key"]


class WeightKey(NamedTuple):
    """What tells a weight from every other of a model.

    Attributes
    ----------
    layer : str
    direction : {"", "forward", "backward"}
        Of a Bidirectional layer.
    variable : str
        Such as ``"kernel"``.
    """

    layer: str
    direction: str
    variable: str


def weight_key(name: str) -> WeightKey:
    """Return the identity of a weight from its canonical name.

    Parameters
    ----------
    name : str
        ``"dense/kernel"``, ``"bidirectional/forward_lstm/bias"`` ...
    """
    layer, *between, variable = name.split("/")
    direction = ""
    for token in between:
        for side in ("forward", "backward"):
            if token.startswith(f"{side}_"):
                direction = direction or side
    return WeightKey(layer, direction, variable)
