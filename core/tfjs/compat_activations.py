"""Activations that TensorFlow.js lacks, or that have one name and two functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.tfjs.rewrite import Step

__all__ = [
    "TFJS_ACTIVATIONS",
    "TFJS_ACTIVATIONS_OLD",
    "activation_steps",
    "plain_name",
    "put_behind",
]

# What the registry of each release holds, with the names as they stand in files. ``gelu_new`` is
# registered in 4.22 but cannot be reached: names are turned into camel case before the look-up.
TFJS_ACTIVATIONS_OLD = frozenset(
    [
        "elu",
        "hard_sigmoid",
        "linear",
        "log_softmax",
        "relu",
        "relu6",
        "selu",
        "sigmoid",
        "softmax",
        "softplus",
        "softsign",
        "tanh",
    ]
)
TFJS_ACTIVATIONS = TFJS_ACTIVATIONS_OLD | {"gelu", "mish", "swish"}

_ALIASES = {"silu": "swish", "hard_swish": "hard_silu"}


def plain_name(activation: object) -> str | None:
    """Return an activation's name as files for TensorFlow.js spell it.

    Parameters
    ----------
    activation : str, None or other
        As in a layer's config; nothing means "linear".

    Returns
    -------
    str or None
        ``None`` for an activation that is an object and not a name.
    """
    if activation is None:
        return "linear"
    if not isinstance(activation, str):
        return None
    return _ALIASES.get(activation, activation)


def _rescale(scale: float, offset: float, suffix: str, source: int) -> Step:
    return Step("Rescaling", {"scale": scale, "offset": offset}, (source,), suffix)


def _relu(highest: float, suffix: str, source: int) -> Step:
    return Step("ReLU", {"max_value": highest}, (source,), suffix)


def _named(activation: str, suffix: str, source: int) -> Step:
    return Step("Activation", {"activation": activation}, (source,), suffix)


def activation_steps(activation: str, dialect: str) -> list[Step] | None:
    """Return layers that compute an activation and mean the same to every reader.

    Parameters
    ----------
    activation : str
        From :func:`plain_name`.
    dialect : {"tfjs", "keras2", "keras3"}
        Whose function the name stands for: ``hard_sigmoid`` is ``relu6(x + 3) / 6`` in Keras 3
        and ``clip(0.2 x + 0.5, 0, 1)`` elsewhere.

    Returns
    -------
    list of Step or None
        ``None`` if there is no such chain.
    """
    if activation == "hard_sigmoid" and dialect == "keras3":
        return [
            _rescale(1.0, 3.0, "_plus_3", 0),
            _relu(6.0, "_relu6", -1),
            _rescale(1 / 6, 0.0, "_sixth", -2),
        ]
    if activation == "hard_sigmoid":
        return [_rescale(0.2, 0.5, "_line", 0), _relu(1.0, "_clip", -1)]
    if activation == "hard_silu":
        return [
            _rescale(1.0, 3.0, "_plus_3", 0),
            _relu(6.0, "_relu6", -1),
            _rescale(1 / 6, 0.0, "_sixth", -2),
            Step("Multiply", {}, (0, -3), "_gate"),
        ]
    if activation == "hard_tanh":
        return [
            _rescale(1.0, 1.0, "_plus_1", 0),
            _relu(2.0, "_clip", -1),
            _rescale(1.0, -1.0, "_minus_1", -2),
        ]
    if activation == "log_sigmoid":
        return [
            _rescale(-1.0, 0.0, "_negative", 0),
            _named("softplus", "_softplus", -1),
            _rescale(-1.0, 0.0, "_back", -2),
        ]
    if activation == "leaky_relu":
        # The slope of keras.activations.leaky_relu where nothing else is said.
        return [Step("LeakyReLU", {"alpha": 0.2}, (0,), "_leaky_relu")]
    return None


def put_behind(step: Step, chain: Sequence[Step], before: int) -> list[Step]:
    """Return a layer without its activation, and the activation's layers behind it.

    Parameters
    ----------
    step : Step
        The layer; an Activation is replaced altogether.
    chain : sequence of Step
        From :func:`activation_steps`.
    before : int
        How many steps stand before it already.
    """
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
