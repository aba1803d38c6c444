"""The rule that makes any layer fit for Keras 3, or for .h5 files that tf.keras 2 opens too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.tfjs.compat_activations import activation_steps, plain_name, put_behind
from core.tfjs.compat_recurrent import scale_gates
from core.tfjs.compat_steps import keep, refuse
from core.tfjs.compat_tfjs import RECURRENT
from core.tfjs.rewrite import Call, Refusal, Rule, Step

__all__ = ["keras_rule"]


def keras_rule(dialect: str, target: str) -> Rule:
    """Return the rule for models of one dialect.

    Parameters
    ----------
    dialect : {"tfjs", "keras2", "keras3"}
        Where the model comes from.
    target : {"keras", "keras3"}
        ``keras`` is .h5.
    """

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
        if call.class_name in (*RECURRENT, "Bidirectional"):
            return _keras_recurrent(call, dialect, target)
        steps = keep(call)
        if call.class_name == "DepthwiseConv2D" and from_tfjs:
            steps = keep(call, dilation_rate=[1, 1])  # which TensorFlow.js ignores
        # Neutral layers for hard_sigmoid wherever the reader might mean the other one.
        if plain_name(config.get("activation")) == "hard_sigmoid" and (
            target == "keras" or dialect != "keras3"
        ):
            return put_behind(steps[0], activation_steps("hard_sigmoid", dialect) or [], 0)
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
    if class_name not in RECURRENT:
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
