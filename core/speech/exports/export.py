"""What an export format of words is; what exporting gives back is as for pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from core.speech.exports.source import WordModel
from core.vision.exports.export import (
    GOLDEN_TOLERANCE,
    Export,
    ExportReport,
    Progress,
    Written,
    run_layers_model,
    zip_bytes,
)

__all__ = [
    "GOLDEN_TOLERANCE",
    "Export",
    "ExportFormat",
    "ExportReport",
    "Progress",
    "Written",
    "check_answers",
    "run_layers_model",
    "zip_bytes",
]


@dataclass(frozen=True)
class ExportFormat:
    """One format: a row of the registry.

    Parameters
    ----------
    id : str
        Stable name, as the command line takes it.
    title : str
        English, for the command line; pages have their own text for the key ``exports.<id>``.
    suffix : str
        Of the file that is downloaded.
    mime : str
        Its type.
    write : callable
        ``write(model, progress)`` returns a :class:`Written`.
    predict_bytes : callable
        ``predict_bytes(model)`` returns about how large the download will be.
    needs_keras : bool
        Whether a process with TensorFlow is started, which takes 10 to 20 s.
    """

    id: str
    title: str
    suffix: str
    mime: str
    write: Callable[[WordModel, Progress], Written]
    predict_bytes: Callable[[WordModel], int]
    needs_keras: bool = False


def check_answers(model: WordModel, answers: NDArray[np.float32]) -> float:
    """Return the largest difference from the model's own answers to the golden sounds.

    Parameters
    ----------
    model : WordModel
    answers : ndarray of float32, shape (n, labels)

    Returns
    -------
    float

    Raises
    ------
    ModelError
        If it is above :data:`GOLDEN_TOLERANCE`, or the answers are not numbers of this shape.
    """
    expected = model.golden_answers
    if answers.shape != expected.shape or not np.isfinite(answers).all():
        raise ModelError(
            "export.other_answers",
            expected=f"{list(expected.shape)}",
            received=f"{list(answers.shape)}",
        )
    difference = float(np.abs(answers.astype(np.float64) - expected).max())
    if difference > GOLDEN_TOLERANCE:
        raise ModelError("export.differs", difference=difference, allowed=GOLDEN_TOLERANCE)
    return difference
