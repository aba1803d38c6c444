"""A training of the page "Teach pictures" in its thread, and what is kept of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from core.vision.features import StoppedError as TeachingStoppedError
from core.vision.settings import TeachSettings
from core.vision.teach import CurvePoint, TeachProgress, teach_pictures
from pages.components.learning_job import LearningJob, Point, StoppedError, start_job
from pages.components.teach_run import Run

if TYPE_CHECKING:
    from pages.components.teach_session import TeachSession

__all__ = ["points_of", "start_learning"]


def start_learning(
    teach: TeachSession, settings: TeachSettings, *, number: int, earlier: Run | None = None
) -> LearningJob:
    """Train in a thread on the samples as they are now; the job's result is a `Run`.

    Parameters
    ----------
    teach : TeachSession
    settings : TeachSettings
    number : int
        Of the training, for people.
    earlier : Run, optional
        Go on from it.
    """
    begin = None if earlier is None else earlier.taught
    job = LearningJob(settings.epochs + (0 if begin is None else begin.epochs))
    if begin is not None:
        job.points.extend(points_of(begin.curve))
    snapshot = teach.samples.snapshot()
    store, worker, cache = teach.store, teach.worker, teach.cache

    def report(progress: TeachProgress) -> None:
        job.stage, job.part, job.place = progress.stage, progress.part, progress.place
        if progress.point is not None:
            job.points.extend(points_of([progress.point]))

    def work(job: LearningJob) -> Run:
        try:
            taught = teach_pictures(
                snapshot,
                settings,
                store=store,
                worker=worker,
                cache=cache,
                begin=begin,
                report=report,
                stopped=job.stop.is_set,
            )
        except TeachingStoppedError:
            raise StoppedError from None
        return Run(
            number=number,
            title="",
            model=taught.model,
            points=points_of(taught.curve),
            epochs=taught.epochs,
            seconds=taught.seconds,
            version=snapshot.version,
            pictures=len(snapshot.samples),
            stopped=taught.stopped,
            score=taught.score,
            taught=taught,
        )

    start_job(job, work, name="training")
    return job


def points_of(curve: tuple[CurvePoint, ...] | list[CurvePoint]) -> tuple[Point, ...]:
    """Return a curve as the charts take it."""
    return tuple(
        Point(
            point.accuracy,
            point.loss,
            math.nan if point.val_accuracy is None else point.val_accuracy,
            math.nan if point.val_loss is None else point.val_loss,
        )
        for point in curve
    )
