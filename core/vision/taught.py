"""Predict with a taught model: the pretrained network below, the taught head above."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError, TeachdeckError
from core.imaging.decode import DecodedImage
from core.pretrained.backbone import TruncatedBackbone
from core.vision.classify import (
    PictureSource,
    Prediction,
    Timings,
    decode_side_px,
    load_picture,
)
from core.vision.head import ImageHead

__all__ = ["TaughtImageModel", "TaughtPrediction", "TaughtResult"]


@dataclass(frozen=True, eq=False)
class TaughtPrediction:
    """What a taught model says about one picture.

    Attributes
    ----------
    predictions : tuple of Prediction
        Every taught class, the most probable first.
    probabilities : ndarray of float32, shape (classes,)
        In the order of the head's labels.
    rejected : bool
        Whether the picture is taken for none of the classes.
    familiarity : float
        What was compared with the rejection's threshold; higher is more like the samples.
    features : ndarray of float32
        Of the head's feature shape.
    tensor : ndarray of float32, shape (1, s, s, 3)
        The network's input.
    image : DecodedImage
        Its `pixels` may be smaller than the picture.
    crop_box : tuple of float
        (left, top, right, bottom) of what the network saw, as fractions 0..1 of the picture.
    timings : Timings
    """

    predictions: tuple[Prediction, ...]
    probabilities: NDArray[np.float32]
    rejected: bool
    familiarity: float
    features: NDArray[np.float32]
    tensor: NDArray[np.float32]
    image: DecodedImage
    crop_box: tuple[float, float, float, float]
    timings: Timings

    @property
    def label(self) -> str:
        """The most probable class, rejected or not."""
        return self.predictions[0].label


@dataclass(frozen=True, eq=False)
class TaughtResult:
    """One of many pictures: its prediction, or the error in its place.

    Attributes
    ----------
    name : str
        The name that the picture was given with: the user's text.
    prediction : TaughtPrediction or None
    error : TeachdeckError or None
        Exactly one of the two is set.
    """

    name: str
    prediction: TaughtPrediction | None = None
    error: TeachdeckError | None = None


class TaughtImageModel:
    """A taught head on its network. May be used from several threads at once.

    Parameters
    ----------
    backbone : TruncatedBackbone
        Cut where the head reads.
    head : ImageHead

    Raises
    ------
    ModelError
        If the network's features are not of the shape that the head takes.

    Examples
    --------
    >>> model = load_taught_model("logos.zip")                         # doctest: +SKIP
    >>> model.predict("photo.jpg").label                               # doctest: +SKIP
    'apple'
    """

    def __init__(self, backbone: TruncatedBackbone, head: ImageHead) -> None:
        if tuple(backbone.feature_shape) != tuple(head.feature_shape):
            raise ModelError(
                "teach.head_broken",
                expected=f"features of {list(head.feature_shape)}",
                received=f"{list(backbone.feature_shape)} of {backbone.model_id}",
            )
        self.backbone = backbone
        self.head = head

    @property
    def labels(self) -> tuple[str, ...]:
        """The taught classes, in the order of the outputs."""
        return self.head.labels

    def predict(self, source: PictureSource) -> TaughtPrediction:
        """Return every taught class with its probability for one picture.

        Parameters
        ----------
        source : bytes or path or ndarray of uint8, shape (h, w, 3)
            The content of a picture file, where one is, or RGB pixels.

        Returns
        -------
        TaughtPrediction

        Raises
        ------
        ImageError
            If the picture cannot be used.
        """
        preprocessing = self.head.preprocessing
        start_s = perf_counter()
        image = load_picture(source, min_side_px=decode_side_px(preprocessing))
        decoded_s = perf_counter()
        prepared = preprocessing.apply(image.pixels)
        prepared_s = perf_counter()
        features = self.backbone.features(prepared.tensor)
        probabilities, familiarity, rejected = self.judge(features)
        inferred_s = perf_counter()
        return TaughtPrediction(
            predictions=self._sorted(probabilities[0]),
            probabilities=probabilities[0],
            rejected=bool(rejected[0]),
            familiarity=float(familiarity[0]),
            features=features[0],
            tensor=prepared.tensor,
            image=image,
            crop_box=prepared.crop_box,
            timings=Timings(decoded_s - start_s, prepared_s - decoded_s, inferred_s - prepared_s),
        )

    def predict_many(
        self, sources: Iterable[str | os.PathLike[str] | tuple[str, PictureSource]]
    ) -> Iterator[TaughtResult]:
        """Yield a result for each of many pictures, in order; a bad one does not stop the rest.

        Parameters
        ----------
        sources : iterable of path or (name, picture)

        Yields
        ------
        TaughtResult
        """
        for entry in sources:
            name, source = entry if isinstance(entry, tuple) else (os.fspath(entry), entry)
            try:
                yield TaughtResult(name, prediction=self.predict(source))
            except TeachdeckError as error:
                yield TaughtResult(name, error=error)

    def judge(
        self, features: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
        """Return what the head says about features that were computed before.

        Parameters
        ----------
        features : ndarray of float32, shape (n, ...)

        Returns
        -------
        probabilities : ndarray of float32, shape (n, classes)
        familiarity : ndarray of float32, shape (n,)
        rejected : ndarray of bool, shape (n,)

        Raises
        ------
        ModelError
            If the answers are not finite numbers.
        """
        probabilities = self.head.probabilities(features)
        if not np.isfinite(probabilities).all():
            raise ModelError("vision.not_finite", model=self.backbone.model_id)
        rejection = self.head.rejection
        if rejection is None:
            return probabilities, probabilities.max(axis=1), np.zeros(len(features), bool)
        familiarity = rejection.scores(features, probabilities)
        return probabilities, familiarity, rejection.rejects(familiarity)

    def with_threshold(self, threshold: float) -> TaughtImageModel:
        """Return the model with another threshold for "none of these"."""
        return TaughtImageModel(self.backbone, self.head.with_threshold(threshold))

    def renamed(self, labels: tuple[str, ...]) -> TaughtImageModel:
        """Return the model with other names for its classes."""
        return TaughtImageModel(self.backbone, replace(self.head, labels=labels))

    def _sorted(self, probabilities: NDArray[np.float32]) -> tuple[Prediction, ...]:
        order = np.argsort(-probabilities, kind="stable")
        return tuple(
            Prediction(self.head.labels[index], float(probabilities[index]), int(index))
            for index in order
        )
