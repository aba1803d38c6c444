"""Masks: where TensorFlow.js and Keras carry them differently.

TensorFlow.js keeps the last mask it met and hands it to every later layer that listens to one,
whether or not that layer's own input is masked. Keras carries a mask along the graph, and some of
its layers (global average pooling, Concatenate ...) do more with it. A model is passed only where
both do the same.
"""

from __future__ import annotations

from core.errors import Note
from core.tfjs.model import Config, is_model

__all__ = ["mask_problems"]

_LISTENERS = frozenset(("SimpleRNN", "GRU", "LSTM", "Softmax"))
# Carry a mask on without looking at it, in both.
_CARRIERS = frozenset(
    [
        "Activation",
        "AlphaDropout",
        "BatchNormalization",
        "Dense",
        "Dropout",
        "GaussianDropout",
        "GaussianNoise",
        "LayerNormalization",
        "Masking",
        "ReLU",
        "SpatialDropout1D",
    ]
)
# Lose it, in both.
_DROPPERS = frozenset(("Conv1D", "Flatten", "MaxPooling1D", "Reshape", "GlobalMaxPooling1D"))


def mask_problems(topology: Config) -> tuple[Note, ...]:
    """Return a note for every layer that a mask would reach differently.

    Parameters
    ----------
    topology : dict
        A canonical model.

    Returns
    -------
    tuple of Note
        Empty for models without Masking and Embedding with ``mask_zero``.
    """
    if not _has_mask(topology):
        return ()
    layers = topology["config"]["layers"]
    problems: list[Note] = []
    masked: set[str] = set()
    previous = ""
    for layer in layers:  # the order of calls: a layer stands behind what it reads
        name, class_name = layer["config"].get("name", ""), layer["class_name"]
        sources = _sources(layer, previous, topology["class_name"] == "Sequential")
        reached = bool(sources & masked)
        if is_model(layer) or class_name in ("Bidirectional", "TimeDistributed", "RNN"):
            problems.append(Note("compat.mask_wrapper", {"layer": name, "class_name": class_name}))
        elif class_name in _LISTENERS:
            if not reached:
                problems.append(Note("compat.mask_stale", {"layer": name}))
            if class_name == "Softmax" or layer["config"].get("return_sequences"):
                masked.add(name)
        elif reached and class_name not in _CARRIERS | _DROPPERS | {"Embedding"}:
            problems.append(Note("compat.mask_reaches", {"layer": name, "class_name": class_name}))
        if (reached and class_name in _CARRIERS) or _makes_mask(layer):
            masked.add(name)
        previous = name
    return tuple(problems)


def _makes_mask(layer: Config) -> bool:
    return layer["class_name"] == "Masking" or bool(layer["config"].get("mask_zero"))


def _has_mask(topology: Config) -> bool:
    return any(
        _has_mask(layer) if is_model(layer) else _makes_mask(layer)
        for layer in topology["config"]["layers"]
    )


def _sources(layer: Config, previous: str, sequential: bool) -> set[str]:
    if sequential:
        return {previous}
    return {str(ref[0]) for node in layer.get("inbound_nodes") or [] for ref in node}
