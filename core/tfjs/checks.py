"""What a canonical model may hold: allowed layers, bounded numbers, unique names, no circles."""

from __future__ import annotations

import math
from typing import Any

from core.errors import ModelError
from core.tfjs.allowed import LAYERS, LAYERS_THAT_RUN_CODE
from core.tfjs.limits import MAX_LAYERS, MAX_RANK
from core.tfjs.model import Config, is_model

__all__ = ["check_topology"]

_MAX_SIDE = 1_000_000
_MAX_INPUT_NUMBERS = 64 * 1024 * 1024
_MAX_SETTING = 2**31 - 1
# Settings that make outputs larger without any weights to vouch for them.
_MAX_BY_SETTING = {
    "padding": 4_096,
    "size": 256,
    "n": 1_000_000,
    "height": 16_384,
    "width": 16_384,
    "num_tokens": 1_000_000,
    "dilation_rate": 4_096,
    "kernel_size": 4_096,
    "strides": 65_536,
}
_MAX_CODE_LENGTH = 4_096


def check_topology(topology: Config) -> None:
    """Refuse a canonical model that breaks a rule.

    Parameters
    ----------
    topology : dict
        From :func:`core.tfjs.repair.repair_topology`.

    Raises
    ------
    ModelError
        If a layer is not allowed or runs code of its own, a number is absurd, two layers of a
        model share a name, there are too many layers, or the layers form a circle.
    """
    count = _check_model(topology)
    if count > MAX_LAYERS:
        raise ModelError("model_file.too_many_layers", count=count, limit=MAX_LAYERS)


def _check_model(model: Config) -> int:
    layers = model["config"]["layers"]
    if not layers:
        raise ModelError("model_file.no_layers", name=str(model["config"]["name"])[:80])
    count = 0
    names: set[str] = set()
    for layer in layers:
        name = layer["config"]["name"]
        if name in names:
            raise ModelError("model_file.layer_twice", name=name[:80])
        names.add(name)
        count += _check_model(layer) if is_model(layer) else _check_layer(layer)
    if model["class_name"] == "Functional":
        _check_order(model)
    return count


def _check_layer(layer: Config) -> int:
    """Check one layer and those it wraps; return how many they are."""
    class_name, config = layer["class_name"], layer["config"]
    name = str(config["name"])[:80]
    if class_name in LAYERS_THAT_RUN_CODE:
        raise ModelError("model_file.layer_runs_code", name=name, class_name=class_name)
    if is_model(layer) or class_name not in LAYERS:
        raise ModelError("model_file.layer_class", name=name, class_name=class_name[:60])
    count = 1
    for key, value in config.items():
        if key in ("layer", "cell"):
            if not isinstance(value, dict):
                raise ModelError("model_file.layer_setting", layer=name, setting=key)
            count += _check_layer(value)
        elif key == "cells":
            count += sum(_check_layer(cell) for cell in value)
        elif key == "batch_input_shape":
            _check_input_shape(value, name)
        elif key != "seed" and not key.endswith(("initializer", "regularizer")):
            _check_numbers(key, value, name)
    return count


def _check_input_shape(shape: object, name: str) -> None:
    if (
        not isinstance(shape, list)
        or not 1 <= len(shape) <= MAX_RANK
        or not all(side is None or (type(side) is int and 0 <= side <= _MAX_SIDE) for side in shape)
        or math.prod(side for side in shape if side is not None) > _MAX_INPUT_NUMBERS
    ):
        raise ModelError("model_file.input_shape", layer=name, shape=repr(shape)[:80])


def _check_numbers(key: str, value: Any, name: str) -> None:
    limit = _MAX_BY_SETTING.get(key, _MAX_SETTING)
    left = [value]
    seen = 0
    while left:
        item = left.pop()
        seen += 1
        if isinstance(item, list):
            left.extend(item)
        elif isinstance(item, dict):
            left.extend(item.values())
        absurd = isinstance(item, int) and abs(item) > limit
        if absurd or (isinstance(item, float) and not math.isfinite(item)) or seen > 100_000:
            raise ModelError(
                "model_file.setting_large", layer=name, setting=key[:40], value=repr(item)[:40]
            )
    if key == "target_shape" and (
        not isinstance(value, list)
        or math.prod(abs(side) for side in value if isinstance(side, int)) > _MAX_INPUT_NUMBERS
    ):
        raise ModelError(
            "model_file.setting_large", layer=name, setting=key, value=repr(value)[:40]
        )
    if isinstance(value, str) and len(value) > _MAX_CODE_LENGTH:
        raise ModelError("model_file.setting_large", layer=name, setting=key[:40], value=value[:40])


def _check_order(model: Config) -> None:
    """Refuse circles: every call must be computable from calls before it."""
    waiting: dict[tuple[str, int], set[tuple[str, int]]] = {}
    followers: dict[tuple[str, int], list[tuple[str, int]]] = {}
    for layer in model["config"]["layers"]:
        name = layer["config"]["name"]
        if not layer["inbound_nodes"]:
            if layer["class_name"] != "InputLayer":
                raise ModelError("model_file.layer_unused", name=name[:80])
            waiting[name, 0] = set()
        for number, call in enumerate(layer["inbound_nodes"]):
            waiting[name, number] = {(reference[0], reference[1]) for reference in call}
            for source in waiting[name, number]:
                followers.setdefault(source, []).append((name, number))
    ready = [call for call, sources in waiting.items() if not sources]
    done = 0
    while ready:
        call = ready.pop()
        done += 1
        for follower in followers.get(call, ()):
            waiting[follower].discard(call)
            if not waiting[follower]:
                ready.append(follower)
    if done != len(waiting):
        raise ModelError("model_file.graph_circle", name=str(model["config"]["name"])[:80])
