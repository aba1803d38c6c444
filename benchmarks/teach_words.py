"""Teaching words: the training of the original here and under Node, and our quick score.

    python -m benchmarks.teach_words data.bin [--epochs N]

data.bin holds the takes, 30 are usual. Prints a table; times are of one run, and the first
training of each kind is told apart from the next one.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from core.speech.examples import Example, read_examples
from core.speech.exports import export_words
from core.speech.model import SpeechModel
from core.speech.store import load_model
from core.speech.teach import teach_words
from core.speech.train_words import TfjsSettings, teach_as_tfjs
from core.speech.trunk import TakeFeatures, WordTrunk
from core.worker import KerasWorker

_NODE = Path(__file__).with_name("teach_words_node.mjs")


def _row(what: str, taken_s: float) -> None:
    print(f"| {what} | {taken_s:.2f} |", flush=True)


def _timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _trainings(examples: Sequence[Example], base: SpeechModel, epochs: int) -> None:
    """Print the times of trainings in the warm worker, with a curve of every epoch."""
    with KerasWorker() as worker:
        worker.warm()
        while worker.state != "ready":
            time.sleep(0.1)
        for other_speech in (False, True):
            settings = TfjsSettings(epochs=epochs, other_speech=other_speech)
            what = "with other speech" if other_speech else "the takes alone"
            for turn in ("first", "next"):
                curve: list[object] = []

                def train(settings: TfjsSettings = settings, seen: list[object] = curve) -> None:
                    teach_as_tfjs(examples, base, settings, worker=worker, progress=seen.append)

                taken_s = _timed(train)
                assert len(curve) == epochs, "an epoch was not reported"
                _row(f"Teachdeck, warm worker, {what}, {turn}", taken_s)


def _node(base: SpeechModel, data: Path, epochs: int, folder: Path) -> None:
    """Print the times of the original library's ``train``."""
    if shutil.which("node") is None:
        return
    for name, content in export_words(base, "tfjs").files.items():
        (folder / name).write_bytes(content)
    for backend in ("wasm", "cpu"):
        command = ["node", str(_NODE), str(folder), str(data), str(epochs), backend]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode:
            reason = run.stderr.strip().splitlines()[-1:]
            print(f"{backend} failed: {reason}", file=sys.stderr)
            continue
        seconds = json.loads(run.stdout.strip().splitlines()[-1])["seconds"]
        for turn, taken_s in zip(("first", "next"), seconds, strict=True):
            _row(f"speech-commands 0.5.4 under Node, {backend}, {turn}", taken_s)
        # The other one is many times slower.
        return


def _scores(examples: Sequence[Example], base: SpeechModel) -> None:
    """Print the times of our own head and its score after a take was added."""
    trunk, kept = WordTrunk.of(base), TakeFeatures()
    for what, taken in (
        ("first, nothing known", examples[:-1]),
        ("one take more", examples),
        ("nothing new", examples),
    ):

        def teach(taken: Sequence[Example] = taken) -> None:
            teach_words(taken, base, kept=kept, trunk=trunk)

        _row(f"Teachdeck, our head and its score, {what}", _timed(teach))


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--model")
    arguments = parser.parse_args()
    examples = read_examples(arguments.data).examples
    base = load_model(arguments.model)
    print(f"{len(examples)} takes, {arguments.epochs} epochs; {base.title}\n")
    print("| what | s |\n|---|---|")
    _scores(examples, base)
    _trainings(examples, base, arguments.epochs)
    with tempfile.TemporaryDirectory() as name:
        _node(base, arguments.data, arguments.epochs, Path(name))


if __name__ == "__main__":
    main()
