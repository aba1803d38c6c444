"""What teaching pictures reports as it goes, and what it gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from core.evaluation import Score
from core.vision.settings import TeachSettings
from core.vision.taught import TaughtImageModel

__all__ = ["CurvePoint", "TaughtRun", "TeachProgress"]


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
    held_back : mapping of str to ndarray, or None
        The weights from which the curve goes on: those of the model have learned, after it, what
        was held out for it.
    """

    model: TaughtImageModel
    settings: TeachSettings
    curve: tuple[CurvePoint, ...]
    score: Score | None
    epochs: int
    seconds: float
    stopped: bool = False
    version: int = 0
    held_back: Mapping[str, NDArray[Any]] | None = None
