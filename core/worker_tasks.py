"""What the worker processes may be asked to do, and how arrays travel to it and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["TASKS", "WARM_UPS", "Report", "Stopped", "load_arrays", "save_arrays"]

Report = Callable[[dict[str, Any]], None]
Stopped = Callable[[], bool]

WARM_UPS: dict[str, tuple[str, ...]] = {
    "keras": ("core.train_head:warm_up", "core.train_words:warm_up"),
    "scores": ("core.linear_model:warm_up",),
}
"""Kind of process -> "module:function"s, called without arguments before the first job."""

TASKS: dict[str, str] = {
    "held_out_logits": "core.linear_model:held_out_logits_task",
    "train_head": "core.train_head:train_head",
    "train_words": "core.train_words:train_words",
}
"""Task -> "module:function". A function takes (request, arrays, report, stopped) and returns
(answer, arrays); it calls `report` with plain JSON values a few times a second and ends soon,
with ``{"stopped": True}`` in its answer, once `stopped` returns True. A new task is a row."""


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays of any names into one file."""
    # Names may hold slashes, so they are numbered and listed apart.
    names = list(arrays)
    numbered: dict[str, Any] = {
        str(index): np.asarray(arrays[name]) for index, name in enumerate(names)
    }
    with path.open("wb") as file:
        np.savez(file, names=np.array(names, dtype=np.str_), **numbered)


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file that the other side wrote; pickled ones are refused."""
    with np.load(path, allow_pickle=False) as content:
        names = [str(name) for name in content["names"]]
        return {name: content[str(index)] for index, name in enumerate(names)}
