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
from core.tfjs.compat_activations import (
    TFJS_ACTIVATIONS,
    TFJS_ACTIVATIONS_OLD,
    activation_steps,
    plain_name,
)
from core.tfjs.compat_masks import mask_problems
from core.tfjs.compat_rules import (
    AUGMENTATION,
    OLD_RULES,
    RULES,
    keep,
    nothing,
    refuse,
    scale_gates,
)
from core.tfjs.inline import inline_nested
from core.tfjs.model import Config, LayersModel, is_model
from core.tfjs.rewrite import Call, Refusal, Step, rewrite_layers

__all__ = [
    "ConversionRefusedError",
    "Target",
    "adapt",
    "dialect_of",
    "problems",
    "without_augmentation",
]

Target: TypeAlias = Literal["tfjs", "tfjs-1.3.1", "keras", "keras3"]

# The registry of TensorFlow.js 1.3.1, the release below Teachable Machine's library, and of 4.22.
TFJS_LAYERS_OLD = frozenset(
    [
        "Activation",
        "Add",
        "AlphaDropout",
        "Average",
        "AveragePooling1D",
        "AveragePooling2D",
        "AveragePooling3D",
        "BatchNormalization",
        "Bidirectional",
        "Concatenate",
        "Conv1D",
        "Conv2D",
        "Conv2DTranspose",
        "Conv3D",
        "Cropping2D",
        "Dense",
        "DepthwiseConv2D",
        "Dot",
        "Dropout",
        "ELU",
        "Embedding",
        "Flatten",
        "GRU",
        "GaussianDropout",
        "GaussianNoise",
        "GlobalAveragePooling1D",
        "GlobalAveragePooling2D",
        "GlobalMaxPooling1D",
        "GlobalMaxPooling2D",
        "InputLayer",
        "LSTM",
        "LayerNormalization",
        "LeakyReLU",
        "Masking",
        "MaxPooling1D",
        "MaxPooling2D",
        "MaxPooling3D",
        "Maximum",
        "Minimum",
        "Multiply",
        "PReLU",
        "Permute",
        "ReLU",
        "RepeatVector",
        "Reshape",
        "SeparableConv2D",
        "SimpleRNN",
        "Softmax",
        "ThresholdedReLU",
        "TimeDistributed",
        "UpSampling2D",
        "ZeroPadding2D",
    ]
)
TFJS_LAYERS = TFJS_LAYERS_OLD | {
    "Conv3DTranspose",
    "ConvLSTM2D",
    "Rescaling",
    "SpatialDropout1D",
}
_RECURRENT = frozenset(("LSTM", "GRU", "SimpleRNN", "ConvLSTM2D"))
_VALID_NAME = re.compile(r"[A-Za-z0-9][-A-Za-z0-9._/]*")

_INITIALIZERS = {
    name: name
    for name in (
        [
            "Constant",
            "GlorotNormal",
            "GlorotUniform",
            "HeNormal",
            "HeUniform",
            "Identity",
            "LeCunNormal",
            "Ones",
            "Orthogonal",
            "RandomNormal",
            "RandomUniform",
            "TruncatedNormal",
            "VarianceScaling",
            "Zeros",
        ]
    )
} | {
    "LecunNormal": "LeCunNormal",
    "IdentityInitializer": "Identity",
    "OrthogonalInitializer": "Orthogonal",
}
_CONSTRAINTS = ("MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm")


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
    rule = _tfjs_rule(dialect, target) if to_tfjs else _keras_rule(dialect, target)
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


# -- for TensorFlow.js ------------------------------------------------------------------------


def _tfjs_rule(dialect: str, target: str) -> Any:
    rules = RULES if target == "tfjs" else OLD_RULES
    layers = TFJS_LAYERS if target == "tfjs" else TFJS_LAYERS_OLD
    activations = TFJS_ACTIVATIONS if target == "tfjs" else TFJS_ACTIVATIONS_OLD

    def rule(call: Call) -> Sequence[Step] | Refusal:
        call = replace(call, config=_clean(call.config, call.class_name))
        own = None if dialect == "tfjs" else rules.get(call.class_name)
        steps = own(call, dialect) if own else None
        if isinstance(steps, Refusal):
            return steps
        steps = _expand_activations(keep(call) if steps is None else steps, call, dialect)
        if isinstance(steps, Refusal):
            return steps
        return _check(steps, call, dialect, layers, activations)

    return rule


def _expand_activations(
    steps: Sequence[Step], call: Call, dialect: str
) -> Sequence[Step] | Refusal:
    """Put an activation that TensorFlow.js does not have, or has otherwise, behind its layer."""
    expanded: list[Step] = []
    moved: dict[int, int] = {}  # step -> where its output is now
    for number, step in enumerate(steps):
        inputs = step.inputs
        if inputs is not None:
            inputs = tuple(n if n >= 0 else moved[n] for n in inputs)
        step = replace(step, inputs=inputs)
        activation = plain_name(step.config.get("activation"))
        if "activation" not in step.config or step.class_name in _RECURRENT:
            expanded.append(step)
        elif activation is None:
            return refuse("activation_object", call)
        elif (activation in TFJS_ACTIVATIONS and activation != "hard_sigmoid") or (
            activation == "hard_sigmoid" and dialect != "keras3"
        ):
            expanded.append(replace(step, config={**step.config, "activation": activation}))
        else:
            chain = activation_steps(activation, dialect)
            if chain is None:
                return refuse("activation", call, activation=activation)
            expanded.extend(_behind(step, chain, len(expanded)))
        moved[-1 - number] = -len(expanded)
    return expanded


def _behind(step: Step, chain: Sequence[Step], before: int) -> list[Step]:
    """Return a layer without its activation, and the activation's layers behind it."""
    if step.class_name == "Activation":
        first, source = [], step.inputs
    else:
        first, source = [replace(step, config={**step.config, "activation": "linear"})], None
        before += 1
    placed = []
    for link in chain:
        inputs: list[int] = []
        for n in link.inputs or ():
            if n < 0:
                inputs.append(n - before)
            else:
                inputs.append(-before if source is None and first else (source or (0,))[0])
        placed.append(replace(link, inputs=tuple(inputs), suffix=step.suffix + link.suffix))
    if not first:
        placed[-1] = replace(placed[-1], suffix=step.suffix)  # the output keeps the name
    return first + placed


def _check(
    steps: Sequence[Step],
    call: Call,
    dialect: str,
    layers: frozenset[str],
    activations: frozenset[str],
) -> Sequence[Step] | Refusal:
    """Refuse what the release does not have, wrapped layers included."""
    checked = []
    for step in steps:
        if step.class_name not in layers:
            return refuse("layer_missing", call, missing=step.class_name)
        config = dict(step.config)
        layer = config.get("layer")
        inner = layer if isinstance(layer, Mapping) else None
        for class_name, part in ((step.class_name, config), *_inner(inner)):
            if class_name not in layers:
                return refuse("layer_missing", call, missing=class_name)
            for key in ("activation", "recurrent_activation"):
                if key in part:
                    name = plain_name(part[key])
                    if name is None:
                        return refuse("activation_object", call)
                    in_wrapper = part is not config and class_name not in _RECURRENT
                    if name == "hard_sigmoid" and dialect == "keras3" and in_wrapper:
                        return refuse("wrapped_chain", call, inner=name)
                    if name not in activations:
                        return refuse("activation", call, activation=name)
                    part[key] = name
        checked.append(replace(step, config=config))
    return checked


def _inner(layer: Mapping[str, Any] | None) -> list[tuple[str, Config]]:
    return [] if layer is None else [(str(layer["class_name"]), layer["config"])]


def _clean(config: Config, class_name: str) -> Config:
    """Bring what matters to training only into words that TensorFlow.js knows."""
    cleaned: Config = {}
    for key, value in config.items():
        if key == "activity_regularizer":
            continue  # TensorFlow.js refuses to run a layer that has one
        if key == "layer" and isinstance(value, Mapping) and not is_model(dict(value)):
            inner = _clean(value["config"], str(value["class_name"]))
            cleaned[key] = {"class_name": value["class_name"], "config": inner}
        elif key == "dtype" and class_name != "InputLayer":
            cleaned[key] = "float32"
        elif key.endswith("_initializer"):
            cleaned[key] = _initializer(value)
        elif key.endswith("_regularizer"):
            cleaned[key] = _regularizer(value)
        elif key.endswith("_constraint"):
            known = isinstance(value, Mapping) and value.get("class_name") in _CONSTRAINTS
            cleaned[key] = value if known else None
        else:
            cleaned[key] = value
    return cleaned


def _initializer(value: Any) -> Any:
    # The values are in the file, so an initialiser without a counterpart may be any other.
    if not isinstance(value, Mapping):
        return {"class_name": "Zeros", "config": {}}
    name = _INITIALIZERS.get(str(value.get("class_name")))
    config = dict(value.get("config") or {})
    config.pop("dtype", None)
    if name is None:
        return {"class_name": "Zeros", "config": {}}
    if config.get("distribution") == "untruncated_normal":
        config["distribution"] = "normal"
    if not isinstance(config.get("seed"), int | float | None):
        config["seed"] = None
    return {"class_name": name, "config": config}


def _regularizer(value: Any) -> Any:
    if not isinstance(value, Mapping) or value.get("class_name") not in ("L1", "L2", "L1L2"):
        return None
    config = value.get("config") or {}
    return {
        "class_name": "L1L2",
        "config": {"l1": config.get("l1") or 0.0, "l2": config.get("l2") or 0.0},
    }


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


# -- for Keras --------------------------------------------------------------------------------


def _keras_rule(dialect: str, target: str) -> Any:
    def rule(call: Call) -> Sequence[Step] | Refusal | None:
        from_tfjs = dialect == "tfjs"
        config = call.config
        if from_tfjs and call.class_name in ("UpSampling2D", "Resizing", "CenterCrop"):
            default = "nearest" if call.class_name == "UpSampling2D" else "bilinear"
            name = str(config.get("interpolation", default))
            if call.class_name == "UpSampling2D" and name == "nearest":
                return None
            return refuse("resize_grid", call, interpolation=name)
        if call.class_name == "ThresholdedReLU":
            return _thresholded(call)
        if call.class_name == "LeakyReLU":
            slope = config.pop("alpha", 0.3)
            key = "negative_slope" if target == "keras3" else "alpha"
            return keep(call, **{key: slope})
        if call.class_name == "Softmax" and from_tfjs:
            return keep(call, axis=config.get("axis", 1))
        if call.class_name in (*_RECURRENT, "Bidirectional"):
            return _keras_recurrent(call, dialect, target)
        steps = keep(call)
        if call.class_name == "DepthwiseConv2D" and from_tfjs:
            steps = keep(call, dilation_rate=[1, 1])  # which TensorFlow.js ignores
        # Neutral layers for hard_sigmoid wherever the reader might mean the other one.
        if plain_name(config.get("activation")) == "hard_sigmoid" and (
            target == "keras" or dialect != "keras3"
        ):
            return _behind(steps[0], activation_steps("hard_sigmoid", dialect) or [], 0)
        inner = config.get("layer")
        if isinstance(inner, Mapping) and inner["config"].get("activation") == "hard_sigmoid":
            return refuse("wrapped_chain", call, inner="hard_sigmoid")
        return (
            None if steps[0].config == {k: v for k, v in config.items() if k != "name"} else steps
        )

    return rule


def _thresholded(call: Call) -> Sequence[Step] | Refusal:
    theta = call.config.pop("theta", 1.0)
    if float(theta) < 0.0:
        return refuse("relu_options", call, slope=0.0, threshold=float(theta))
    return keep(call, "ReLU", threshold=float(theta), max_value=None, negative_slope=0.0)


def _keras_recurrent(call: Call, dialect: str, target: str) -> Sequence[Step] | Refusal | None:
    layer = call.config.get("layer", {"class_name": call.class_name, "config": call.config})
    class_name, config = layer["class_name"], dict(layer["config"])
    if class_name not in _RECURRENT:
        return None
    if target == "keras" and len(call.inputs) > 1:
        return refuse("h5_initial_state", call)
    if dialect == "tfjs":
        config.setdefault("recurrent_activation", "hard_sigmoid")
        if class_name == "GRU":
            config.setdefault("reset_after", False)
        if class_name == "SimpleRNN":
            config.pop("recurrent_activation")
    weights = call.weights
    if config.get("activation") == "hard_sigmoid" and (dialect != "keras3" or target == "keras"):
        return refuse("recurrent_hard_sigmoid", call)
    if config.get("recurrent_activation") == "hard_sigmoid":
        if target == "keras":
            return refuse("h5_hard_sigmoid", call)
        if dialect != "keras3":
            inner = Call(class_name, config, (), weights)
            weights = scale_gates(inner, 6 / 5).weights
    call = replace(call, weights=weights)
    if call.class_name == "Bidirectional":
        return keep(call, layer={"class_name": class_name, "config": config})
    return keep(replace(call, config=config))
