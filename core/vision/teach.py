"""Teach new classes of pictures: features once a picture, a head from the worker, judged honestly.

:func:`teach_pictures` does the whole in the caller's thread and reports as it goes; pages call it
from a thread of theirs. :class:`ImageTeacher` is the same with scikit-learn's contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.datasets.samples import NewSample, Quota, SampleSet
from core.errors import UsageError
from core.home import teachdeck_home, user_model_folders
from core.imaging.files import read_image_file
from core.pretrained.store import ModelStore
from core.vision.features import (
    FeatureCache,
    StoppedError,
)
from core.vision.settings import PRESETS, TeachSettings
from core.vision.teach_run import CurvePoint, TaughtRun, TeachProgress
from core.vision.teaching import teach_pictures
from core.worker import KerasWorker

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
