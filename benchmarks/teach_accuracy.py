"""How well a folder of labelled pictures is learned, from few of them and from all.

    .venv/bin/python -m benchmarks.teach_accuracy FOLDER [--test FOLDER] [--strangers FOLDER]

FOLDER is one of class folders or of files named ``class-1.jpg``. Prints the default head's
accuracy with 5 pictures a class (mean and least of 20 draws, the rest as test, exact duplicates
of what was learned left out), the article's preset in k-fold over 5 seeds, what both say about the
test pictures when taught all, and how many strangers they reject. Every network that is on this
machine takes part.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.datasets.folders import read_picture_folder
from core.datasets.samples import Quota, SampleSet, SampleSnapshot
from core.home import teachdeck_home, user_model_folders
from core.pretrained.store import ModelStore
from core.vision.features import FeatureCache, picture_features
from core.vision.settings import PRESETS, TeachSettings
from core.vision.teach import TaughtRun, teach_pictures
from core.worker import KerasWorker

FEW = 5
DRAWS = 20
SEEDS = 5


class _Bench:
    """One network with everything that its trainings share."""

    def __init__(self, snapshot: SampleSnapshot, model_id: str, worker: KerasWorker) -> None:
        self.store = ModelStore(teachdeck_home(), user_model_folders())
        self.snapshot, self.model_id, self.worker = snapshot, model_id, worker
        self.cache = FeatureCache(limit_bytes=512_000_000)

    def teach(self, snapshot: SampleSnapshot, settings: TeachSettings) -> TaughtRun:
        return teach_pictures(
            snapshot, settings, store=self.store, worker=self.worker, cache=self.cache
        )

    def few(self, draw: int) -> tuple[float, float]:
        """Return accuracy on the rest after learning a few of each class, and rejected share."""
        generator = np.random.default_rng(draw)
        taken = []
        for label in self.snapshot.classes:
            members = self.snapshot.of(label)
            taken += [members[int(at)] for at in generator.permutation(len(members))[:FEW]]
        settings = replace(TeachSettings.default(self.model_id), check=False, seed=draw)
        run = self.teach(SampleSnapshot(self.snapshot.classes, tuple(taken)), settings)
        seen = {sample.digest for sample in taken}
        rest = [sample for sample in self.snapshot.samples if sample.digest not in seen]
        features = picture_features(rest, run.model.backbone, self.cache)
        probabilities, _, rejected = run.model.judge(features)
        answers = [self.snapshot.classes[at] for at in probabilities.argmax(axis=1)]
        right = [answer == sample.label for answer, sample in zip(answers, rest, strict=True)]
        return float(np.mean(right)), float(rejected.mean())


def _paths(folder: Path | None) -> list[Path]:
    return [] if folder is None else sorted(path for path in folder.iterdir() if path.is_file())


def _tested(run: TaughtRun, paths: Sequence[Path]) -> str:
    """Return what is right of files named for their class, as "android.jpg apple8.0.jpeg"."""
    right = rejected = 0
    for path in paths:
        answer = run.model.predict(path)
        right += path.name.startswith(answer.label)
        rejected += answer.rejected
    return f"{right} of {len(paths)} ({rejected} rejected)"


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--strangers", type=Path)
    arguments = parser.parse_args()
    samples = SampleSet(Quota(samples=20_000, bytes=1_000_000_000))
    samples.add_many(read_picture_folder(arguments.folder).samples)
    snapshot = samples.snapshot()
    store = ModelStore(teachdeck_home(), user_model_folders())
    on_disk = [s.model_id for s in store.entries() if s.state in ("ready", "on_disk")]
    with KerasWorker() as worker:
        for model_id in on_disk:
            start = time.monotonic()
            bench = _Bench(snapshot, model_id, worker)
            draws = [bench.few(draw) for draw in range(DRAWS)]
            accuracy = [share for share, _ in draws]
            rejected = np.mean([share for _, share in draws])
            print(
                f"{model_id}: default head, {FEW} pictures a class, {DRAWS} draws: "
                f"mean {np.mean(accuracy):.2%}, least {min(accuracy):.2%}; "
                f"{rejected:.1%} of the unseen ones rejected",
                flush=True,
            )
            for name, preset in PRESETS.items():
                scores = []
                for seed in range(SEEDS):
                    run = bench.teach(snapshot, replace(preset(model_id), seed=seed))
                    assert run.score is not None
                    scores.append(run.score.accuracy)
                    strangers = [run.model.predict(p).rejected for p in _paths(arguments.strangers)]
                    print(
                        f"  {name}, seed {seed}: k-fold {run.score.accuracy:.2%}, "
                        f"test {_tested(run, _paths(arguments.test))}, "
                        f"strangers rejected {sum(strangers)} of {len(strangers)}",
                        flush=True,
                    )
                print(f"  {name}: k-fold mean {np.mean(scores):.2%}, least {min(scores):.2%}")
            print(f"  {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
