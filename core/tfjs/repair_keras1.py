"""What Keras 1 called things."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from core.errors import ModelError
from core.tfjs.model import Config, Weight

__all__ = [
    "keras1_arguments",
    "keras1_class_name",
    "keras1_merge",
    "keras1_time_distributed_dense",
    "keras1_weights",
]

_CLASSES = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "Deconvolution2D": "Conv2DTranspose",
    "Convolution2DTranspose": "Conv2DTranspose",
    "DepthwiseConvolution2D": "DepthwiseConv2D",
    "SeparableConvolution2D": "SeparableConv2D",
    "SeparableConvolution1D": "SeparableConv1D",
    "GlobalAvgPool2D": "GlobalAveragePooling2D",
    "MaxPool2D": "MaxPooling2D",
    "AvgPool2D": "AveragePooling2D",
}
_ARGUMENTS = {
    "nb_filter": "filters",
    "border_mode": "padding",
    "init": "kernel_initializer",
    "inner_init": "recurrent_initializer",
    "inner_activation": "recurrent_activation",
    "W_regularizer": "kernel_regularizer",
    "U_regularizer": "recurrent_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
    "bias": "use_bias",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "subsample": "strides",
    "subsample_length": "strides",
    "stride": "strides",
    "filter_length": "kernel_size",
    "pool_length": "pool_size",
    "atrous_rate": "dilation_rate",
    "gamma_init": "gamma_initializer",
    "beta_init": "beta_initializer",
}
_DATA_FORMATS = {"tf": "channels_last", "th": "channels_first", "default": "channels_last"}
_MERGES = {
    "sum": "Add",
    "mul": "Multiply",
    "ave": "Average",
    "max": "Maximum",
    "concat": "Concatenate",
    "dot": "Dot",
}


def keras1_class_name(class_name: str) -> str:
    """Return today's name of a Keras 1 class, such as Conv2D for Convolution2D."""
    return _CLASSES.get(class_name, class_name)


def keras1_arguments(class_name: str, config: Config) -> Config:
    """Return a layer's settings under today's names."""
    renamed: Config = {}
    for key, value in config.items():
        renamed[_ARGUMENTS.get(key, key)] = value
    if "nb_row" in renamed and "nb_col" in renamed:
        renamed["kernel_size"] = [renamed.pop("nb_row"), renamed.pop("nb_col")]
    if "dim_ordering" in renamed:
        ordering = renamed.pop("dim_ordering")
        renamed["data_format"] = _DATA_FORMATS.get(str(ordering), ordering)
    if "output_dim" in renamed and class_name != "Embedding":
        renamed["units"] = renamed.pop("output_dim")
        renamed.pop("input_dim", None)
    if class_name == "Embedding" and "kernel_initializer" in renamed:
        renamed["embeddings_initializer"] = renamed.pop("kernel_initializer")
    if "p" in renamed and "Dropout" in class_name:
        renamed["rate"] = renamed.pop("p")
    if class_name == "BatchNormalization" and renamed.get("mode") == 0:
        renamed.pop("mode")
    return renamed


def keras1_merge(class_name: str, config: Config) -> tuple[str, Config]:
    """Return Merge as the class for its mode.

    Raises
    ------
    ModelError
        If the mode is a function or none of Keras 1's that have a layer today.
    """
    if class_name != "Merge":
        return class_name, config
    mode = config.get("mode")
    if not isinstance(mode, str) or mode not in _MERGES or config.get("mode_type") == "lambda":
        raise ModelError(
            "model_file.merge_mode", layer=str(config.get("name"))[:80], mode=repr(mode)[:40]
        )
    merged: dict[str, Any] = {"name": config.get("name")}
    if mode == "concat":
        merged["axis"] = config.get("concat_axis", -1)
    if mode == "dot":
        merged.update(axes=config.get("dot_axes", -1), normalize=False)
    return _MERGES[mode], merged


def keras1_time_distributed_dense(class_name: str, config: Config) -> tuple[str, Config]:
    """Return TimeDistributedDense as Dense, which works on the last axis today."""
    return ("Dense", config) if class_name == "TimeDistributedDense" else (class_name, config)


# The order in which Keras 1 listed the gates, seen from the order of today's one matrix.
_GATES = {"LSTM": (0, 2, 1, 3), "GRU": (0, 1, 2)}


def keras1_weights(layer: Config, stored: Mapping[str, Weight]) -> dict[str, Weight]:
    """Return a layer's weights as today's Keras lays them out.

    Keras 1 kept each gate of an LSTM (input, cell, forget, output) or GRU apart, as matrices for
    the input and the state and a bias, and a Conv1D's kernel with a side of 1 between.

    Parameters
    ----------
    layer : dict
        Canonical JSON.
    stored : mapping of str to ndarray
        The layer's weights in the order of the file.
    """
    class_name = layer["class_name"]
    arrays = list(stored.values())
    order = _GATES.get(class_name)
    if order is not None and len(arrays) == 3 * len(order):
        kinds = ("kernel", "recurrent_kernel", "bias")
        return {
            kind: np.concatenate([arrays[3 * gate + i] for gate in order], axis=-1)
            for i, kind in enumerate(kinds)
        }
    if class_name == "Conv1D" and arrays and arrays[0].ndim == 4 and arrays[0].shape[1] == 1:
        names = list(stored)
        return {**stored, names[0]: arrays[0][:, 0]}
    return dict(stored)
