"""The whole work of the page "Teach pictures" as one file, and models from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.datasets.project import Project, is_project, open_project, save_project
from core.datasets.samples import NewSample
from core.errors import Note, TeachdeckError
from core.vision.imports import import_picture_model
from core.vision.saved import save_taught_model, taught_from_project
from core.vision.settings import TeachSettings
from pages.components.learning_job import LearningJob, Point, start_job
from pages.components.teach_reading import prepared
from pages.components.teach_run import Run

if TYPE_CHECKING:
    from pages.components.teach_session import TeachSession

__all__ = ["Brought", "save", "start_bringing"]

_POINTS = "points"
_MOST_POINTS = 5000


@dataclass(frozen=True, eq=False)
class Brought:
    """What came with a file: a model, samples with the settings of their project, or all.

    Attributes
    ----------
    run : Run or None
    classes : tuple of str
    samples : tuple of NewSample or None
        None where the file has none: then those that are there stay.
    settings : TeachSettings or None
    failed : tuple of (str, TeachdeckError)
        Samples that could not be used, by name.
    notes : tuple of Note
    """

    run: Run | None = None
    classes: tuple[str, ...] = ()
    samples: tuple[NewSample, ...] | None = None
    settings: TeachSettings | None = None
    failed: tuple[tuple[str, TeachdeckError], ...] = ()
    notes: tuple[Note, ...] = ()


def save(teach: TeachSession) -> bytes:
    """Return samples, settings, model and curves as one project file."""
    snapshot, run = teach.samples.snapshot(), teach.run
    if run is None or run.network is not None:
        # A model from elsewhere stands on a network that this machine's store does not know.
        return save_project(Project("pictures", snapshot))
    points = [
        [None if math.isnan(value) else value for value in _values(point)] for point in run.points
    ]
    return save_taught_model(run.model, samples=snapshot, results={_POINTS: points})


def start_bringing(teach: TeachSession, files: Mapping[str, bytes]) -> LearningJob:
    """Read files in a thread: a project, or a model in any form that can be read.

    Parameters
    ----------
    teach : TeachSession
    files : mapping of str to bytes
        As they were uploaded; their names are shown and never opened.

    Returns
    -------
    LearningJob
        Its result is a `Brought`.
    """
    job = LearningJob(0, stage="reading")
    store, thumbnails, quota = teach.store, teach.thumbnails, teach.samples.quota

    def work(job: LearningJob) -> Brought:
        name, content = next(iter(files.items()))
        if len(files) > 1 or not is_project(content):
            source = dict(files) if len(files) > 1 else content
            imported = import_picture_model(source, store, name=name)
            run = Run(0, name, imported.taught, network=imported.network)
            return Brought(run, notes=imported.notes)
        project = open_project(content, name=name, kind="pictures", quota=quota)
        kept, failed = [], []
        total = max(1, len(project.samples.samples))
        for at, sample in enumerate(project.samples.samples):
            job.at("reading", at / total)
            entry = NewSample(sample.label, sample.content, sample.name, sample.media_type)
            try:
                kept.append(prepared(entry, thumbnails)[0])
            except TeachdeckError as error:
                failed.append((sample.name, error))
        run = None
        if "head" in project.results:
            model = taught_from_project(project, store, name=name)
            points = _points(project.results.get(_POINTS))
            run = Run(0, name, model, points, epochs=max(0, len(points) - 1))
        settings = TeachSettings.from_dict(project.settings) if project.settings else None
        return Brought(run, project.samples.classes, tuple(kept), settings, tuple(failed))

    start_job(job, work, name="bringing")
    return job


def _values(point: Point) -> tuple[float, float, float, float]:
    return point.accuracy, point.loss, point.held_out_accuracy, point.held_out_loss


def _points(stored: Any) -> tuple[Point, ...]:
    """Return the curves that a file holds, none where it holds something else."""
    if not isinstance(stored, list) or len(stored) > _MOST_POINTS:
        return ()
    points = []
    for entry in stored:
        if not isinstance(entry, list) or len(entry) != 4:
            return ()
        if not all(value is None or type(value) in (int, float) for value in entry):
            return ()
        points.append(Point(*(math.nan if value is None else float(value) for value in entry)))
    return tuple(points)
