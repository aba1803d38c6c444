"""``python -m models.training.speech``: every step from the recordings to ``models/speech``."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from models.training.speech import recipe
from models.training.speech.corpus import Corpus, build_corpus
from models.training.speech.train import Plan


def _corpus(work: Path, data: Path) -> None:
    if not (work / "corpus.tsv").exists():
        build_corpus(data, work, seed=recipe.SEED)


def _banks(work: Path, data: Path) -> None:
    from models.training.speech.bank import build_banks

    if not (work / "noise.tsv").exists():
        print(build_banks(data, work, seed=recipe.SEED))


@cache
def _watch(work: Path, data: Path) -> Callable[[Any], str]:
    from models.training.speech.watch import Watched, watcher

    return watcher(Watched(data, work))


def _stage(work: Path, data: Path, name: str, plan: Plan) -> None:
    from models.training.speech.train import train

    train(work, work / "runs" / name, plan, watch=_watch(work, data))


def _weights(work: Path, name: str) -> Path:
    return work / "runs" / name / "average.weights.h5"


def _base(work: Path, data: Path) -> None:
    _stage(work, data, "base", recipe.base_plan(Corpus(work)))


def _grown(work: Path, data: Path) -> None:
    from models.training.speech.batches import Batches
    from models.training.speech.grow import grow

    began = work / "grown.weights.h5"
    plan = recipe.grown_plan(began)
    if not began.exists():
        windows, _ = Batches(work, seed=plan.seed, size=256, mix=plan.mix).batch(0)
        grow(
            recipe.NETWORK,
            _weights(work, "base"),
            recipe.GROWN,
            recipe.GROWN_LAYER,
            windows,
            began,
            seed=plan.seed,
        )
    _stage(work, data, "grown", plan)


def _heard(work: Path, data: Path) -> None:
    from models.training.speech.hard import FIRST, build_hard
    from models.training.speech.publish import draft

    if not (work / "hard.tsv").exists():
        folder = draft(work, work / "draft", run=work / "runs" / "grown")
        print(build_hard(work, folder, FIRST, seed=recipe.SEED))


def _hard(work: Path, data: Path) -> None:
    _stage(work, data, "hard", recipe.hard_plan(_weights(work, "grown")))


def _heard_again(work: Path, data: Path) -> None:
    from models.training.speech.hard import SECOND, build_hard
    from models.training.speech.publish import draft

    if not (work / "hard_again.tsv").exists():
        folder = draft(work, work / "draft", run=work / "runs" / "hard")
        print(build_hard(work, folder, SECOND, seed=recipe.SEED + 20))


def _again(work: Path, data: Path) -> None:
    _stage(work, data, "again", recipe.again_plan(_weights(work, "hard")))


def _again_longer(work: Path, data: Path) -> None:
    _stage(work, data, "again_longer", recipe.again_longer_plan(_weights(work, "hard")))


def _mean(work: Path, data: Path) -> None:
    from models.training.speech.labels import NOISE, UNKNOWN
    from models.training.speech.weights import mean_of, shift_label

    parts = [_weights(work, name) for name in ("again", "again_longer")]
    mean, out = mean_of(recipe.GROWN, parts, _weights(work, "mean")), _weights(work, "final")
    shift_label(recipe.GROWN, mean, UNKNOWN, recipe.UNKNOWN_SHIFT, out)
    shift_label(recipe.GROWN, out, NOISE, recipe.NOISE_SHIFT, out)


def _negatives(work: Path, *, thresholds: bool) -> None:
    from models.training.speech.streams import build_negatives, negatives_list

    if not negatives_list(work, thresholds=thresholds).exists():
        hours = build_negatives(
            work, thresholds=thresholds, hours=32.0, seed=31, readings=2, processes=2
        )
        print(hours, "hours")


def _other_speech(work: Path, data: Path) -> None:
    _negatives(work, thresholds=True)


def _test_speech(work: Path, data: Path) -> None:
    _negatives(work, thresholds=False)


def _export(work: Path, data: Path) -> None:
    from models.training.speech.publish import publish

    publish(work, data, recipe.MODEL, run=work / "runs" / "final")


def _folds(work: Path, data: Path) -> None:
    from models.training.speech.crossval import cross_validate

    cross_validate(work, _weights(work, "base"))


def _evaluate(work: Path, data: Path) -> None:
    from models.training.speech.evaluate import write_results

    write_results(work, data, recipe.MODEL)


def _card(work: Path, data: Path) -> None:
    from models.training.speech.card import write_card

    write_card(work, recipe.MODEL)


Step = tuple[Callable[[Path, Path], None], str]

# What makes the model. The times are of two quiet cores with AVX-512.
MAKING: dict[str, Step] = {
    "corpus": (_corpus, "read the recordings and let the voices speak (1 min)"),
    "banks": (_banks, "rooms, speeds and noises, as spectrograms (3 min)"),
    "base": (_base, "first stage, without the speakers of scarce words (9 min)"),
    "grown": (_grown, "second stage, everybody, a larger network, in more babble (22 min)"),
    "heard": (_heard, "what it takes for words in 18 hours of other speech (7 min)"),
    "hard": (_hard, "third stage, a third of the unknown is such speech (7 min)"),
    "heard_again": (_heard_again, "what it still takes for words in 18 more (7 min)"),
    "again": (_again, "fourth stage, with that too (8 min)"),
    "again_longer": (_again_longer, "the same with a few more words (12 min)"),
    "mean": (_mean, "the mean of the last two, some of its doubt taken back (5 s)"),
    "other_speech": (_other_speech, "8 hours of running speech for the thresholds (2 min)"),
    "export": (_export, "thresholds, and the files of models/speech (3 min)"),
}
# What measures it.
MEASURING: dict[str, Step] = {
    "folds": (_folds, "scarce words in five folds by speaker (10 min)"),
    "test_speech": (_test_speech, "23 hours of running speech to test on (6 min)"),
    "evaluate": (_evaluate, "the figures, ours and the original's (20 min)"),
    "card": (_card, "the tables of the model card (1 s)"),
}
STEPS = MAKING | MEASURING
_GROUPS = {"make": MAKING, "measure": MEASURING}


# A fifth faster; some processors go without it otherwise. TensorFlow reads it when it is imported.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def main() -> None:
    """Make the model, or run the steps that are named.

    A step that was interrupted goes on where it was, and what is complete is not made again:
    delete its files in the working folder to have it so.
    """
    parser = argparse.ArgumentParser(
        prog="python -m models.training.speech",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(
            f"{group}:\n" + "\n".join(f"  {name:12} {about}" for name, (_, about) in steps.items())
            for group, steps in _GROUPS.items()
        ),
    )
    parser.add_argument(
        "steps",
        nargs="*",
        choices=[*_GROUPS, *STEPS, []],
        help="steps, or make or measure for all of these; make where none is named",
    )
    parser.add_argument("--data", type=Path, default=recipe.DATA, help="the recordings")
    parser.add_argument("--work", type=Path, default=recipe.work_folder(), help="working folder")
    arguments = parser.parse_args()
    names = [step for name in arguments.steps or ["make"] for step in _GROUPS.get(name, [name])]
    began = time.time()
    for name in names:
        started = time.time()
        print(f"== {name}", flush=True)
        STEPS[name][0](arguments.work, arguments.data)
        print(f"== {name}: {(time.time() - started) / 60:.1f} min", flush=True)
    print(f"== all: {(time.time() - began) / 60:.1f} min", flush=True)


if __name__ == "__main__":
    main()
