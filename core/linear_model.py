"""Linear models of small data sets, fitted in a fraction of a second with scikit-learn.

scikit-learn with SciPy takes as much memory as the rest of the server, so there it runs in the
process of a :class:`core.worker.ScoreWorker`.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError, TeachdeckError

if TYPE_CHECKING:
    from core.worker import ScoreWorker
    from core.worker_tasks import Report, Stopped

__all__ = ["held_out_logits", "held_out_logits_by", "held_out_logits_task", "warm_up"]

_C = 10.0
# The logit of a class that no sample of a fold's training part has.
_NEVER = -20.0
# So many samples are fitted as they are; more of them on so many main directions: 2,000 pictures
# take seconds otherwise.
_FEW_SAMPLES = 400
_COORDINATES = 128
_POLL_S = 0.1
Arrays = dict[str, NDArray[Any]]


def held_out_logits(
    features: NDArray[np.float32],
    targets: NDArray[np.int64],
    folds: NDArray[np.int64],
    classes: int,
    *,
    stopped: Callable[[], bool] | None = None,
) -> NDArray[np.float32]:
    """Return what logistic regression says about each sample when fitted without its fold.

    Parameters
    ----------
    features : ndarray of float32, shape (n, d)
        Of about length 1.
    targets : ndarray of int, shape (n,)
        0 to `classes` - 1.
    folds : ndarray of int, shape (n,)
    classes : int
    stopped : callable, optional
        Asked before each fold; once it is true the rest stays NaN.

    Returns
    -------
    ndarray of float32, shape (n, classes)
    """
    # Imported late: a second that only those who teach need to spend.
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    # Matrices so small are done sooner by one thread; measured: 5 times, and 80 on a busy machine.
    with threadpool_limits(1), warnings.catch_warnings():
        # Stopping early costs a little accuracy of a score that is an estimate anyway.
        warnings.simplefilter("ignore")
        reduced = _reduced(features)
        logits = np.full((len(targets), classes), np.nan, np.float32)
        for fold in np.unique(folds):
            if stopped is not None and stopped():
                break
            learned, held = folds != fold, folds == fold
            logits[held] = _NEVER
            present = np.unique(targets[learned])
            if len(present) == 1:
                logits[np.ix_(held, present)] = 0.0
                continue
            model = LogisticRegression(C=_C, max_iter=200).fit(reduced[learned], targets[learned])
            scores = model.decision_function(reduced[held])
            if scores.ndim == 1:
                scores = np.stack([-scores / 2, scores / 2], axis=1)
            logits[np.ix_(held, present)] = scores
    return logits


def held_out_logits_by(
    worker: ScoreWorker,
    features: NDArray[np.float32],
    targets: NDArray[np.int64],
    folds: NDArray[np.int64],
    classes: int,
    *,
    stopped: Callable[[], bool] | None = None,
) -> NDArray[np.float32]:
    """Return the same as :func:`held_out_logits`, computed by another process.

    Parameters
    ----------
    worker : ScoreWorker
    features, targets, folds, classes
        As there.
    stopped : callable, optional
        Asked ten times a second; once it is true what was computed so far is returned, the rest
        NaN.

    Returns
    -------
    ndarray of float32, shape (n, classes)

    Raises
    ------
    ModelError
        If the process failed twice: one that was ended from outside is replaced.
    """
    arrays: Arrays = {"features": features, "targets": targets, "folds": folds}
    nothing = np.full((len(targets), classes), np.nan, np.float32)
    for last in (False, True):
        job = worker.submit("held_out_logits", {"classes": classes}, arrays)
        while not job.wait(_POLL_S):
            if stopped is not None and stopped():
                job.stop()
                return nothing
        try:
            logits: NDArray[np.float32] = job.result()[1]["logits"]
        except TeachdeckError as error:
            if last or error.code != "worker.died":
                raise ModelError("evaluation.no_score", detail=error.message) from error
        else:
            return logits
    return nothing


def held_out_logits_task(
    request: dict[str, Any], arrays: Arrays, report: Report, stopped: Stopped
) -> tuple[dict[str, Any], Arrays]:
    """Do the task of :func:`held_out_logits_by` in the worker process."""
    logits = held_out_logits(
        arrays["features"],
        arrays["targets"],
        arrays["folds"],
        int(request["classes"]),
        stopped=stopped,
    )
    return {"stopped": stopped()}, {"logits": logits}


def warm_up() -> None:
    """Do once what the first job would wait for, in a process of its own."""
    # scikit-learn imports pandas where it finds it, 75 MB, and no table is ever made here.
    sys.modules["pandas"] = None  # type: ignore[assignment]
    importlib.import_module("sklearn.linear_model")
    del sys.modules["pandas"]
    held_out_logits(
        np.eye(4, dtype=np.float32), np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), classes=2
    )


def _reduced(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return fewer coordinates with the same products, or, of many samples, nearly the same."""
    from sklearn.utils.extmath import randomized_svd

    centred: NDArray[np.float64] = (features - features.mean(axis=0)).astype(np.float64)
    if min(centred.shape) > _FEW_SAMPLES:
        left, sizes, _ = randomized_svd(centred, _COORDINATES, random_state=0)
        many: NDArray[np.float64] = left * sizes
        return many
    if len(centred) >= centred.shape[1]:
        return centred
    values, vectors = np.linalg.eigh(centred @ centred.T)
    kept = values > values.max(initial=0) * 1e-12
    reduced: NDArray[np.float64] = vectors[:, kept] * np.sqrt(values[kept])
    return reduced
