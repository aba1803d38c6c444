"""Read every case in a process of its own and print what came of it, how long and how large.

Run as ``python measure.py FOLDER``: the folder holds one folder of files a case.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

from core.errors import ModelError
from core.tfjs.read import read_model

CPU_SECONDS = 20


def outcome(folder: Path) -> str:
    files = {
        json.loads(path.with_suffix(".name").read_text()): path.read_bytes()
        for path in folder.glob("*.content")
    }
    try:
        model = read_model(files)
    except ModelError as error:
        return f"{error.code}\n{error.message}"
    return f"read {model.parameters} parameters"


def measure(folder: Path) -> dict[str, object]:
    readable, writable = os.pipe()
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        try:
            text = outcome(folder)
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        os.write(writable, text.encode()[:4000])
        os._exit(0)
    os.close(writable)
    with os.fdopen(readable, "rb") as pipe:
        text = pipe.read().decode()
    _, status, usage = os.wait4(child, 0)
    return {
        "outcome": text,
        "status": status,
        "seconds": time.monotonic() - start,
        "megabytes": usage.ru_maxrss / 1024,
    }


if __name__ == "__main__":
    folders = sorted(Path(sys.argv[1]).iterdir(), key=lambda path: int(path.name))
    print(json.dumps([measure(folder) for folder in folders]))
