"""The settings of one layer, from any era's spelling to the canonical one."""

from __future__ import annotations

import re

from core.errors import ModelError, Note
from core.tfjs.allowed import ACTIVATIONS, INITIALIZERS, REGULARIZERS
from core.tfjs.model import Config

__all__ = [
    "axis_number",
    "clean_initializer",
    "depthwise_leftovers",
    "leaky_relu_alpha",
    "plain_activation",
    "plain_dtype",
    "plain_regularizer",
    "recurrent_leftovers",
    "without_serialization_keys",
]

_SERIALIZATION_KEYS = (
    "module",
    "registered_name",
    "build_config",
    "compile_config",
    "shared_object_id",
    "_shared_object_id",
)
_RECURRENT = ("RNN", "SimpleRNN", "GRU", "LSTM", "ConvLSTM2D")
_CELLS = ("SimpleRNNCell", "GRUCell", "LSTMCell", "StackedRNNCells")


def without_serialization_keys(config: Config) -> Config:
    """Drop what Keras 3 writes only for its own loader."""
    return {
        key: value
        for key, value in config.items()
        if key not in _SERIALIZATION_KEYS
        and not (key == "quantization_config" and value is None)
        and not (key == "optional" and value is False)
        and key != "ragged"
    }


def plain_dtype(config: Config, notices: dict[str, Note] | None = None) -> Config:
    """Return the dtype as a name: Keras 3 and mixed precision write a policy.

    Layers models compute in float32, so half precision becomes float32, with a notice.
    """
    if "dtype" not in config:
        return config
    dtype = config["dtype"]
    if isinstance(dtype, dict):
        inner = dtype.get("config")
        dtype = inner.get("name") if isinstance(inner, dict) else None
    if isinstance(dtype, str) and dtype not in ("float32", "int32", "bool", "string"):
        if dtype.startswith("int"):
            return {**config, "dtype": "int32"}
        if notices is not None and dtype != "float64":
            notices["dtype"] = Note("model_file.note_dtype", {"dtype": dtype[:40]})
        dtype = "float32"
    return {**config, "dtype": dtype if isinstance(dtype, str) else "float32"}


def clean_initializer(value: object, notices: dict[str, Note] | None = None) -> Config | None:
    """Return an initialiser as TensorFlow.js knows it.

    Weights replace what initialisers make, so an unknown one becomes Zeros with a notice. ``dtype``
    (tf.keras 1), ``module`` and axes (Keras 3), V1 and V2 suffixes and generator objects go.
    """
    if value is None:
        return None
    if isinstance(value, str):
        value = {"class_name": _camel_case(value), "config": {}}
    given = value.get("config") if isinstance(value, dict) else None
    found = value.get("class_name") if isinstance(value, dict) else None
    class_name = re.sub(r"V[12]$", "", str(found).rsplit(">", 1)[-1])
    class_name = {
        "LecunNormal": "LeCunNormal",
        "LecunUniform": "LeCunUniform",
        "IdentityInitializer": "Identity",
        "OrthogonalInitializer": "Orthogonal",
        "Uniform": "RandomUniform",
        "Normal": "RandomNormal",
        "Zero": "Zeros",
        "One": "Ones",
    }.get(class_name, class_name)
    if class_name not in INITIALIZERS:
        if notices is not None:
            notices["initializer"] = Note(
                "model_file.note_initializer", {"class_name": class_name[:60]}
            )
        return {"class_name": "Zeros", "config": {}}
    config = {
        key: item
        for key, item in (given if isinstance(given, dict) else {}).items()
        if key in _INITIALIZER_KEYS and isinstance(item, int | float | str | None)
    }
    if config.get("distribution") == "untruncated_normal":
        config["distribution"] = "normal"
    return {"class_name": class_name, "config": config}


_INITIALIZER_KEYS = (
    "scale",
    "mode",
    "distribution",
    "seed",
    "value",
    "minval",
    "maxval",
    "mean",
    "stddev",
    "gain",
)


def _camel_case(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def plain_regularizer(value: object) -> Config | None:
    """Keep L1 and L2 penalties; constraints and custom ones matter only to training and go."""
    if isinstance(value, dict) and value.get("class_name") in REGULARIZERS:
        config = value.get("config")
        numbers = {
            key: item
            for key, item in (config if isinstance(config, dict) else {}).items()
            if isinstance(item, int | float)
        }
        return {"class_name": value["class_name"], "config": numbers}
    return None


def plain_activation(value: object, layer: str) -> str | None:
    """Return an activation's name: ``silu`` is ``swish``, and functions are named by Keras 3.

    Raises
    ------
    ModelError
        If it is none of Keras' own activations.
    """
    if value is None:
        return None
    if isinstance(value, dict):
        config = value.get("config")
        # Keras 3 writes functions as {"class_name": "function", "config": "relu6"}.
        value = config if isinstance(config, str) else value
    name = {"silu": "swish", "hard_swish": "hard_silu"}.get(str(value), value)
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise ModelError("model_file.activation", layer=layer[:80], value=repr(name)[:80])
    return name


def axis_number(class_name: str, config: Config) -> Config:
    """Return a normalisation's axis as a number: tf.keras wrote a list of one."""
    axis = config.get("axis")
    if class_name.endswith("Normalization") and isinstance(axis, list) and len(axis) == 1:
        return {**config, "axis": axis[0]}
    return config


def depthwise_leftovers(class_name: str, config: Config) -> Config:
    """Drop what tf.keras' DepthwiseConv inherited from Conv and does not use."""
    if not class_name.startswith("DepthwiseConv"):
        return config
    unused = ("groups", "filters", "kernel_initializer", "kernel_regularizer", "kernel_constraint")
    return {key: value for key, value in config.items() if key not in unused}


def leaky_relu_alpha(class_name: str, config: Config) -> Config:
    """Return LeakyReLU's slope as ``alpha``: Keras 3 calls it ``negative_slope``.

    Old Keras wrote the slopes of LeakyReLU and ELU as a numpy array.
    """
    config = dict(config)
    if class_name == "LeakyReLU" and "negative_slope" in config:
        config["alpha"] = config.pop("negative_slope")
    for key in ("alpha", "theta", "max_value", "negative_slope", "threshold"):
        value = config.get(key)
        if isinstance(value, dict) and isinstance(value.get("value"), int | float):
            config[key] = value["value"]
    return config


def recurrent_leftovers(class_name: str, config: Config) -> Config:
    """Drop defaults of recurrent layers that TensorFlow.js does not know; refuse ``time_major``."""
    if class_name not in (*_RECURRENT, *_CELLS, "Bidirectional"):
        return config
    if config.get("time_major"):
        raise ModelError("model_file.time_major", layer=str(config.get("name"))[:80])
    dropped = ("time_major", "zero_output_for_mask", "use_cudnn", "consume_less", "seed")
    return {key: value for key, value in config.items() if key not in dropped}
