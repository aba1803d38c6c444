"""What the samples promise, worked out in a thread after each change of them."""

from __future__ import annotations

import logging
import secrets
import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.datasets.pictures import SampleWarning, check_pictures
from core.datasets.samples import SampleSet, SampleSnapshot
from core.errors import TeachdeckError
from core.evaluation import Score
from core.linear_model import held_out_logits_by
from core.pretrained.store import ModelStore
from core.vision.evaluate import quick_score
from core.vision.features import FeatureCache, StoppedError, picture_features
from core.worker import ScoreWorker

__all__ = ["Finding", "Study"]


@dataclass(frozen=True)
class Finding:
    """What was found out about one state of the samples.

    Attributes
    ----------
    version : int
        Of the sample set.
    model_id : str
        Whose features were used.
    score : Score or None
    error : TeachdeckError or None
        Why there is no score.
    warnings : tuple of SampleWarning
    """

    version: int
    model_id: str
    score: Score | None = None
    error: TeachdeckError | None = None
    warnings: tuple[SampleWarning, ...] = ()


class Study:
    """Looks at the samples again whenever they, or the network, have changed.

    Parameters
    ----------
    samples : SampleSet
    cache : FeatureCache
    store : ModelStore
    worker : ScoreWorker
    """

    def __init__(
        self, samples: SampleSet, cache: FeatureCache, store: ModelStore, worker: ScoreWorker
    ) -> None:
        self._samples, self._cache, self._store, self._worker = samples, cache, store, worker
        self._lock = threading.Lock()
        self._wanted: tuple[int, str] | None = None
        self._doing: tuple[int, str] | None = None
        self._stop = threading.Event()
        self.running = False
        self.part = 0.0
        self.finding: Finding | None = None
        self.reference = ""

    # Called from any thread.

    def look(self, model_id: str) -> None:
        """See to it that the samples as they are now get looked at with a network."""
        wanted = (self._samples.version, model_id)
        with self._lock:
            if wanted == self._wanted or self._stop.is_set() or not self._samples.counts():
                return
            self._wanted = wanted
            if self.running:
                return
            self.running, self.part = True, 0.0
        threading.Thread(target=self._work, name="study", daemon=True).start()

    def close(self) -> None:
        """Stop looking, for good."""
        self._stop.set()

    # The thread's own.

    def _work(self) -> None:
        done: tuple[int, str] | None = None
        while True:
            with self._lock:
                if self._wanted == done or self._stop.is_set():
                    self.running = False
                    return
                assert self._wanted is not None  # noqa: S101 - set before the thread begins
                done = self._doing = self._wanted
            try:
                self.finding = self._find(self._samples.snapshot(), done[1])
            except StoppedError:
                continue
            except Exception:
                self.reference = secrets.token_hex(4)
                logging.getLogger(__name__).exception("study failed, %s", self.reference)

    def _find(self, snapshot: SampleSnapshot, model_id: str) -> Finding:
        warnings: tuple[SampleWarning, ...] = ()
        try:
            backbone = self._store.load_truncated(model_id)
            features = picture_features(
                snapshot.samples,
                backbone,
                self._cache,
                progress=self._report,
                stopped=self._outdated,
            )
            warnings = check_pictures(snapshot, self._cache, features=features)
            score = quick_score(features, snapshot, self._cache, linear=self._linear)
        except TeachdeckError as error:
            return Finding(snapshot.version, model_id, error=error, warnings=warnings)
        return Finding(snapshot.version, model_id, score, warnings=warnings)

    def _linear(
        self,
        features: NDArray[np.float32],
        targets: NDArray[np.int64],
        folds: NDArray[np.int64],
        classes: int,
    ) -> NDArray[np.float32]:
        logits = held_out_logits_by(
            self._worker, features, targets, folds, classes, stopped=self._outdated
        )
        if self._outdated():
            raise StoppedError
        return logits

    def _outdated(self) -> bool:
        # What was computed stays in the cache, so beginning again costs nothing.
        wanted = self._wanted
        return self._stop.is_set() or (wanted is not None and wanted != self._doing)

    def _report(self, done: int, total: int) -> None:
        self.part = done / max(1, total)
