"""What the rules of :mod:`core.tfjs.compat_rules` are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from core.errors import Note
from core.tfjs.rewrite import Call, Refusal, Step
from core.tfjs.shapes import Shape

__all__ = [
    "LayerRule",
    "Result",
    "as_list",
    "changed",
    "is_channels_first",
    "keep",
    "nothing",
    "refuse",
    "shape_of",
    "step",
    "without",
]

Result: TypeAlias = Sequence[Step] | Refusal | None
LayerRule: TypeAlias = Callable[[Call, str], Result]


def refuse(reason: str, call: Call, **fields: str | int | float) -> Refusal:
    """Return the refusal of a layer, with the message ``compat.<reason>``."""
    note = Note(f"compat.{reason}", {"layer": call.name, "class_name": call.class_name, **fields})
    return Refusal(note)


def keep(call: Call, class_name: str | None = None, **changes: Any) -> list[Step]:
    """Return the layer itself under its name, with a changed config or class."""
    config = {key: value for key, value in call.config.items() if key != "name"}
    return [Step(class_name or call.class_name, {**config, **changes}, weights=call.weights)]


def nothing(_: Call, __: str = "") -> Sequence[Step]:
    """Return a layer that hands on what it gets, under the old layer's name."""
    return [Step("Activation", {"activation": "linear", "trainable": True}, weights={})]


def without(call: Call, *keys: str) -> Call:
    """Return the layer without some settings."""
    return replace(call, config={k: v for k, v in call.config.items() if k not in keys})


def changed(call: Call, **changes: Any) -> Call:
    """Return the layer with some settings changed."""
    return replace(call, config={**call.config, **changes})


def shape_of(call: Call) -> Shape | None:
    """Return the shape of the first input, batch first."""
    return call.inputs[0] if call.inputs else None


def step(class_name: str, suffix: str, source: int, **config: Any) -> Step:
    """Return a step that reads one source; see :class:`core.tfjs.rewrite.Step`."""
    return Step(class_name, config, (source,), suffix)


def as_list(value: Any) -> list[int]:
    """Return a number or a list of numbers as a list."""
    return [int(n) for n in value] if isinstance(value, list | tuple) else [int(value or 1)]


def is_channels_first(call: Call) -> bool:
    """Say whether a layer reads pictures with the channels first."""
    return call.config.get("data_format") == "channels_first"
