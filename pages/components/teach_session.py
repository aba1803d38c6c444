"""One visitor's samples, trainings and model on the page "Teach pictures"."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.datasets.folders import read_picture_zip
from core.datasets.samples import NewSample, Sample, SampleSet
from core.errors import TeachdeckError
from core.pretrained.store import ModelStore
from core.vision.features import FeatureCache
from core.vision.settings import TeachSettings
from core.vision.taught import TaughtImageModel
from core.worker import KerasWorker, ScoreWorker
from pages.components import cached
from pages.components.i18n import t
from pages.components.learning_job import LearningJob
from pages.components.presence import held
from pages.components.teach_demo import demo_pictures, pictures_to_try
from pages.components.teach_learning import start_learning
from pages.components.teach_projects import Brought, save, start_bringing
from pages.components.teach_reading import Reading, Thumbnails, start_reading
from pages.components.teach_run import Run
from pages.components.teach_study import Study

if TYPE_CHECKING:
    from pages.components.teach_exports import ExportJob

__all__ = ["TeachSession", "teach_session"]

_KEPT_RUNS = 12


class TeachSession:
    """All that belongs to one visitor. Methods are for the script's thread unless they say more.

    Parameters
    ----------
    store : ModelStore
    worker : KerasWorker
    scorer : ScoreWorker
    """

    def __init__(self, store: ModelStore, worker: KerasWorker, scorer: ScoreWorker) -> None:
        self.store, self.worker, self.scorer = store, worker, scorer
        self.samples = SampleSet()
        self.thumbnails = Thumbnails()
        self.cache = FeatureCache()
        self.study = Study(self.samples, self.cache, store, scorer)
        self.model_id = store.default_id()
        self.preset = "default"
        self.options: dict[tuple[str, str, str], Any] = {}
        self.reading: Reading | None = None
        self.problem: TeachdeckError | None = None
        self.job: LearningJob | None = None
        self.runs: list[Run] = []
        self.trainings = 0
        self.run: Run | None = None
        self.tried: tuple[str, bytes] | None = None
        self.corrected: str | None = None
        self.target = ""
        self.typed = False
        self.aimed = 0
        self.demo = False
        self.redraw = False
        self.uploads = 0
        self.project: bytes | None = None
        self.bringing: LearningJob | None = None
        self.export: ExportJob | None = None
        self.brought: Brought | None = None
        self.pages: dict[str, int] = {}
        self.closed = False

    def close(self) -> None:
        """Stop what runs and drop what is held. From any thread."""
        self.closed = True
        self.study.close()
        for work in (self.reading, self.job, self.bringing, self.export):
            if work is not None:
                work.stop.set()
        if self.export is not None:
            self.export.export = None
        self.samples.clear()
        self.thumbnails.clear()
        self.cache = FeatureCache()
        self.runs, self.run, self.tried, self.reading, self.job = [], None, None, None, None
        self.bringing, self.brought, self.export, self.project = None, None, None, None

    # Samples.

    def change(self, act: Callable[..., object], *arguments: object) -> None:
        """Change the samples, or note why that could not be done; look at what they are then."""
        self.problem = self.corrected = None
        try:
            act(*arguments)
        except TeachdeckError as error:
            self.problem = error
        self.study.look(self.model_id)

    def find(self, sample_id: str) -> Sample | None:
        """Return a sample, or None if it is gone."""
        try:
            return self.samples.get(sample_id)
        except TeachdeckError:
            return None

    @property
    def size(self) -> int:
        """Number of all samples."""
        return sum(self.samples.counts().values())

    def new_class_name(self) -> str:
        """Return a name that no class has."""
        number = len(self.samples.classes) + 1
        while (name := t("teachpage.class_number", number=number)) in self.samples.classes:
            number += 1
        return name

    def aim(self, label: str) -> None:
        """Choose the class that pictures are added to."""
        self.target, self.typed = label, False
        # A new widget: the browser would hold on to its own choice.
        self.aimed += 1

    def add_class(self) -> None:
        """Add an empty class with a name of its own, to be filled next."""
        name = self.new_class_name()
        self.change(self.samples.add_class, name)
        self.aim(name)

    def rename_class(self, old: str, new: str) -> None:
        """Give a class another name."""
        self.change(self.samples.rename_class, old, new)
        if self.problem is None and self.target == old:
            self.aim(new.strip())

    def undo(self) -> None:
        """Take the last change back."""
        self.change(self.samples.undo)

    def redo(self) -> None:
        """Make the change again that was taken back last."""
        self.change(self.samples.redo)

    def thumbnail(self, content: bytes) -> str:
        """Return a small picture of a picture that is no sample."""
        return self.thumbnails.of(hashlib.sha256(content).hexdigest(), content)

    def read(self, pictures: Sequence[NewSample]) -> None:
        """Add pictures, in a thread."""
        self._read(lambda _: pictures, len(pictures))

    def read_zip(self, content: bytes) -> None:
        """Add the pictures of a zip of folders, in a thread."""

        def unpack(reading: Reading) -> Iterable[NewSample]:
            report = read_picture_zip(content)
            reading.failed.extend(report.skipped)
            reading.total = len(report.samples)
            return report.samples

        self._read(unpack, 0)

    def load_demo(self) -> None:
        """Add the demo set, its classes named in the visitor's language."""
        names = {name: t(f"teachdemo.{name}") for name in ("robot", "fruit", "window")}
        self.demo = True
        self.read([NewSample(names[key], data, name) for key, name, data in demo_pictures()])
        self.aim(next(iter(names.values())))

    def _read(self, pictures: Callable[[Reading], Iterable[NewSample]], total: int) -> None:
        self.problem = self.corrected = None
        self.reading = start_reading(
            pictures,
            self.samples,
            self.thumbnails,
            total=total,
            after=self.reading,
            on_end=lambda: self.study.look(self.model_id),
        )

    # Training.

    def use_network(self, model_id: str) -> None:
        """Look at the samples with another network."""
        self.model_id = model_id
        self.study.look(model_id)

    def can_train(self) -> bool:
        """Whether two classes have pictures, and nothing is being read."""
        filled = sum(count > 0 for count in self.samples.counts().values())
        return filled > 1 and not (self.reading is not None and self.reading.running)

    def train(self, settings: TeachSettings) -> None:
        """Begin a training; what it gives is kept by `finish`."""
        self.problem = None
        self.trainings += 1
        self.job = start_learning(self, settings, number=self.trainings)

    def can_go_on(self) -> bool:
        """Whether the training that is in use can be continued."""
        return self.run is not None and self.run.taught is not None and self.can_train()

    def go_on(self) -> None:
        """Continue the training that is in use."""
        run = self.run
        if run is not None and run.taught is not None:
            self.trainings += 1
            self.job = start_learning(self, run.taught.settings, number=self.trainings, earlier=run)

    def finish(self) -> None:
        """Keep what the training gave, once it has ended."""
        job = self.job
        if job is not None and not job.running and job.result is not None:
            self.keep(job.result)
            job.result = None
            if self.tried is None and self.demo:
                _, name, data = pictures_to_try()[0]
                self.tried = (name, data)
        brought = self.bringing
        if brought is not None and not brought.running and brought.result is not None:
            self._take(brought.result)
            brought.result = None

    def _take(self, brought: Brought) -> None:
        """Put what was brought in its place; samples can be brought back by undo."""
        if brought.samples is not None:
            samples = brought.samples
            self.change(lambda: self.samples.replace_all(brought.classes, samples))
            self.demo = False
        if brought.settings is not None:
            for name, value in brought.settings.to_dict().items():
                if name not in ("backbone_id", "layer", "pooled", "check"):
                    self.options["default", "", name] = value
        if brought.run is not None:
            self.keep(brought.run)
        self.brought = brought

    # The model.

    @property
    def model(self) -> TaughtImageModel | None:
        """The model that is tried and taken away."""
        return None if self.run is None else self.run.model

    def keep(self, run: Run) -> None:
        """Keep a training and use it; the oldest ones beyond a few are forgotten."""
        self.runs.append(run)
        self.run = run
        others = [entry for entry in self.runs if entry is not run]
        for entry in others[: max(0, len(self.runs) - _KEPT_RUNS)]:
            self.runs.remove(entry)

    def use(self, run: Run) -> None:
        """Use a training that was kept."""
        self.run = run

    def prepare_project(self) -> None:
        """Put the whole work into one file."""
        self.problem = None
        self.project = save(self)

    def bring(self, files: Mapping[str, bytes]) -> None:
        """Open a project, or bring a model that was taught elsewhere, in a thread."""
        self.problem = self.brought = None
        self.bringing = start_bringing(self, files)

    def forget(self, run: Run) -> None:
        """Drop a training."""
        self.runs.remove(run)
        if self.run is run:
            self.run = self.runs[-1] if self.runs else None

    def set_threshold(self, threshold: float) -> None:
        """Reject what is less familiar than this."""
        if self.run is not None:
            self.run.model = self.run.model.with_threshold(threshold)

    def try_picture(self, name: str, data: bytes | None) -> None:
        """Show a picture to the model."""
        if data is not None:
            self.tried, self.corrected = (name, data), None

    def correct(self, label: str) -> None:
        """Add the picture that was tried to the class that it is."""
        if self.tried is None:
            return
        name, data = self.tried
        self.thumbnail(data)
        self.change(lambda: self.samples.add(label, data, name=name))
        if self.problem is None:
            self.corrected, self.redraw = label, True


def teach_session() -> TeachSession:
    """Return this visitor's session, made when it is first wanted."""
    store, worker, scorer = cached.model_store(), cached.keras_worker(), cached.score_worker()
    return held("teach_pictures", lambda: TeachSession(store, worker, scorer))
