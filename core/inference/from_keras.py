"""Keras and TensorFlow.js layers models as networks, rebuilt from an allow-list of layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from core.errors import ModelError
from core.inference.builder import NetworkBuilder
from core.inference.keras_graph import LayerCall, flatten_config
from core.inference.keras_layers import add_layer
from core.inference.keras_reader import LayerReader
from core.inference.network import Network

__all__ = ["network_from_keras"]


def network_from_keras(
    model_config: Mapping[str, Any],
    weights: Mapping[str, NDArray[Any]],
    *,
    input_shape: Sequence[int] | None = None,
    keras3: bool = False,
) -> Network:
    """Return a Sequential or Functional model as a network.

    Neither TensorFlow nor Keras is used, and nothing in the configuration is executed. Nodes
    carry the layers' names; a layer with an activation also has its values before it, as
    ``"<layer>/linear"``. Layers of nested models keep their own names (with the nested model's
    name before it where two are equal), and a nested model's name is that of its output.

    Parameters
    ----------
    model_config : mapping
        The configuration as ``keras.h5``, ``config.json`` or ``model.json`` hold it, wrapped or
        not; Keras 2, Keras 3 and TensorFlow.js forms.
    weights : mapping of str to ndarray
        By ``"<layer>/<variable>"``, with or without ``":0"``, nested models' names left out or
        in. Further weights are ignored.
    input_shape : sequence of int, optional
        Replaces the model's own input shape (without the batch), for models that leave height
        and width open.
    keras3 : bool, optional
        Whether the configuration comes from Keras 3 unchanged: its ``hard_sigmoid`` is another
        function than that of Keras 2 and TensorFlow.js.

    Returns
    -------
    Network

    Raises
    ------
    ModelError
        If a layer or a setting is not supported (it is named), a weight is missing or does not
        fit, the input shape is open, or the network is beyond the limits of
        :mod:`core.inference.network`.
    """
    plain_names = {name.removesuffix(":0"): array for name, array in weights.items()}
    builder = NetworkBuilder()
    reader = LayerReader(builder, plain_names, keras3=keras3)
    for call in flatten_config(model_config):
        if call.class_name == "InputLayer" and not call.inputs:
            builder.input(call.name, _input_shape(call, input_shape))
        else:
            add_layer(reader, call)
    return builder.build()


def _input_shape(call: LayerCall, override: Sequence[int] | None) -> Sequence[int]:
    if override is not None:
        return override
    batched = call.config.get("batch_input_shape", call.config.get("batch_shape"))
    if not isinstance(batched, list | tuple) or any(size is None for size in batched[1:]):
        raise ModelError("keras.no_input_shape", name=call.name)
    return batched[1:]
