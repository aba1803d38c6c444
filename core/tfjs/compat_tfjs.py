"""The rule that makes any layer fit for one release of TensorFlow.js."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from core.tfjs.compat_activations import (
    TFJS_ACTIVATIONS,
    TFJS_ACTIVATIONS_OLD,
    activation_steps,
    plain_name,
    put_behind,
)
from core.tfjs.compat_rules import OLD_RULES, RULES
from core.tfjs.compat_steps import keep, refuse
from core.tfjs.model import Config, is_model
from core.tfjs.rewrite import Call, Refusal, Rule, Step

__all__ = ["RECURRENT", "tfjs_rule"]


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


RECURRENT = frozenset(("LSTM", "GRU", "SimpleRNN", "ConvLSTM2D"))


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


def tfjs_rule(dialect: str, target: str) -> Rule:
    """Return the rule for models of one dialect.

    Parameters
    ----------
    dialect : {"tfjs", "keras2", "keras3"}
        Where the model comes from.
    target : {"tfjs", "tfjs-1.3.1"}
    """
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
        if "activation" not in step.config or step.class_name in RECURRENT:
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
            expanded.extend(put_behind(step, chain, len(expanded)))
        moved[-1 - number] = -len(expanded)
    return expanded


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
                    in_wrapper = part is not config and class_name not in RECURRENT
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
