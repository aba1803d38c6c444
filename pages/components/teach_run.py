"""What is kept of a training."""

from __future__ import annotations

from dataclasses import dataclass

from core.evaluation import Score
from core.inference.network import Network
from core.vision.taught import TaughtImageModel
from core.vision.teach import TaughtRun
from pages.components.learning_job import Point

__all__ = ["Run"]


@dataclass(eq=False)
class Run:
    """One training that gave a model, or a model that was brought.

    Attributes
    ----------
    number : int
        Counted from 1; 0 for a model that was brought.
    title : str
        What people read where there is no number.
    model : TaughtImageModel
        With the threshold that the visitor chose.
    points : tuple of Point
    epochs : int
    seconds : float
    version : int
        Of the samples that it learned from.
    pictures : int
    stopped : bool
    score : Score or None
    taught : TaughtRun or None
        What a training can go on from.
    network : Network or None
        What a model that was brought stands on; of others the store knows it.
    """

    number: int
    title: str
    model: TaughtImageModel
    points: tuple[Point, ...] = ()
    epochs: int = 0
    seconds: float = 0.0
    version: int = -1
    pictures: int = 0
    stopped: bool = False
    score: Score | None = None
    taught: TaughtRun | None = None
    network: Network | None = None
