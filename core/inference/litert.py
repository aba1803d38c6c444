"""LiteRT models that any thread may run."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from core.errors import ModelError
from core.inference.node import Shape

__all__ = ["LiteRtModel", "default_threads"]


def default_threads() -> int:
    """Return how many threads one inference uses: two, or one where there is one processor."""
    return min(2, os.cpu_count() or 1)


class LiteRtModel:
    """A float32 model with one input, run by a small pool of interpreters.

    An interpreter serves one thread at a time, so the pool grows when threads meet, up to
    `pool_size`; further ones wait. All interpreters read the same `content`, which is smaller
    than mapping its file once for each. Any thread may call any method.

    Parameters
    ----------
    content : bytes
        A ``.tflite`` file made by :func:`core.inference.flatbuffer.to_litert`.
    threads : int, optional
        Threads of one inference; :func:`default_threads` when left out.
    pool_size : int, optional
        Most interpreters; each keeps its own packed copy of the weights. One is enough on few
        cores: two gave 16 % more pictures a second on two cores and took 26 MB more.

    Raises
    ------
    ModelError
        If `content` is not such a model.
    ValueError
        If `threads` or `pool_size` is below 1.
    """

    def __init__(self, content: bytes, *, threads: int | None = None, pool_size: int = 1) -> None:
        self._threads = default_threads() if threads is None else threads
        if self._threads < 1 or pool_size < 1:
            raise ValueError(f"threads {self._threads} and pool_size {pool_size} must be 1 or more")
        self._content = content
        self._free: queue.LifoQueue[_Runner] = queue.LifoQueue()
        self._may_grow = threading.Semaphore(pool_size - 1)
        first = self._new_runner()
        self._input_shape = first.input_shape
        self._output_shapes = first.output_shapes
        self._free.put(first)

    @property
    def input_shape(self) -> Shape:
        """Shape of one sample."""
        return self._input_shape

    @property
    def output_shapes(self) -> dict[str, Shape]:
        """Shape of each output for one sample, by the network's names."""
        return dict(self._output_shapes)

    @property
    def size_bytes(self) -> int:
        """Size of the model's content."""
        return len(self._content)

    def run(self, array: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return every output for a batch.

        Samples run one after the other: measured, a batch takes the same time for each picture,
        and so a sample's result never depends on its neighbours.

        Parameters
        ----------
        array : ndarray of float32, shape [n, ...]
            ``n`` samples of :attr:`input_shape`, finite.

        Returns
        -------
        dict of str to ndarray of float32, shape [n, ...]
            By output name; the arrays belong to the caller.

        Raises
        ------
        ModelError
            If the array is of another shape or type, or holds NaN or infinity.
        """
        self._check(array)
        outputs = {
            name: np.empty((len(array), *shape), np.float32)
            for name, shape in self._output_shapes.items()
        }
        with self._runner() as runner:
            for at, sample in enumerate(array):
                runner.run(sample, {name: values[at] for name, values in outputs.items()})
        return outputs

    def _check(self, array: NDArray[np.float32]) -> None:
        expected = ["n", *self._input_shape]
        if array.dtype != np.float32 or array.shape[1:] != self._input_shape or array.ndim == 0:
            raise ModelError(
                "litert.bad_input",
                expected="float32 [" + ", ".join(map(str, expected)) + "]",
                received=f"{array.dtype} {list(array.shape)}",
            )
        if not np.isfinite(array).all():
            raise ModelError("litert.not_finite", count=int((~np.isfinite(array)).sum()))

    @contextmanager
    def _runner(self) -> Iterator[_Runner]:
        runner = self._take()
        try:
            yield runner
        finally:
            self._free.put(runner)

    def _take(self) -> _Runner:
        try:
            return self._free.get_nowait()
        except queue.Empty:
            if not self._may_grow.acquire(blocking=False):
                return self._free.get()
        try:
            return self._new_runner()
        except BaseException:
            self._may_grow.release()
            raise

    def _new_runner(self) -> _Runner:
        try:
            interpreter = Interpreter(model_content=self._content, num_threads=self._threads)
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError("litert.unreadable", reason=str(error)[:200]) from error
        inputs = interpreter.get_input_details()
        outputs = interpreter.get_output_details()
        if len(inputs) != 1 or any(end["dtype"] != np.float32 for end in [*inputs, *outputs]):
            raise ModelError("litert.unsupported", inputs=len(inputs))
        return _Runner(
            interpreter=interpreter,
            input_index=inputs[0]["index"],
            input_shape=tuple(int(n) for n in inputs[0]["shape"][1:]),
            output_indices={end["name"]: end["index"] for end in outputs},
            output_shapes={end["name"]: tuple(int(n) for n in end["shape"][1:]) for end in outputs},
        )


@dataclass(frozen=True)
class _Runner:
    """One interpreter with what is needed to feed and read it; one thread at a time."""

    interpreter: Any
    input_index: int
    input_shape: Shape
    output_indices: dict[str, int]
    output_shapes: dict[str, Shape]

    def run(self, sample: NDArray[np.float32], into: dict[str, NDArray[np.float32]]) -> None:
        self.interpreter.set_tensor(self.input_index, sample[np.newaxis])
        self.interpreter.invoke()
        for name, index in self.output_indices.items():
            into[name][...] = self.interpreter.get_tensor(index)[0]
