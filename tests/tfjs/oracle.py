"""Run layers models in the real TensorFlow.js, many in one Node process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class NodeJob:
    model: Path
    inputs: Sequence[NDArray]
    backend: str = "cpu"


def require_node() -> None:
    """Skip with a reason where Node or its packages are missing; fail on a build server."""
    if shutil.which("node") and (FOLDER / "node_modules").is_dir():
        return
    reason = "Node or tests/tfjs/node_modules is missing: run `npm ci --prefix tests/tfjs`"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def run_jobs(
    jobs: Mapping[str, NodeJob], folder: Path, *, release: str = "4.22.0"
) -> dict[str, list[NDArray] | str]:
    """Return each job's outputs, or what TensorFlow.js said instead."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for number, (name, job) in enumerate(jobs.items()):
        inputs = []
        for index, array in enumerate(job.inputs):
            file = folder / f"{number}_{index}.in"
            dtype = "int32" if array.dtype.kind == "i" else "float32"
            file.write_bytes(np.ascontiguousarray(array, "<i4" if dtype == "int32" else "<f4"))
            inputs.append({"file": str(file), "shape": list(array.shape), "dtype": dtype})
        output = str(folder / f"{number}_")
        entries.append(
            {
                "id": name,
                "model": str(job.model),
                "backend": job.backend,
                "inputs": inputs,
                "output": output,
            }
        )
    (folder / "jobs.json").write_text(json.dumps(entries))
    command = ["node", str(FOLDER / "run_model.mjs"), release]
    command += [str(folder / "jobs.json"), str(folder / "results.json")]
    subprocess.run(command, check=True, capture_output=True, timeout=240)
    results: dict[str, list[NDArray] | str] = {}
    for result in json.loads((folder / "results.json").read_text()):
        results[result["id"]] = result.get("error") or [
            np.fromfile(output["file"], "<f4").reshape(output["shape"])
            for output in result["outputs"]
        ]
    return results


def write_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write a layers model's files and return the path of its model.json."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder / "model.json"
