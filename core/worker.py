"""Processes that hold what is too large for the server: jobs in, progress and results out.

TensorFlow takes more memory than the whole server may have and seconds to start, scikit-learn
with SciPy as much as the rest of the server. Each lives in a process of its own that is warmed
when a page that needs it is opened, and ends when nobody does. All sessions share one of each:
jobs queue, one runs at a time. The two sides speak in lines of JSON and pass arrays through
``.npz`` files without pickle, each job in a folder of its own; the other side is
:mod:`core.worker_process`.

Threads: sessions call a :class:`Worker` and its :class:`Job` from any thread; one thread of the
worker's own starts the process, feeds it and reads from it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from numpy.typing import NDArray

from core.errors import ModelError, TeachdeckError, UsageError
from core.worker_job import Job
from core.worker_tasks import TASKS, load_arrays, save_arrays

__all__ = ["Job", "KerasWorker", "ScoreWorker", "Worker"]

_PROJECT = Path(__file__).resolve().parent.parent
Arrays = Mapping[str, NDArray[Any]]

# A job in the queue may wait; one that runs says something more often than this.
_SILENCE_S = 120.0
# Importing TensorFlow takes 5 to 15 s, on a machine that is busy with other things minutes.
_START_S = 300.0


class Worker:
    """One process for everybody. Any thread may call any method.

    Parameters
    ----------
    idle_s : float, optional
        After how many seconds without a job the process ends.
    silence_s : float, optional
        After how many seconds without a word a running job counts as hung and is ended.

    Attributes
    ----------
    kind : str
        Which of :data:`core.worker_tasks.WARM_UPS` the process begins with.
    max_queued : int
        More jobs than these are refused.
    """

    kind: ClassVar[str]
    max_queued: ClassVar[int] = 20

    def __init__(self, *, idle_s: float = 180.0, silence_s: float = _SILENCE_S) -> None:
        self.idle_s = idle_s
        self.silence_s = silence_s
        self._wake = threading.Condition()
        self._queue: list[Job] = []
        self._running: Job | None = None
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._warm_asked = False
        self._wanted_until = 0.0
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def state(self) -> str:
        """One of "off", "starting", "ready", "busy"."""
        if self._running is not None:
            return "busy"
        if self._process is None:
            return "starting" if self._warm_asked else "off"
        return "ready" if self._ready else "starting"

    @property
    def process_id(self) -> int | None:
        """Of the process while there is one."""
        process = self._process
        return process.pid if process is not None else None

    @property
    def queued(self) -> int:
        """How many jobs wait."""
        return len(self._queue)

    def warm(self) -> None:
        """Start the process and its libraries, and keep both for `idle_s`; returns at once."""
        with self._wake:
            self._warm_asked = True
            self._want()

    def submit(self, task: str, request: Mapping[str, Any], arrays: Arrays | None = None) -> Job:
        """Put a job into the queue.

        Parameters
        ----------
        task : str
            A key of :data:`core.worker_tasks.TASKS`.
        request : mapping
            Plain JSON values.
        arrays : mapping of str to ndarray, optional

        Returns
        -------
        Job

        Raises
        ------
        UsageError
            If there is no such task, or too many jobs wait already.
        """
        if task not in TASKS:
            raise UsageError("worker.unknown_task", task=task[:60], known=", ".join(TASKS))
        if len(self._queue) >= self.max_queued:
            raise UsageError("worker.queue_full", limit=self.max_queued)
        folder = Path(tempfile.mkdtemp(prefix="teachdeck-job-"))
        try:
            (folder / "request.json").write_text(json.dumps(dict(request)), encoding="utf-8")
            save_arrays(folder / "request.npz", arrays or {})
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        job = Job(self, task, folder)
        with self._wake:
            self._queue.append(job)
            self._want()
        return job

    def place(self, job: Job) -> int:
        """Return how many jobs are before this one."""
        with self._wake:
            if job not in self._queue:
                return 0
            return self._queue.index(job) + (1 if self._running is not None else 0)

    def withdraw(self, job: Job) -> bool:
        """Take a job out of the queue; return whether it was still there."""
        with self._wake:
            if job not in self._queue:
                return False
            self._queue.remove(job)
        job._finish("stopped", error=UsageError("worker.withdrawn"))
        return True

    def close(self) -> None:
        """End the process and every job."""
        with self._wake:
            self._closed = True
            waiting, self._queue = self._queue, []
            self._wake.notify_all()
        for job in waiting:
            job._finish("stopped", error=UsageError("worker.withdrawn"))
        process = self._process
        if process is not None:
            process.kill()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(10)

    def _want(self) -> None:
        """Keep the process for another while; the lock is held."""
        self._closed = False
        self._wanted_until = time.monotonic() + self.idle_s
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(
                target=self._serve, name=f"{self.kind}-worker", daemon=True
            )
            self._thread.start()
        self._wake.notify_all()

    # The worker's own thread.

    def _serve(self) -> None:
        while True:
            go_on, job = self._next()
            if not go_on:
                return
            try:
                if not self._ready:
                    self._start()
                if job is not None and job._begin():
                    self._run(job)
            except Exception as error:
                # Whatever went wrong, whoever waits for the job is told, and the next one is done.
                self._end_process()
                if job is not None:
                    detail = f"{type(error).__name__}: {error}"[:300]
                    job._finish("failed", error=ModelError("worker.failed", detail=detail))
            with self._wake:
                self._running, self._warm_asked = None, False
                self._wanted_until = time.monotonic() + self.idle_s

    def _next(self) -> tuple[bool, Job | None]:
        """Return whether to go on, and the next job if there is one: else warming is wanted."""
        with self._wake:
            while True:
                if self._closed:
                    self._end()
                    return False, None
                if self._process is not None and self._process.poll() is not None:
                    # It was killed while idle: the next job gets a new one.
                    self._end_process()
                if self._queue:
                    self._running = self._queue.pop(0)
                    return True, self._running
                if self._warm_asked and not self._ready:
                    return True, None
                self._warm_asked = False
                left_s = self._wanted_until - time.monotonic()
                if left_s <= 0:
                    self._end()
                    return False, None
                self._wake.wait(min(left_s, 1.0))

    def _end(self) -> None:
        """End process and thread; the lock is held, so that whoever comes next starts new ones."""
        self._end_process()
        self._warm_asked, self._thread = False, None

    def _start(self) -> None:
        """Start the process and wait until its libraries are there."""
        self._end_process()
        self._process = subprocess.Popen(  # noqa: S603 - the kind is a word of ours
            [sys.executable, "-m", "core.worker_process", self.kind],
            cwd=_PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""},
        )
        self._ready = self._read_line(limit_s=_START_S) == {"ready": True}

    def _run(self, job: Job) -> None:
        process = self._process
        if process is None or process.stdin is None or not self._ready:
            job._finish("failed", error=ModelError("worker.no_start"))
            return
        try:
            request = {"task": job.task, "folder": str(job._folder)}
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        except OSError:
            self._died(job)
            return
        while True:
            line = self._read_line(limit_s=self.silence_s)
            if line is None:
                self._died(job)
                return
            if "update" in line:
                job._report(line["update"])
            elif "error" in line:
                job._finish("failed", error=_task_error(line))
                return
            else:
                try:
                    arrays = load_arrays(job._folder / "answer.npz")
                except (OSError, ValueError, KeyError):
                    job._finish("failed", error=ModelError("worker.died", status=0))
                    return
                stopped = job._stop_asked and bool(line["answer"].get("stopped"))
                job._finish("stopped" if stopped else "done", answer=line["answer"], arrays=arrays)
                return

    def _read_line(self, *, limit_s: float) -> dict[str, Any] | None:
        """Return the process's next line; None if it ended, or said nothing for too long."""
        process = self._process
        if process is None or process.stdout is None:
            return None
        timer = threading.Timer(limit_s, process.kill)
        timer.start()
        try:
            line = process.stdout.readline()
        except (OSError, ValueError):
            return None
        finally:
            timer.cancel()
        if not line.endswith(b"\n"):
            return None
        parsed: dict[str, Any] = json.loads(line)
        return parsed

    def _died(self, job: Job) -> None:
        process = self._process
        status = process.wait() if process is not None else 0
        self._end_process()
        if self._closed:
            job._finish("stopped", error=UsageError("worker.withdrawn"))
        else:
            job._finish("failed", error=ModelError("worker.died", status=status))

    def _end_process(self) -> None:
        process, self._process, self._ready = self._process, None, False
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    # What was not written when it died is lost with it.
                    continue


class KerasWorker(Worker):
    """The process with TensorFlow, for trainings.

    Examples
    --------
    >>> worker = KerasWorker()                                           # doctest: +SKIP
    >>> worker.warm()                                                    # doctest: +SKIP
    >>> answer, arrays = worker.submit("train_head", request, arrays).result()  # doctest: +SKIP
    """

    kind = "keras"


class ScoreWorker(Worker):
    """The process with scikit-learn, for scores that are wanted at once, trainings or not."""

    kind = "scores"
    # Each takes a fraction of a second, and every visitor has one at most.
    max_queued = 500


def _task_error(line: Mapping[str, Any]) -> TeachdeckError:
    if line.get("code"):
        return ModelError(str(line["code"]), **line.get("fields", {}))
    return ModelError("worker.failed", detail=str(line["error"])[:300])
