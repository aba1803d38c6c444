"""Teach new classes of pictures: features once a picture, a head from the worker, judged honestly.

:func:`teach_pictures` does the whole in the caller's thread and reports as it goes; pages call it
from a thread of theirs. :class:`ImageTeacher` is the same with scikit-learn's contract.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.datasets.samples import NewSample, Quota, SampleSet, SampleSnapshot
from core.errors import ModelError, UsageError
from core.evaluation import Score, assign_folds, hold_out
from core.home import teachdeck_home, user_model_folders
from core.imaging.files import read_image_file
from core.pretrained.backbone import TruncatedBackbone
from core.pretrained.store import ModelStore
from core.vision.evaluate import score_logits, targets_and_groups
from core.vision.features import (
    FeatureCache,
    StoppedError,
    augmented_features,
    check_room,
    picture_features,
)
from core.vision.head import DenseLayer, ImageHead
from core.vision.rejection import familiarity_rejection, no_thing_features
from core.vision.settings import ARTICLE_LAYER, PRESETS, TeachSettings
from core.vision.taught import TaughtImageModel
from core.worker import Job, KerasWorker

__all__ = [
    "PRESETS",
    "CurvePoint",
    "ImageTeacher",
    "StoppedError",
    "TaughtRun",
    "TeachProgress",
    "TeachSettings",
    "teach_pictures",
]

Array = NDArray[np.float32]

_POLL_S = 0.1
# Classes with fewer pictures need every one of them to learn from.
_LEAST_TO_HOLD_OUT = 10


@dataclass(frozen=True)
class CurvePoint:
    """Loss and accuracy after an epoch.

    Attributes
    ----------
    epoch : int
        0 is before the first step.
    loss, accuracy : float
        On the pictures that are learned from.
    val_loss, val_accuracy : float or None
        On those that are held out; None where there are none.
    batches : tuple of (float, float, float)
        Epoch as a fraction, loss and accuracy of each batch since the point before.
    """

    epoch: int
    loss: float
    accuracy: float
    val_loss: float | None = None
    val_accuracy: float | None = None
    batches: tuple[tuple[float, float, float], ...] = ()


@dataclass(frozen=True)
class TeachProgress:
    """How far a teaching is.

    Attributes
    ----------
    stage : {"features", "queue", "worker", "training", "check", "done"}
        Pictures through the network; waiting for others' trainings; waiting for TensorFlow;
        learning; training again without each fold.
    part : float
        0 to 1, of the stage.
    place : int
        In the queue: how many trainings are before this one.
    point : CurvePoint or None
        A new point of the curve.
    """

    stage: str
    part: float = 0.0
    place: int = 0
    point: CurvePoint | None = None


@dataclass(frozen=True, eq=False)
class TaughtRun:
    """A teaching that gave a model.

    Attributes
    ----------
    model : TaughtImageModel
    settings : TeachSettings
    curve : tuple of CurvePoint
        Of this run and the ones that it went on from.
    score : Score or None
        How good the head is on pictures that it had not seen: by k-fold, else on the pictures
        that were held out; None where there is neither.
    epochs : int
        Finished, earlier runs included.
    seconds : float
    stopped : bool
        Whether it was stopped before its last epoch.
    version : int
        Of the samples.
    """

    model: TaughtImageModel
    settings: TeachSettings
    curve: tuple[CurvePoint, ...]
    score: Score | None
    epochs: int
    seconds: float
    stopped: bool = False
    version: int = 0


@dataclass(eq=False)
class _Material:
    """What goes to the worker, and what is needed to judge what comes back."""

    features: Array
    targets: NDArray[np.int64]
    groups: NDArray[np.int64]
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    folds: NDArray[np.int64]
    method: str
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)


def teach_pictures(
    snapshot: SampleSnapshot,
    settings: TeachSettings,
    *,
    store: ModelStore,
    worker: KerasWorker,
    cache: FeatureCache | None = None,
    begin: TaughtRun | None = None,
    report: Callable[[TeachProgress], None] | None = None,
    stopped: Callable[[], bool] | None = None,
) -> TaughtRun:
    """Teach the classes of a sample set.

    Parameters
    ----------
    snapshot : SampleSnapshot
        Of pictures.
    settings : TeachSettings
    store : ModelStore
    worker : KerasWorker
    cache : FeatureCache, optional
        Keeps features for the next time.
    begin : TaughtRun, optional
        Go on from its weights, for `settings.epochs` further epochs; its head must be of the
        same form and classes.
    report : callable, optional
        Called a few times a second from the caller's thread; what it raises ends the teaching.
    stopped : callable, optional
        Asked often. While features are computed or the training waits, stopping raises; once it
        learns, stopping gives the head as it is then.

    Returns
    -------
    TaughtRun

    Raises
    ------
    UsageError
        If there is one class only, an empty one or two of the same content, or the settings do
        not fit the network or the run to go on from.
    ImageError
        If a picture cannot be used.
    ModelError
        If the network cannot be had, or the worker failed.
    StoppedError
        If it was stopped before it learned anything.
    """
    start_s = time.monotonic()
    say: Callable[[TeachProgress], None] = report if report is not None else lambda _: None
    asked: Callable[[], bool] = stopped if stopped is not None else lambda: False
    cache = cache if cache is not None else FeatureCache()
    worker.warm()
    settings, backbone = _backbone(settings, store)
    if begin is not None:
        _require_same_form(begin.model.head, backbone, snapshot, settings)
    material = _material(snapshot, settings, backbone, cache, say, asked)
    request = {
        "classes": len(snapshot.classes),
        "hidden_units": settings.hidden_units,
        "epochs": settings.epochs,
        "batch_size": settings.batch_size,
        "learning_rate": settings.learning_rate,
        "weight_decay": settings.weight_decay,
        "seed": settings.seed,
    }
    if begin is not None:
        request["first_epoch"] = begin.epochs
        material.arrays.update(_weights(begin.model.head))
    job = worker.submit("train_head", request, material.arrays)
    material.arrays = {}
    curve = list(begin.curve) if begin is not None else []
    try:
        _follow(job, settings, begin.epochs if begin is not None else 0, curve, say, asked)
    except BaseException:
        job.stop()
        raise
    if job.state == "stopped" and job.error is not None:
        raise StoppedError
    answer, made = job.result()
    if not answer["epochs"] and begin is None:
        raise StoppedError
    score = _score(made, material, snapshot)
    head = _head(made, material, snapshot, settings, backbone, score)
    epochs = int(answer["epochs"]) + (begin.epochs if begin is not None else 0)
    run = TaughtRun(
        model=TaughtImageModel(backbone, head),
        settings=settings,
        curve=tuple(curve),
        score=score,
        epochs=epochs,
        seconds=time.monotonic() - start_s,
        stopped=bool(answer.get("stopped")),
        version=snapshot.version,
    )
    say(TeachProgress("done", 1.0))
    return run


def _backbone(
    settings: TeachSettings, store: ModelStore
) -> tuple[TeachSettings, TruncatedBackbone]:
    """Return the cut network; the article's layer is replaced where a network has none."""
    try:
        backbone = store.load_truncated(
            settings.backbone_id, settings.layer, pooled=settings.pooled
        )
    except ModelError as error:
        if error.code != "network.unknown_layer" or settings.layer != ARTICLE_LAYER:
            raise
        settings = settings.fitted_to(store.network(settings.backbone_id))
        backbone = store.load_truncated(
            settings.backbone_id, settings.layer, pooled=settings.pooled
        )
    return settings, backbone


def _material(
    snapshot: SampleSnapshot,
    settings: TeachSettings,
    backbone: TruncatedBackbone,
    cache: FeatureCache,
    say: Callable[[TeachProgress], None],
    asked: Callable[[], bool],
) -> _Material:
    samples = snapshot.samples
    check_room(len(samples) * (1 + settings.augmentation), backbone)
    passes = 1 + (1 if settings.augmentation else 0)

    def progress(done_before: int) -> Callable[[int, int], None]:
        return lambda done, total: say(
            TeachProgress("features", (done_before + done / total) / passes)
        )

    features = picture_features(samples, backbone, cache, progress=progress(0), stopped=asked)
    targets, groups = targets_and_groups(features, snapshot, cache)
    counts = np.array([len(np.unique(groups[targets == at])) for at in range(targets.max() + 1)])
    train, validation = hold_out(targets, groups, settings.validation_share, seed=settings.seed)
    few = np.isin(targets[validation], np.flatnonzero(counts < _LEAST_TO_HOLD_OUT))
    train, validation = np.sort(np.append(train, validation[few])), validation[~few]
    folds, method = assign_folds(targets, groups, seed=settings.seed)
    if method == "leave_one_out":
        # Thirty trainings at most; with so few pictures each takes a moment.
        folds = folds % 30
    material = _Material(features, targets, groups, train, validation, folds, method)
    flat, labels, origin = features.reshape(len(samples), -1), targets, np.arange(len(samples))
    held = folds
    if settings.augmentation:
        copies = augmented_features(
            samples,
            backbone,
            cache,
            copies=settings.augmentation,
            seed=settings.seed,
            progress=progress(1),
            stopped=asked,
        )
        flat = np.concatenate([flat, copies.reshape(len(copies), -1)])
        labels = np.tile(targets, settings.augmentation + 1)
        origin = np.tile(origin, settings.augmentation + 1)
        # Copies follow their originals: learned from with them, never judged themselves.
        held = np.concatenate([folds, np.full(len(copies), -1)])
        train = np.flatnonzero(np.isin(origin, train))
    material.arrays = {
        "features": flat,
        "labels": labels,
        "train": train,
        "validation": validation,
        "origin": origin,
    }
    if settings.check:
        material.arrays["folds"] = held
    return material


def _follow(
    job: Job,
    settings: TeachSettings,
    first_epoch: int,
    curve: list[CurvePoint],
    say: Callable[[TeachProgress], None],
    asked: Callable[[], bool],
) -> None:
    """Report what the job reports until it has ended; tell it to stop when that is asked."""
    seen, told = 0, False
    batches: list[tuple[float, float, float]] = []
    while True:
        ended = job.wait(_POLL_S, updates=seen)
        if asked() and not told:
            told = True
            job.stop()
        news = job.updates(seen)
        seen += len(news)
        for update in news:
            batches.extend((at, loss, share) for at, loss, share in update.get("batches", ()))
            if "epoch" in update:
                point = CurvePoint(
                    epoch=update["epoch"],
                    loss=update["loss"],
                    accuracy=update["accuracy"],
                    val_loss=update.get("val_loss"),
                    val_accuracy=update.get("val_accuracy"),
                    batches=tuple(batches),
                )
                curve.append(point)
                batches = []
                part = (point.epoch - first_epoch) / settings.epochs
                say(TeachProgress("training", part, point=point))
            elif "folds" in update:
                say(TeachProgress("check", update["fold"] / update["folds"]))
        if ended:
            return
        if not news and seen == 0:
            place = job.place
            stage = "queue" if job.state == "queued" and place > 0 else "worker"
            say(TeachProgress(stage, place=place))


def _score(
    made: dict[str, NDArray[Any]], material: _Material, snapshot: SampleSnapshot
) -> Score | None:
    samples = snapshot.samples
    if "fold_logits" in made:
        logits, rows = made["fold_logits"][: len(samples)], np.arange(len(samples))
        method, folds = material.method, len(np.unique(material.folds))
    elif len(material.validation):
        rows = material.validation
        flat = material.features[rows].reshape(len(rows), -1)
        logits, method, folds = _raw_logits(made, flat), "validation", 1
    else:
        return None
    return score_logits(
        logits,
        material.targets[rows],
        labels=snapshot.classes,
        sample_ids=[samples[int(at)].id for at in rows],
        groups=material.groups[rows],
        method=method,
        folds=folds,
    )


def _head(
    made: dict[str, NDArray[Any]],
    material: _Material,
    snapshot: SampleSnapshot,
    settings: TeachSettings,
    backbone: TruncatedBackbone,
    score: Score | None,
) -> ImageHead:
    count = sum(1 for name in made if name.startswith("kernel/"))
    layers = tuple(
        DenseLayer(
            made[f"kernel/{at}"], made[f"bias/{at}"], "softmax" if at == count - 1 else "relu"
        )
        for at in range(count)
    )
    trained_on: dict[str, Any] = {"counts": snapshot.counts()}
    temperature = 1.0
    if score is not None:
        trained_on |= {
            "accuracy": score.accuracy,
            "interval": list(score.interval),
            "method": score.method,
        }
        if score.calibration is not None:
            temperature = score.calibration.temperature
            trained_on["calibration_error"] = score.calibration.error
    head = ImageHead(
        labels=snapshot.classes,
        backbone_id=backbone.model_id,
        layer=backbone.layer,
        pooled=backbone.pooled,
        feature_shape=backbone.feature_shape,
        dense=layers,
        preprocessing=backbone.preprocessing,
        rejection=familiarity_rejection(
            material.features, material.targets, material.groups, no_thing_features(backbone)
        ),
        backbone_sha256=backbone.weights_sha256,
        settings=settings.to_dict(),
        trained_on=trained_on,
    )
    return head.with_temperature(temperature)


def _weights(head: ImageHead) -> dict[str, NDArray[Any]]:
    plain = head.with_temperature(1.0)
    arrays: dict[str, NDArray[Any]] = {}
    for at, layer in enumerate(plain.dense):
        arrays[f"kernel/{at}"], arrays[f"bias/{at}"] = layer.kernel, layer.bias
    return arrays


def _raw_logits(made: dict[str, NDArray[Any]], features: Array) -> Array:
    count = sum(1 for name in made if name.startswith("kernel/"))
    values: Array = features
    for at in range(count):
        values = values @ made[f"kernel/{at}"] + made[f"bias/{at}"]
        if at + 1 < count:
            values = np.maximum(values, 0)
    return values


def _require_same_form(
    head: ImageHead,
    backbone: TruncatedBackbone,
    snapshot: SampleSnapshot,
    settings: TeachSettings,
) -> None:
    hidden = head.dense[0].kernel.shape[1] if len(head.dense) > 1 else 0
    same = (
        head.labels == snapshot.classes
        and head.backbone_id == backbone.model_id
        and head.layer == backbone.layer
        and head.pooled == backbone.pooled
        and hidden == settings.hidden_units
        and len(head.dense) == (2 if settings.hidden_units else 1)
    )
    if not same:
        raise UsageError("teach.other_form")


class ImageTeacher:
    """Teach classes of pictures, with scikit-learn's contract.

    Parameters
    ----------
    settings : TeachSettings, optional
        Defaults to the default preset on the model that the pages use first.
    store : ModelStore, optional
        Defaults to this machine's.
    worker : KerasWorker, optional
        Defaults to one of its own, which ends with :meth:`fit`.
    cache : FeatureCache, optional

    Attributes
    ----------
    classes_ : ndarray of str, shape (classes,)
        Sorted, as scikit-learn has it.
    model_ : TaughtImageModel
    run_ : TaughtRun
        With the curve and the score.

    Examples
    --------
    >>> teacher = ImageTeacher().fit(["a1.jpg", "b1.jpg", ...], ["a", "b", ...])  # doctest: +SKIP
    >>> teacher.predict_proba(["new.jpg"])                                      # doctest: +SKIP
    array([[0.97, 0.03]], dtype=float32)
    """

    def __init__(
        self,
        settings: TeachSettings | None = None,
        *,
        store: ModelStore | None = None,
        worker: KerasWorker | None = None,
        cache: FeatureCache | None = None,
    ) -> None:
        self.settings = settings
        self.store = store
        self.worker = worker
        self.cache = cache

    def fit(self, pictures: Sequence[Any], labels: Sequence[str]) -> ImageTeacher:
        """Teach labelled pictures.

        Parameters
        ----------
        pictures : sequence of bytes or path
        labels : sequence of str
            As many.

        Returns
        -------
        ImageTeacher
            Itself.

        Raises
        ------
        TeachdeckError
            As :func:`teach_pictures` raises.
        """
        if len(pictures) != len(labels):
            raise UsageError("teach.lengths", pictures=len(pictures), labels=len(labels))
        samples = SampleSet(Quota(bytes=1_000_000_000, classes=1000))
        entries = [
            NewSample(str(label), _content(picture), _name(picture))
            for picture, label in zip(pictures, labels, strict=True)
        ]
        samples.replace_all(sorted({str(label) for label in labels}), entries)
        store = self.store or ModelStore(teachdeck_home(), user_model_folders())
        settings = self.settings or TeachSettings.default(store.default_id())
        worker = self.worker or KerasWorker()
        try:
            self.run_ = teach_pictures(
                samples.snapshot(), settings, store=store, worker=worker, cache=self.cache
            )
        finally:
            if self.worker is None:
                worker.close()
        self.model_ = self.run_.model
        self.classes_ = np.array(self.model_.labels)
        return self

    def predict_proba(self, pictures: Sequence[Any]) -> Array:
        """Return the probability of each class for pictures: float32 [n, classes].

        Parameters
        ----------
        pictures : sequence of bytes, path, or ndarray of uint8

        Raises
        ------
        UsageError
            If nothing was taught yet.
        ImageError
            If a picture cannot be used.
        """
        if not hasattr(self, "model_"):
            raise UsageError("teach.not_fitted")
        rows = [self.model_.predict(picture).probabilities for picture in pictures]
        return np.array(rows, np.float32).reshape(len(rows), len(self.classes_))

    def predict(self, pictures: Sequence[Any]) -> NDArray[np.str_]:
        """Return the most probable class of each picture."""
        chosen: NDArray[np.str_] = self.classes_[self.predict_proba(pictures).argmax(axis=1)]
        return chosen

    def score(self, pictures: Sequence[Any], labels: Sequence[str]) -> float:
        """Return the share of pictures whose most probable class is their label."""
        return float(np.mean(self.predict(pictures) == np.array([str(name) for name in labels])))


def _content(picture: Any) -> bytes:
    return picture if isinstance(picture, bytes) else read_image_file(picture)


def _name(picture: Any) -> str:
    return "" if isinstance(picture, bytes) else str(picture)
