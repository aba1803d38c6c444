"""Which variables each layer has: their names, their shapes, and where a .keras archive keeps them.

One table serves every reader: stored names are matched with the names that TensorFlow.js gives,
missing weights are found, and a shape that contradicts the layer's settings is refused before
anybody builds the layer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from core.errors import ModelError
from core.tfjs.model import Config, is_model

__all__ = ["Variable", "layer_variables", "model_variables", "snake_case"]

Shape = tuple[int | None, ...]
Variables = list[tuple[str, Shape | None]]


@dataclass(frozen=True)
class Variable:
    """One variable of a layer.

    Parameters
    ----------
    name : str
        As TensorFlow.js names it, ``"<layer>/<variable>"``.
    layer : str
        Name of the layer that a model lists; a wrapper stands for what it wraps.
    path : str
        Where it lies below its layer in a .keras archive, such as ``"cell/vars/0"``.
    inside : tuple of str
        Names that tell it from its siblings in a wrapper, such as ``("forward_lstm",)``.
    shape : tuple of (int or None), or None
        What the layer's settings say about the shape; None where they are silent.
    """

    name: str
    layer: str
    path: str
    inside: tuple[str, ...] = ()
    shape: Shape | None = None

    @property
    def short_name(self) -> str:
        """The last part of the name, such as ``"kernel"``."""
        return self.name.rsplit("/", 1)[-1]


def snake_case(class_name: str) -> str:
    """Return the name that Keras 3 makes of a class, such as ``p_re_lu`` of PReLU.

    Source: ``keras.src.utils.naming.to_snake_case``.
    """
    name = re.sub(r"\W+", "", class_name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def model_variables(topology: Config) -> Iterator[Variable]:
    """Yield the variables of every layer, those of nested models in the place of their model."""
    for layer in topology["config"]["layers"]:
        if is_model(layer):
            yield from model_variables(layer)
        else:
            yield from layer_variables(layer)


def layer_variables(layer: Config) -> tuple[Variable, ...]:
    """Return a layer's variables in the order in which Keras creates them.

    Parameters
    ----------
    layer : dict
        Canonical JSON of a layer that is no model.

    Raises
    ------
    ModelError
        If a setting that decides about shapes is missing or no whole number.
    """
    class_name, config = layer["class_name"], layer["config"]
    name = config["name"]
    if class_name == "Bidirectional":
        inner = _inner(layer, "layer")
        return tuple(
            replace(
                variable,
                name=f"{name}/{side}_{inner['config']['name']}/{variable.short_name}",
                layer=name,
                path=f"{side}_layer/{variable.path}",
                inside=(f"{side}_{inner['config']['name']}",),
            )
            for side in ("forward", "backward")
            for variable in layer_variables(inner)
        )
    if class_name == "TimeDistributed":
        return _renamed(layer_variables(_inner(layer, "layer")), name, "layer/")
    if class_name == "RNN":
        cell = _inner(layer, "cell")
        if cell["class_name"] == "StackedRNNCells":
            return _stacked_variables(name, cell)
        return _renamed(layer_variables(cell), name, "cell/")
    make = _VARIABLES.get(class_name)
    folder = "cell/vars" if class_name in _RECURRENT else "vars"
    return tuple(
        Variable(f"{name}/{variable}", name, f"{folder}/{number}", (), shape)
        for number, (variable, shape) in enumerate(make(layer) if make else [])
    )


def _stacked_variables(name: str, stacked: Config) -> tuple[Variable, ...]:
    variables: list[Variable] = []
    used: dict[str, int] = {}
    cells = stacked["config"].get("cells")
    if not isinstance(cells, list):
        raise ModelError("model_file.layer_setting", layer=name[:80], setting="cells")
    for number, cell in enumerate(cells):
        group = unique_name(snake_case(cell["class_name"]), used)
        inside = (str(cell["config"]["name"]),)
        variables.extend(
            replace(
                variable,
                name=f"{name}/RNNCell_{number}/{variable.short_name}",
                layer=name,
                path=f"cell/cells/{group}/{variable.path}",
                inside=inside,
            )
            for variable in layer_variables(cell)
        )
    return tuple(variables)


def unique_name(name: str, used: dict[str, int]) -> str:
    """Return a name with the counter that a .keras archive adds to repeated ones."""
    if name in used:
        used[name] += 1
        return f"{name}_{used[name]}"
    used[name] = 0
    return name


def _renamed(variables: tuple[Variable, ...], name: str, prefix: str) -> tuple[Variable, ...]:
    return tuple(
        replace(
            variable,
            name=f"{name}/{variable.short_name}",
            layer=name,
            path=prefix + variable.path,
        )
        for variable in variables
    )


def _inner(layer: Config, key: str) -> Config:
    inner = layer["config"].get(key)
    if not isinstance(inner, dict) or is_model(inner):
        raise ModelError(
            "model_file.layer_setting", layer=str(layer["config"]["name"])[:80], setting=key
        )
    return inner


def _number(layer: Config, key: str, default: int | None = None) -> int:
    value = layer["config"].get(key, default)
    if type(value) is not int or value < 0:
        raise ModelError(
            "model_file.layer_setting", layer=str(layer["config"]["name"])[:80], setting=key
        )
    return value


def _numbers(layer: Config, key: str, rank: int) -> tuple[int, ...]:
    value = layer["config"].get(key)
    if type(value) is int:
        value = [value] * rank
    if (
        not isinstance(value, list)
        or len(value) != rank
        or not all(type(side) is int and side >= 0 for side in value)
    ):
        raise ModelError(
            "model_file.layer_setting", layer=str(layer["config"]["name"])[:80], setting=key
        )
    return tuple(value)


def _bias(layer: Config, size: int | None) -> Variables:
    return [("bias", (size,))] if layer["config"].get("use_bias", True) else []


def _dense(layer: Config) -> Variables:
    units = _number(layer, "units")
    return [("kernel", (None, units)), *_bias(layer, units)]


def _convolution(rank: int, *, transposed: bool = False) -> Callable[[Config], Variables]:
    def variables(layer: Config) -> Variables:
        sides, filters = _numbers(layer, "kernel_size", rank), _number(layer, "filters")
        channels = (filters, None) if transposed else (None, filters)
        return [("kernel", (*sides, *channels)), *_bias(layer, filters)]

    return variables


def _depthwise(rank: int) -> Callable[[Config], Variables]:
    def variables(layer: Config) -> Variables:
        sides = _numbers(layer, "kernel_size", rank)
        multiplier = _number(layer, "depth_multiplier", 1)
        return [("depthwise_kernel", (*sides, None, multiplier)), *_bias(layer, None)]

    return variables


def _separable(rank: int) -> Callable[[Config], Variables]:
    def variables(layer: Config) -> Variables:
        sides, filters = _numbers(layer, "kernel_size", rank), _number(layer, "filters")
        multiplier = _number(layer, "depth_multiplier", 1)
        return [
            ("depthwise_kernel", (*sides, None, multiplier)),
            ("pointwise_kernel", (*[1] * rank, None, filters)),
            *_bias(layer, filters),
        ]

    return variables


def _recurrent(gates: int) -> Callable[[Config], Variables]:
    def variables(layer: Config) -> Variables:
        units = _number(layer, "units")
        # Keras stores two biases a gate for a GRU with reset_after.
        bias: Shape = (gates * units,)
        if gates == 3 and layer["config"].get("reset_after"):
            bias = (2, gates * units)
        return [
            ("kernel", (None, gates * units)),
            ("recurrent_kernel", (units, gates * units)),
            *([("bias", bias)] if layer["config"].get("use_bias", True) else []),
        ]

    return variables


def _conv_lstm(layer: Config) -> Variables:
    filters, sides = _number(layer, "filters"), _numbers(layer, "kernel_size", 2)
    return [
        ("kernel", (*sides, None, 4 * filters)),
        ("recurrent_kernel", (*sides, filters, 4 * filters)),
        *_bias(layer, 4 * filters),
    ]


def _batch_normalization(layer: Config) -> Variables:
    return [*_scale_and_center(layer), ("moving_mean", (None,)), ("moving_variance", (None,))]


def _scale_and_center(layer: Config, *, rank: int | None = 1) -> Variables:
    shape: Shape | None = (None,) if rank == 1 else None
    config = layer["config"]
    return [
        (variable, shape)
        for variable, flag in (("gamma", "scale"), ("beta", "center"))
        if config.get(flag, True)
    ]


def _layer_normalization(layer: Config) -> Variables:
    return _scale_and_center(layer, rank=None)


def _embedding(layer: Config) -> Variables:
    return [("embeddings", (_number(layer, "input_dim"), _number(layer, "output_dim")))]


def _alpha(layer: Config) -> Variables:
    return [("alpha", None)]


def _normalization(layer: Config) -> Variables:
    # A layer that was given its mean has no variables.
    if layer["config"].get("mean") is not None:
        return []
    return [("mean", None), ("variance", None), ("count", None)]


_RECURRENT = frozenset(("SimpleRNN", "GRU", "LSTM", "ConvLSTM2D"))
_VARIABLES: dict[str, Callable[[Config], Variables]] = {
    "Dense": _dense,
    "Conv1D": _convolution(1),
    "Conv2D": _convolution(2),
    "Conv3D": _convolution(3),
    "Conv1DTranspose": _convolution(1, transposed=True),
    "Conv2DTranspose": _convolution(2, transposed=True),
    "Conv3DTranspose": _convolution(3, transposed=True),
    "DepthwiseConv1D": _depthwise(1),
    "DepthwiseConv2D": _depthwise(2),
    "SeparableConv1D": _separable(1),
    "SeparableConv2D": _separable(2),
    "SimpleRNN": _recurrent(1),
    "SimpleRNNCell": _recurrent(1),
    "GRU": _recurrent(3),
    "GRUCell": _recurrent(3),
    "LSTM": _recurrent(4),
    "LSTMCell": _recurrent(4),
    "ConvLSTM2D": _conv_lstm,
    "BatchNormalization": _batch_normalization,
    "LayerNormalization": _layer_normalization,
    "GroupNormalization": _scale_and_center,
    "Embedding": _embedding,
    "PReLU": _alpha,
    "Normalization": _normalization,
}
