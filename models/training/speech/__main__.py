"""``python -m models.training.speech``: every step from the recordings to ``models/speech``."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from models.training.speech import recipe
from models.training.speech.corpus import Corpus, build_corpus


def _corpus(work: Path, data: Path) -> None:
    build_corpus(data, work, seed=recipe.SEED)


def _banks(work: Path, data: Path) -> None:
    from models.training.speech.bank import build_banks

    print(build_banks(data, work, seed=recipe.SEED))


def _base(work: Path, data: Path) -> None:
    from models.training.speech.train import train
    from models.training.speech.watch import Watched, watcher

    plan = recipe.base_plan(Corpus(work))
    train(work, work / "runs" / "base", plan, watch=watcher(Watched(data, work)))


def _final(work: Path, data: Path) -> None:
    from models.training.speech.train import train
    from models.training.speech.watch import Watched, watcher

    plan = recipe.final_plan(work / "runs" / "base" / "average.weights.h5")
    train(work, work / "runs" / "final", plan, watch=watcher(Watched(data, work)))


def _export(work: Path, data: Path) -> None:
    from models.training.speech.publish import publish

    publish(work, recipe.MODEL, run=work / "runs" / "streams")


STEPS: dict[str, tuple[Callable[[Path, Path], None], str]] = {
    "corpus": (_corpus, "read the recordings and let the voices speak (2 min)"),
    "banks": (_banks, "rooms, speeds and noises, as spectrograms (4 min)"),
    "base": (_base, "the first stage, without the speakers of scarce words (45 min)"),
    "final": (_final, "the second stage, with everybody of the training part (25 min)"),
    "export": (_export, "thresholds from validation, and the files of models/speech (1 min)"),
}


def main() -> None:
    """Run the steps that are named, or all of them; what is complete is not made again."""
    parser = argparse.ArgumentParser(
        prog="python -m models.training.speech",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"  {name:8} {about}" for name, (_, about) in STEPS.items()),
    )
    parser.add_argument("steps", nargs="*", choices=[*STEPS, []], help="all but the measurements")
    parser.add_argument("--data", type=Path, default=recipe.DATA, help="the recordings")
    parser.add_argument("--work", type=Path, default=recipe.work_folder(), help="working folder")
    arguments = parser.parse_args()
    for name in arguments.steps or list(STEPS):
        started = time.time()
        print(f"== {name}", flush=True)
        STEPS[name][0](arguments.work, arguments.data)
        print(f"== {name}: {(time.time() - started) / 60:.1f} min", flush=True)


if __name__ == "__main__":
    main()
