"""Trainings in threads of their own: the page reads how far they are, nothing waits."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from core.errors import TeachdeckError

__all__ = ["LearningJob", "Point", "StoppedError", "start_job"]


class StoppedError(Exception):
    """The visitor stopped the work."""


@dataclass(frozen=True)
class Point:
    """Where a training stands after an epoch; the first point is before any.

    Accuracies are fractions; `nan` where nothing was held out.
    """

    accuracy: float
    loss: float
    held_out_accuracy: float
    held_out_loss: float


@dataclass(eq=False)
class LearningJob:
    """How far one training is. Written by its thread, read by the page; `stop` the other way.

    Attributes
    ----------
    epochs : int
        In all, earlier runs that this one goes on from included.
    stage : {"queue", "features", "worker", "training", "check", "done", "stopped", "failed"}
    place : int
        In the queue: how many are before this one.
    part : float
        0 to 1, of the stage.
    points : list of Point
        Only ever appended to.
    running : bool
    result : object
        What the work returned.
    error : TeachdeckError or None
    reference : str
        Of the log's entry where the program itself failed; else empty.
    stop : threading.Event
    """

    epochs: int
    stage: str = "queue"
    place: int = 0
    part: float = 0.0
    points: list[Point] = field(default_factory=list)
    running: bool = True
    result: Any = None
    error: TeachdeckError | None = None
    reference: str = ""
    stop: threading.Event = field(default_factory=threading.Event)
    started_s: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    # Called from the thread of the work.

    def at(self, stage: str, part: float = 0.0, *, place: int = 0) -> None:
        """Note how far the work is, and end it here if it was stopped."""
        if self.stop.is_set():
            raise StoppedError
        self.stage, self.part, self.place = stage, part, place


def start_job(job: LearningJob, work: Callable[[LearningJob], object], *, name: str) -> None:
    """Do `work` in a thread; what it returns becomes `job.result`.

    Parameters
    ----------
    job : LearningJob
    work : callable
        Takes the job, calls `LearningJob.at` often. It must not use Streamlit.
    name : str
        Of the thread.
    """

    def run() -> None:
        try:
            job.result = work(job)
            job.stage = "done"
        except StoppedError:
            job.stage = "stopped"
        except TeachdeckError as error:
            job.error, job.stage = error, "failed"
        except Exception:
            job.reference, job.stage = secrets.token_hex(4), "failed"
            logging.getLogger(__name__).exception("%s failed, %s", name, job.reference)
        finally:
            job.seconds = time.monotonic() - job.started_s
            job.running = False

    threading.Thread(target=run, name=name, daemon=True).start()
