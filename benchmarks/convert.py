"""How long MobileNet 0.25 takes from .h5 to a layers model, against importing TensorFlow alone.

    python benchmarks/convert.py path/to/keras.h5

Each line is a process of its own, started cold, the best of several runs. The target: converting
takes at most a fifth of the import.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
TARGET = 0.2


def seconds(command: list[str]) -> float:
    """Return how long a process takes, in seconds."""
    started = time.perf_counter()
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> int:
    """Print the table; 1 if the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("h5", type=Path, help="the article's keras.h5")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    if not arguments.h5.is_file():
        parser.error(f"{arguments.h5} is no file")
    source = str(arguments.h5.resolve())
    with tempfile.TemporaryDirectory() as folder:
        convert = [sys.executable, "-m", "core", "convert", "--overwrite", source, f"{folder}/web"]
        load = [sys.executable, "-c", "import tensorflow"]
        rows = [("h5 -> layers model, proved", convert), ("import tensorflow", load)]
        # Once without counting, so that both read their files from memory.
        times = {name: [seconds(command) for _ in range(arguments.repeats + 1)][1:]
                 for name, command in rows}  # fmt: skip
    best = {name: min(values) for name, values in times.items()}
    ratio = best[rows[0][0]] / best[rows[1][0]]
    print(f"{'process':30} {'best s':>8} {'ratio':>8}")
    for name, value in best.items():
        print(f"{name:30} {value:8.2f} {value / best[rows[1][0]]:8.3f}")
    print(f"target: at most {TARGET:.3f}; {'met' if ratio <= TARGET else 'MISSED'}")
    return 0 if ratio <= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
