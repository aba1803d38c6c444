"""Keras models in memory as layers models; Keras itself is the caller's, not imported here."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from core.tfjs.match import arrange_weights
from core.tfjs.model import LayersModel, Origin
from core.tfjs.repair import repair_topology

__all__ = ["to_layers_model"]


def to_layers_model(keras_model: Any) -> LayersModel:
    """Return a built Keras 3 model in the canonical form.

    Parameters
    ----------
    keras_model : keras.Model
        Sequential or Functional, built; subclassed models have no description to write.

    Returns
    -------
    LayersModel
        Its weights are copies.

    Raises
    ------
    ModelError
        If the model uses what no layers model can hold.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])  # doctest: +SKIP
    >>> to_layers_model(model).parameters                                     # doctest: +SKIP
    10
    """
    topology, notices = repair_topology(json.loads(keras_model.to_json()))
    stored = {variable.path: np.array(variable) for variable in keras_model.weights}
    weights, surplus = arrange_weights(topology, stored)
    version = json.loads(keras_model.to_json()).get("keras_version")
    return LayersModel(
        topology=topology,
        weights=weights,
        origin=Origin("keras_keras", keras_version=version or "3"),
        notices=(*notices, *surplus),
    )
