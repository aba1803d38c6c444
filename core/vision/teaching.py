"""Teach new classes of pictures: features once a picture, a head from the worker, judged honestly.

:func:`teach_pictures` does the whole in the caller's thread and reports as it goes.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.datasets.samples import SampleSnapshot
from core.errors import ModelError, UsageError
from core.evaluation import Score, assign_folds, hold_out
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
from core.vision.settings import ARTICLE_LAYER, TeachSettings
from core.vision.taught import TaughtImageModel
from core.vision.teach_run import CurvePoint, TaughtRun, TeachProgress
from core.worker import Job, KerasWorker

__all__ = ["teach_pictures"]

Array = NDArray[np.float32]

_POLL_S = 0.1
# Classes with fewer pictures need every one of them to learn from.
_LEAST_TO_HOLD_OUT = 10


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
        "refit": True,
    }
    if begin is not None:
        request["first_epoch"] = begin.epochs
        learned = _weights(begin.model.head)
        material.arrays.update(begin.held_back or learned)
        material.arrays.update({f"refit/{name}": value for name, value in learned.items()})
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
        held_back=_held_back(made) or None,
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
        # Of the head that has not learned them yet.
        logits, method, folds = _raw_logits(_held_back(made) or made, flat), "validation", 1
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


def _held_back(made: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the weights that have not learned what was held out for the curve, if others have."""
    prefix = "held_back/"
    return {
        name.removeprefix(prefix): value for name, value in made.items() if name.startswith(prefix)
    }


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
