"""The one form between all readers and all writers: a layers model in memory.

Every reader of this package makes a :class:`LayersModel` and every writer takes one, so that a
new format is one module and not one module for each pair.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from core.errors import Note
from core.tfjs.quantize import Quantization

__all__ = [
    "MODEL_CLASSES",
    "SIDE_METADATA",
    "Config",
    "LayersModel",
    "Origin",
    "Weight",
    "Weights",
    "is_model",
    "iterate_layers",
]

Config: TypeAlias = dict[str, Any]  # JSON of a Keras config; its values are of every JSON type
Weight: TypeAlias = NDArray[Any]
Weights: TypeAlias = Mapping[str, Weight]

# A Teachable Machine export's second file; the same name is its key in LayersModel.metadata.
SIDE_METADATA = "metadata.json"
MODEL_CLASSES = ("Sequential", "Functional")


@dataclass(frozen=True)
class Origin:
    """Where a model came from, as its files say.

    Parameters
    ----------
    format : {"tfjs_layers_model", "keras", "keras_keras"}
        The format that was read, by the converter's names: ``keras`` is .h5, ``keras_keras`` is
        the .keras archive.
    keras_version : str or None
        Such as ``"2.2.4-tf"`` or ``"tfjs-layers 1.3.2"``.
    generated_by, converted_by : str or None
        The fields of model.json with these names.
    quantization : mapping of str to Quantization
        How the stored weights were quantised, by weight name; empty for float files.
    """

    format: str
    keras_version: str | None = None
    generated_by: str | None = None
    converted_by: str | None = None
    quantization: Mapping[str, Quantization] = field(default_factory=dict)


@dataclass(frozen=True)
class LayersModel:
    """A layers model in its canonical form.

    Parameters
    ----------
    topology : dict
        ``{"class_name": "Sequential" or "Functional", "config": {...}}`` in the style of
        tf.keras 2 and TensorFlow.js. A Sequential is a dict ``{"name", "layers"}`` whose first
        layer is an explicit InputLayer with ``batch_input_shape`` (unless the file never said the
        input's shape). A Functional has ``input_layers`` and ``output_layers`` as lists of
        ``[layer, node, tensor]`` and ``inbound_nodes`` as nested lists
        ``[[["previous", node, tensor, {}], ...], ...]``. ``dtype`` is a plain name. Nested models
        stay nested.
    weights : mapping of str to ndarray
        Float32 (rarely int32 or bool) arrays by TensorFlow.js name, ``"<layer>/<variable>"``
        without the names of enclosing models, in the file's order.
    metadata : dict or None
        ``userDefinedMetadata``; a Teachable Machine export's metadata.json is under
        its own name, ``"metadata.json"``.
    training_config : dict or None
        Loss, metrics and optimiser of a model that was saved compiled.
    origin : Origin
    notices : tuple of Note
        What was repaired or guessed while reading.
    """

    topology: Config
    weights: Weights
    metadata: Config | None = None
    training_config: Config | None = None
    origin: Origin = field(default_factory=lambda: Origin("tfjs_layers_model"))
    notices: tuple[Note, ...] = ()

    @property
    def name(self) -> str:
        """The model's own name."""
        return str(self.topology["config"].get("name", "model"))

    @property
    def layers(self) -> tuple[Config, ...]:
        """Every layer's JSON, the layers of nested models in the place of their model."""
        return tuple(iterate_layers(self.topology))

    @property
    def parameters(self) -> int:
        """How many numbers the weights hold."""
        return sum(int(weight.size) for weight in self.weights.values())

    @property
    def size_bytes(self) -> int:
        """Bytes of the weights in memory, four a float."""
        return sum(int(np.asarray(weight).nbytes) for weight in self.weights.values())


def is_model(layer: Config) -> bool:
    """Say whether a layer's JSON is a model nested in another."""
    return layer.get("class_name") in MODEL_CLASSES


def iterate_layers(topology: Config) -> Iterator[Config]:
    """Yield the JSON of every layer, those of nested models in the place of their model.

    Parameters
    ----------
    topology : dict
        A canonical model, see :class:`LayersModel`.

    Yields
    ------
    dict
        ``{"class_name", "config", ...}`` of a layer that is no model. The layers inside a wrapper
        such as Bidirectional are not apart from it.
    """
    for layer in topology["config"]["layers"]:
        if is_model(layer):
            yield from iterate_layers(layer)
        else:
            yield layer
