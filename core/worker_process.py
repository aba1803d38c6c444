"""The other side of :mod:`core.worker`: does the jobs until its input ends.

Run as ``python -m core.worker_process KIND``. Only the functions of
:data:`core.worker_tasks.WARM_UPS` and :data:`core.worker_tasks.TASKS` are ever called; nothing is
unpickled.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from core.errors import TeachdeckError
from core.worker_tasks import TASKS, WARM_UPS, load_arrays, save_arrays

__all__ = ["main"]

_STOP_LOOKED_FOR_S = 0.05


def main() -> None:
    """Import the libraries, say so, then do one job a line until the input ends."""
    # TensorFlow prints; the answers need the output for themselves.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for place in WARM_UPS[sys.argv[1]]:
        _function(place)()
    _say(answers, {"ready": True})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            _say(answers, {"answer": _do(request["task"], Path(request["folder"]), answers)})
        except TeachdeckError as error:
            _say(
                answers,
                {"error": error.message, "code": error.code, "fields": dict(error.fields)},
            )
        except MemoryError:
            _say(answers, {"error": "out of memory"})
        except Exception as error:
            _say(answers, {"error": f"{type(error).__name__}: {error}"})


def _function(place: str) -> Any:
    module_name, _, function_name = place.partition(":")
    return getattr(importlib.import_module(module_name), function_name)


def _do(task: str, folder: Path, answers: TextIO) -> dict[str, Any]:
    function = _function(TASKS[task])
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    arrays = load_arrays(folder / "request.npz")
    looked_at, found = 0.0, False

    def stopped() -> bool:
        nonlocal looked_at, found
        now = time.monotonic()
        if not found and now - looked_at > _STOP_LOOKED_FOR_S:
            looked_at, found = now, (folder / "stop").exists()
        return found

    answer: dict[str, Any]
    answer, made = function(
        request, arrays, lambda update: _say(answers, {"update": update}), stopped
    )
    save_arrays(folder / "answer.npz", made)
    return answer


def _say(answers: TextIO, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
