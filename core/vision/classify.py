"""Name what is in pictures with a pretrained network."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.errors import ImageError, ModelError, TeachdeckError, UsageError
from core.imaging.decode import DecodedImage, check_size, decode_image
from core.imaging.files import read_image_file
from core.imaging.preprocess import Preprocessing

if TYPE_CHECKING:
    from core.pretrained.backbone import Backbone

__all__ = [
    "Classification",
    "ImageClassifier",
    "NamedResult",
    "PictureSource",
    "Prediction",
    "Timings",
    "decode_side_px",
    "load_picture",
]

PictureSource = bytes | str | os.PathLike[str] | NDArray[np.uint8]

# A picture is decoded no smaller than this many times what the network sees of it, so that the
# antialiased resize, and not the decoder, decides what the network sees. Measured on noisy
# 12-megapixel photos with EfficientNet-Lite0: probabilities move by 0.007 at most with 2, by
# 0.028 with 1, and decoding takes 36 ms instead of 32.
_DECODE_MARGIN = 2


@dataclass(frozen=True)
class Prediction:
    """One class with its share of the probability.

    Attributes
    ----------
    label : str
        Readable name of the class.
    probability : float
        0 to 1; all classes together sum to 1.
    index : int
        Position of the class in the network's output.
    """

    label: str
    probability: float
    index: int


@dataclass(frozen=True)
class Timings:
    """Where the time went, in seconds by the wall clock."""

    decode_s: float
    preprocess_s: float
    inference_s: float

    @property
    def total_s(self) -> float:
        """The sum of the three."""
        return self.decode_s + self.preprocess_s + self.inference_s


@dataclass(frozen=True, eq=False)
class Classification:
    """What a network says about one picture.

    Attributes
    ----------
    predictions : tuple of Prediction
        The most probable classes, the best first.
    logits : ndarray of float32, shape (classes,)
        The network's raw scores.
    probabilities : ndarray of float32, shape (classes,)
        Softmax of the logits.
    tensor : ndarray of float32, shape (1, s, s, 3)
        The network's input.
    timings : Timings
    image : DecodedImage
        Its `pixels` may be smaller than the picture, see `decode_image`.
    crop_box : tuple of float
        (left, top, right, bottom) of what the network saw, as fractions 0..1 of the picture.
    """

    predictions: tuple[Prediction, ...]
    logits: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    tensor: NDArray[np.float32]
    timings: Timings
    image: DecodedImage
    crop_box: tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class NamedResult:
    """One of many pictures: its classification, or the error in its place.

    Attributes
    ----------
    name : str
        The name that the picture was given with. It is the user's text: show it, never open it.
    classification : Classification or None
    error : TeachdeckError or None
        Exactly one of the two is set.
    """

    name: str
    classification: Classification | None = None
    error: TeachdeckError | None = None


class ImageClassifier:
    """Name what is in pictures. May be used from several threads at once.

    Parameters
    ----------
    backbone : Backbone
        The network with its labels and preprocessing.

    Examples
    --------
    >>> classifier = ImageClassifier.from_model("efficientnet-lite0")  # doctest: +SKIP
    >>> classifier.classify("koala.jpg").predictions[0].label  # doctest: +SKIP
    'koala'
    """

    def __init__(self, backbone: Backbone) -> None:
        self.backbone = backbone

    @classmethod
    def from_model(cls, model_id: str | None = None) -> ImageClassifier:
        """Return a classifier with a model of the catalogue, fetched if it must be.

        Parameters
        ----------
        model_id : str, optional
            Such as "efficientnet-lite0". Defaults to the model that the pages use first.

        Returns
        -------
        ImageClassifier

        Raises
        ------
        TeachdeckError
            If the model is unknown or cannot be had.
        """
        # The store reaches for converters and the network: classifying alone needs neither.
        from core.home import teachdeck_home, user_model_folders
        from core.pretrained.store import ModelStore

        store = ModelStore(teachdeck_home(), user_model_folders())
        return cls(store.load(model_id or store.default_id()))

    def classify(self, source: PictureSource, *, top: int = 5) -> Classification:
        """Return the most probable classes of one picture.

        Parameters
        ----------
        source : bytes or path or ndarray of uint8, shape (h, w, 3)
            The content of a picture file, where one is, or RGB pixels.
        top : int, optional
            How many predictions, at least 1; no more than there are classes come back.

        Returns
        -------
        Classification

        Raises
        ------
        ImageError
            If the picture cannot be used.
        ModelError
            If the network answers with values that are not finite.
        UsageError
            If `top` is below 1.
        """
        if top < 1:
            raise UsageError("vision.top", top=top)
        preprocessing = self.backbone.preprocessing
        start_s = perf_counter()
        image = load_picture(source, min_side_px=decode_side_px(preprocessing))
        decoded_s = perf_counter()
        prepared = preprocessing.apply(image.pixels)
        prepared_s = perf_counter()
        outputs = self.backbone.model.run(prepared.tensor)
        inferred_s = perf_counter()
        logits = outputs["logits"][0]
        probabilities = outputs["probabilities"][0]
        if not (np.isfinite(logits).all() and np.isfinite(probabilities).all()):
            raise ModelError("vision.not_finite", model=self.backbone.model_id)
        return Classification(
            predictions=self._predictions(probabilities, top),
            logits=logits,
            probabilities=probabilities,
            tensor=prepared.tensor,
            timings=Timings(decoded_s - start_s, prepared_s - decoded_s, inferred_s - prepared_s),
            image=image,
            crop_box=prepared.crop_box,
        )

    def classify_many(
        self,
        sources: Iterable[str | os.PathLike[str] | tuple[str, PictureSource]],
        *,
        top: int = 5,
    ) -> Iterator[NamedResult]:
        """Yield a result for each of many pictures, in order; a bad one does not stop the rest.

        Parameters
        ----------
        sources : iterable of path or (name, picture)
            A picture as `classify` takes it with a name for it, or a path, which is its name.
            Each is decoded when its turn comes.
        top : int, optional
            As in `classify`.

        Yields
        ------
        NamedResult

        Raises
        ------
        UsageError
            If `top` is below 1.
        """
        for entry in sources:
            name, source = entry if isinstance(entry, tuple) else (os.fspath(entry), entry)
            try:
                yield NamedResult(name, classification=self.classify(source, top=top))
            except UsageError:
                raise
            except TeachdeckError as error:
                yield NamedResult(name, error=error)

    def _predictions(self, probabilities: NDArray[np.float32], top: int) -> tuple[Prediction, ...]:
        # Stable, so that equal probabilities come in the order of the classes.
        order = np.argsort(-probabilities, kind="stable")[:top]
        return tuple(
            Prediction(self.backbone.labels[index], float(probabilities[index]), int(index))
            for index in order
        )


def decode_side_px(preprocessing: Preprocessing) -> int:
    """Return the shorter side in pixels below which decoding smaller would show in the answer."""
    crop_fraction = 1.0 if preprocessing.resize == "squeeze" else preprocessing.crop_fraction
    return math.ceil(_DECODE_MARGIN * preprocessing.input_size_px / crop_fraction)


def load_picture(source: PictureSource, *, min_side_px: int | None = None) -> DecodedImage:
    """Return the pixels of a picture that comes as bytes, as a path or as pixels.

    Parameters
    ----------
    source : bytes or path or ndarray of uint8, shape (h, w, 3)
    min_side_px : int, optional
        As :func:`core.imaging.decode.decode_image` takes it.

    Returns
    -------
    DecodedImage

    Raises
    ------
    ImageError
        If the picture cannot be used.
    """
    if isinstance(source, np.ndarray):
        if source.dtype != np.uint8 or source.ndim != 3 or source.shape[2] != 3:
            raise ImageError("image.array", dtype=str(source.dtype), shape=str(source.shape))
        height, width = source.shape[:2]
        check_size(width, height)
        return DecodedImage(source, width, height, "array")
    data = source if isinstance(source, bytes) else read_image_file(Path(source))
    return decode_image(data, min_side_px=min_side_px)
