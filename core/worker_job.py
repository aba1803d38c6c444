"""One piece of work for a process of :mod:`core.worker`."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from core.errors import ModelError, TeachdeckError

__all__ = ["Job"]

_FINAL = ("done", "failed", "stopped")
_KEPT_UPDATES = 20_000


class _Queue(Protocol):
    """Where jobs wait."""

    def place(self, job: Job) -> int: ...

    def withdraw(self, job: Job) -> bool: ...


class Job:
    """One piece of work for the worker. Any thread may call any method.

    Attributes
    ----------
    task : str
    """

    def __init__(self, worker: _Queue, task: str, folder: Path) -> None:
        self.task = task
        self._worker = worker
        self._folder = folder
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._state = "queued"
        self._updates: list[dict[str, Any]] = []
        self._stop_asked = False
        self._answer: dict[str, Any] = {}
        self._arrays: dict[str, NDArray[Any]] = {}
        self._error: TeachdeckError | None = None

    @property
    def state(self) -> str:
        """One of "queued", "running", "done", "failed", "stopped"."""
        return self._state

    @property
    def finished(self) -> bool:
        """Whether nothing more will come."""
        return self._state in _FINAL

    @property
    def place(self) -> int:
        """How many jobs are before this one: 0 when it runs or has ended."""
        return self._worker.place(self)

    @property
    def error(self) -> TeachdeckError | None:
        """Why it failed."""
        return self._error

    def updates(self, since: int = 0) -> list[dict[str, Any]]:
        """Return what the task reported, from the `since`-th report on."""
        with self._lock:
            return self._updates[since:]

    def wait(self, timeout_s: float | None = None, *, updates: int | None = None) -> bool:
        """Wait until the job has ended, or has more reports than `updates`.

        Parameters
        ----------
        timeout_s : float, optional
            Without it there is no limit.
        updates : int, optional
            How many reports are known already.

        Returns
        -------
        bool
            Whether it has ended.
        """

        def ready() -> bool:
            return self.finished or (updates is not None and len(self._updates) > updates)

        with self._changed:
            self._changed.wait_for(ready, timeout_s)
            return self.finished

    def stop(self) -> None:
        """Ask the job to end soon with what it has; one that waits is taken from the queue."""
        with self._changed:
            self._stop_asked = True
            if self.finished:
                return
        if not self._worker.withdraw(self):
            try:
                (self._folder / "stop").touch()
            except OSError:
                # The folder goes with the job: it has ended already.
                return

    def result(self, timeout_s: float | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Wait for the job and return its answer.

        Returns
        -------
        answer : dict
            Plain JSON values.
        arrays : dict of str to ndarray

        Raises
        ------
        TeachdeckError
            If it failed, was stopped before it began, or is not ready in time.
        """
        if not self.wait(timeout_s):
            raise ModelError("worker.slow", seconds=timeout_s or 0)
        if self._error is not None:
            raise self._error
        return self._answer, self._arrays

    # Called from the worker's thread.

    def _report(self, update: dict[str, Any]) -> None:
        with self._changed:
            if len(self._updates) < _KEPT_UPDATES:
                self._updates.append(update)
            self._changed.notify_all()

    def _begin(self) -> bool:
        with self._changed:
            if self._state != "queued":
                return False
            self._state = "running"
            self._changed.notify_all()
            return True

    def _finish(
        self,
        state: str,
        *,
        answer: dict[str, Any] | None = None,
        arrays: dict[str, NDArray[Any]] | None = None,
        error: TeachdeckError | None = None,
    ) -> None:
        with self._changed:
            if self.finished:
                return
            self._state, self._error = state, error
            self._answer, self._arrays = answer or {}, arrays or {}
            self._changed.notify_all()
        shutil.rmtree(self._folder, ignore_errors=True)
