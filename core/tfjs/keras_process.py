"""Keras in a process of its own, which ends: TensorFlow takes more memory than the server has.

The two sides speak in lines of JSON over the process's input and output, and pass arrays through
``.npz`` files without pickle. The other side is :mod:`core.tfjs.keras_worker`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from core.tfjs.compat import adapt
from core.tfjs.model import LayersModel

__all__ = ["KerasProcess"]

_PROJECT = Path(__file__).resolve().parent.parent.parent
# On some processors TensorFlow leaves oneDNN out by itself, and with it some layers that a model
# may have, such as dilated transposed convolutions.
_ENVIRONMENT = {"TF_ENABLE_ONEDNN_OPTS": "1"}
Arrays = Mapping[str, NDArray[Any]]


class KerasProcess:
    """A context in which Keras can be asked to build, run and save models.

    The process starts with the first request and ends with the context. Use it from one thread.

    Parameters
    ----------
    timeout_s : float
        How long one request may take, in seconds, the start of TensorFlow included.

    Examples
    --------
    >>> with KerasProcess() as keras:                                    # doctest: +SKIP
    ...     outputs = keras.predict(model, [pictures])
    """

    def __init__(self, *, timeout_s: float = 300.0) -> None:
        self.timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._requests = 0

    def __enter__(self) -> KerasProcess:
        self._folder = tempfile.TemporaryDirectory(prefix="teachdeck-keras-")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def predict(
        self, model: LayersModel, inputs: Sequence[NDArray[Any]]
    ) -> list[NDArray[np.float32]]:
        """Run a model.

        Parameters
        ----------
        model : LayersModel
            Of any origin; it is adapted to Keras here.
        inputs : sequence of ndarray
            One for each input of the model, batch first.

        Returns
        -------
        list of ndarray of float32
            One for each output.

        Raises
        ------
        ModelError
            If Keras cannot build or run it.
        """
        arrays = {f"input/{index}": array for index, array in enumerate(inputs)}
        _, outputs = self._ask_about(model, {"task": "predict"}, arrays)
        return [outputs[f"output/{index}"] for index in range(len(outputs))]

    def save_keras(self, model: LayersModel) -> bytes:
        """Return a model as the bytes of a .keras archive."""
        return self._written(model, {"task": "save_keras"}, "model.keras")

    def convert_tflite(self, model: LayersModel, dtype: str) -> bytes:
        """Return a model as a TFLite flatbuffer, with TensorFlow's own converter.

        Parameters
        ----------
        model : LayersModel
        dtype : {"float32", "float16", "int8"}
            Type of the weights; int8 is the dynamic range quantisation.
        """
        return self._written(model, {"task": "tflite", "dtype": dtype}, "model.tflite")

    def _written(self, model: LayersModel, request: dict[str, Any], name: str) -> bytes:
        folder, _ = self._ask_about(model, request, {})
        return (folder / name).read_bytes()

    def _ask_about(
        self, model: LayersModel, request: dict[str, Any], arrays: Arrays
    ) -> tuple[Path, dict[str, NDArray[Any]]]:
        adapted = adapt(model, "keras3")
        weights = {f"weight/{name}": weight for name, weight in adapted.weights.items()}
        return self._ask({**request, "topology": adapted.topology}, {**weights, **arrays})

    def _ask(self, request: dict[str, Any], arrays: Arrays) -> tuple[Path, dict[str, NDArray[Any]]]:
        if self._folder is None:
            raise ValueError("KerasProcess works inside its `with` block only")
        folder = Path(self._folder.name) / str(self._requests)
        self._requests += 1
        folder.mkdir()
        (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
        save_arrays(folder / "request.npz", arrays)
        process = self._start()
        answer = self._exchange(process, f"{folder}\n".encode())
        if answer.get("error"):
            raise ModelError("convert.keras_failed", detail=str(answer["error"])[:500])
        return folder, load_arrays(folder / "answer.npz")

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "core.tfjs.keras_worker"],
                cwd=_PROJECT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={
                    **_ENVIRONMENT,
                    **os.environ,
                    "TF_CPP_MIN_LOG_LEVEL": "3",
                    "CUDA_VISIBLE_DEVICES": "",
                },
            )
        return self._process

    def _exchange(self, process: subprocess.Popen[bytes], line: bytes) -> dict[str, Any]:
        if process.stdin is None or process.stdout is None:
            raise ValueError("the process was started without pipes")
        slow = threading.Event()

        def end() -> None:
            slow.set()
            process.kill()

        timer = threading.Timer(self.timeout_s, end)
        timer.start()
        try:
            process.stdin.write(line)
            process.stdin.flush()
            received = process.stdout.readline()
        except BrokenPipeError:
            received = b""
        finally:
            timer.cancel()
        if not received.endswith(b"\n"):
            status = process.wait()
            self._stop()
            if slow.is_set():
                raise ModelError("convert.keras_slow", limit_s=self.timeout_s)
            raise ModelError("convert.keras_died", status=status)
        answer: dict[str, Any] = json.loads(received)
        return answer

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def save_arrays(path: Path, arrays: Arrays) -> None:
    # Names hold slashes and may be anything, so they are numbered and listed apart.
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
