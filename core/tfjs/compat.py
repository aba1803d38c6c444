"""Make a model mean the same in TensorFlow.js and in Keras, or say why it cannot.

Some layers and activations share a name between the two and not a function, others exist in one
only. :func:`adapt` rewrites them exactly (the rules are in :mod:`core.tfjs.compat_rules`) or
refuses the model with every reason at once, before anything is written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeAlias

from core.errors import ModelError, Note
from core.tfjs.compat_keras import keras_rule
from core.tfjs.compat_masks import mask_problems
from core.tfjs.compat_rules import AUGMENTATION
from core.tfjs.compat_steps import nothing
from core.tfjs.compat_tfjs import tfjs_rule
from core.tfjs.inline import inline_nested
from core.tfjs.model import Config, LayersModel, is_model
from core.tfjs.rewrite import rewrite_layers

__all__ = [
    "ConversionRefusedError",
    "Target",
    "adapt",
    "dialect_of",
    "problems",
    "without_augmentation",
]

Target: TypeAlias = Literal["tfjs", "tfjs-1.3.1", "keras", "keras3"]


_VALID_NAME = re.compile(r"[A-Za-z0-9][-A-Za-z0-9._/]*")


class ConversionRefusedError(ModelError):
    """A model that would not mean the same in the other library.

    Attributes
    ----------
    problems : tuple of Note
        One reason for each layer.
    """

    def __init__(self, problems: Sequence[Note]) -> None:
        self.problems = tuple(problems)
        details = "\n".join(f"- {problem.message}" for problem in problems)
        super().__init__("convert.refused", count=len(problems), details=details)


def dialect_of(model: LayersModel) -> str:
    """Return whose functions a model's names stand for.

    Returns
    -------
    {"tfjs", "keras2", "keras3"}
    """
    if model.origin.format == "tfjs_layers_model":
        return "tfjs"
    if model.origin.format == "keras_keras":
        return "keras3"
    return "keras3" if str(model.origin.keras_version or "").startswith("3") else "keras2"


def problems(
    model: LayersModel, target: Target, *, strip_augmentation: bool = False
) -> tuple[Note, ...]:
    """Return why a model cannot be written for a target.

    Parameters
    ----------
    model : LayersModel
    target : {"tfjs", "tfjs-1.3.1", "keras", "keras3"}
        ``keras`` is .h5, which tf.keras 2 and Keras 3 must both understand.
    strip_augmentation : bool
        Whether random augmentation layers, which do nothing when a model predicts, may go.

    Returns
    -------
    tuple of Note
        Empty when :func:`adapt` succeeds.
    """
    return _adapt(model, target, strip_augmentation)[1]


def adapt(model: LayersModel, target: Target, *, strip_augmentation: bool = False) -> LayersModel:
    """Return a model that means in the target what `model` means where it comes from.

    Parameters
    ----------
    model, target, strip_augmentation
        As for :func:`problems`.

    Returns
    -------
    LayersModel
        Layers that are the same in both are kept as they are. Its origin's format is one whose
        functions it now stands for, so adapting it again changes nothing.

    Raises
    ------
    ConversionRefusedError
        With every reason.
    """
    adapted, refusals = _adapt(model, target, strip_augmentation)
    if refusals:
        raise ConversionRefusedError(refusals)
    return adapted


def _adapt(model: LayersModel, target: Target, strip: bool) -> tuple[LayersModel, tuple[Note, ...]]:
    dialect = dialect_of(model)
    to_tfjs = target.startswith("tfjs")
    masks = mask_problems(model.topology) if to_tfjs != (dialect == "tfjs") else ()
    if strip:
        model = without_augmentation(model)
    rule = tfjs_rule(dialect, target) if to_tfjs else keras_rule(dialect, target)
    adapted, refusals = rewrite_layers(model, rule)
    if to_tfjs:
        adapted = _rename_layers(_without_seeds(adapted))
    elif target == "keras":
        adapted = inline_nested(adapted)
    origin = replace(adapted.origin, format=_FORMATS[target])
    if not to_tfjs:
        origin = replace(origin, keras_version="3" if target == "keras3" else "2.15.0")
    return replace(adapted, origin=origin), masks + refusals


_FORMATS: dict[str, str] = {
    "tfjs": "tfjs_layers_model",
    "tfjs-1.3.1": "tfjs_layers_model",
    "keras": "keras",
    "keras3": "keras_keras",
}


def without_augmentation(model: LayersModel) -> LayersModel:
    """Return a model whose random augmentation layers hand on what they get."""
    return rewrite_layers(
        model, lambda call: nothing(call) if call.class_name in AUGMENTATION else None
    )[0]


def _without_seeds(model: LayersModel) -> LayersModel:
    """Drop the states of random generators, which Keras 3 counts among the weights."""
    weights = {
        name: weight
        for name, weight in model.weights.items()
        if not name.endswith("seed_generator_state")
    }
    return replace(model, weights=weights)


def _rename_layers(model: LayersModel) -> LayersModel:
    """Give layers with a name that TensorFlow.js takes for invalid another one."""
    names: dict[str, str] = {}

    def collect(topology: Config) -> None:
        for layer in topology["config"]["layers"]:
            name = str(layer["config"].get("name"))
            names[name] = name
            if is_model(layer):
                collect(layer)

    collect(model.topology)
    taken = set(names)
    for name in [name for name in names if not _VALID_NAME.fullmatch(name)]:
        plain = re.sub(r"[^-A-Za-z0-9._]", "_", name)
        plain = plain if plain[:1].isalnum() else f"layer{plain}"
        while plain in taken:
            plain += "_"
        taken.add(plain)
        names[name] = plain
    changed = {old: new for old, new in names.items() if old != new}
    if not changed:
        return model
    weights = {}
    for name, weight in model.weights.items():
        layer, slash, variable = name.partition("/")
        weights[changed.get(layer, layer) + slash + variable] = weight
    notices = tuple(
        Note("compat.note_renamed", {"layer": old, "name": new}) for old, new in changed.items()
    )
    topology = _renamed(model.topology, changed)
    return replace(model, topology=topology, weights=weights, notices=(*model.notices, *notices))


def _renamed(topology: Config, changed: Mapping[str, str]) -> Config:
    def reference(item: Sequence[Any]) -> list[Any]:
        return [changed.get(item[0], item[0]), *item[1:]]

    layers = []
    for layer in topology["config"]["layers"]:
        layer = _renamed(layer, changed) if is_model(layer) else dict(layer)
        old = layer["config"].get("name")
        layer["config"] = {**layer["config"], "name": changed.get(old, old)}
        if "name" in layer:
            layer["name"] = changed.get(layer["name"], layer["name"])
        if "inbound_nodes" in layer:
            layer["inbound_nodes"] = [[reference(r) for r in n] for n in layer["inbound_nodes"]]
        layers.append(layer)
    config = {**topology["config"], "layers": layers}
    for key in ("input_layers", "output_layers"):
        if key in config:
            config[key] = [reference(item) for item in config[key]]
    return {**topology, "config": config}
