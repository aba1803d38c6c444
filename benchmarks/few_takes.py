"""How well a few takes teach words: our heads beside plain logistic regression on the embedding.

    python -m benchmarks.few_takes /folder/with/speech/and/slider [--model MODEL] [--draws N]

Prints the accuracy of words with 5 takes each (mean of the draws), and how long a score takes.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from core.speech.examples import Example, read_examples
from core.speech.labels import is_noise
from core.speech.store import load_model
from core.speech.teach import COPIES, score_words, teach_words
from core.speech.trunk import TakeFeatures, WordTrunk, listening_front_end
from core.speech.word_files import read_word_folder

TAKES = 5


def _draw(labels: Sequence[str], seed: int, takes: int = TAKES) -> NDArray[np.bool_]:
    chosen = np.zeros(len(labels), np.bool_)
    generator = np.random.default_rng(seed)
    for label in dict.fromkeys(labels):
        own = np.array([at for at, other in enumerate(labels) if other == label])
        chosen[generator.permutation(own)[:takes]] = True
    return chosen


class Bench:
    """A base model, its trunk, and the features of takes that are known."""

    def __init__(self, model: str | None) -> None:
        self.base = load_model(model)
        self.trunk = WordTrunk.of(self.base)
        self.kept = TakeFeatures()

    def _ours(self, examples: Sequence[Example], chosen: NDArray[np.bool_], head: str) -> float:
        learned = [example for example, take in zip(examples, chosen, strict=True) if take]
        rest = [example for example, take in zip(examples, chosen, strict=True) if not take]
        rest = [example for example in rest if not is_noise(example.label)]
        taught = teach_words(
            learned, self.base, head=head, kept=self.kept, scored=False, trunk=self.trunk
        )
        found = self._kept_plain(rest) @ self._kernel(taught.model) + self._bias(taught.model)
        labels = taught.model.labels
        right = [
            labels[at] == example.label
            for at, example in zip(found.argmax(axis=1), rest, strict=True)
        ]
        return float(np.mean(right))

    def _kept_plain(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        return self.trunk.take_features(examples, copies=COPIES, seed=0, kept=self.kept)[:, 0]

    def _kernel(self, model: object) -> NDArray[np.float32]:
        return model.network.node("NewHeadDense/linear").weights["kernel"]  # type: ignore[attr-defined,no-any-return]

    def _bias(self, model: object) -> NDArray[np.float32]:
        return model.network.node("NewHeadDense/linear").weights["bias"]  # type: ignore[attr-defined,no-any-return]

    def _plain(
        self, embedding: NDArray[np.float32], labels: Sequence[str], chosen: NDArray[np.bool_]
    ) -> float:
        named = np.array(labels)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = LogisticRegression(max_iter=200).fit(embedding[chosen], named[chosen])
        words = ~chosen & ~np.array([is_noise(label) for label in labels])
        return float(np.mean(fitted.predict(embedding[words]) == named[words]))

    def row(self, title: str, sets: Sequence[tuple[Sequence[Example], NDArray[np.bool_]]]) -> None:
        """Print one row: accuracy of words by head, mean of the sets."""
        heads = {
            head: [self._ours(e, c, head) for e, c in sets] for head in ("linear", "prototype")
        }
        # One speaker after the other: each set of takes is embedded once.
        known: dict[int, NDArray[np.float32]] = {}
        plain = []
        for examples, chosen in sets:
            if id(examples) not in known:
                windows = np.stack([self.trunk.window(e) for e in examples])[..., np.newaxis]
                known[id(examples)] = self.base.embed(windows)
            labels = [example.label for example in examples]
            plain.append(self._plain(known[id(examples)], labels, chosen))
        print(
            f"{title:<42} linear {np.mean(heads['linear']):.4f}   "
            f"prototype {np.mean(heads['prototype']):.4f}   plain {np.mean(plain):.4f}",
            flush=True,
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--speakers", type=int, default=10)
    arguments = parser.parse_args()
    bench = Bench(arguments.model)
    for name in ("slider/data.bin", "slider/others/second_voice.bin"):
        examples = read_examples(arguments.data / name).examples
        labels = [example.label for example in examples]
        bench.row(name, [(examples, _draw(labels, seed)) for seed in range(arguments.draws)])
    examples = read_examples(arguments.data / "slider/data.bin").examples
    score_words(examples, bench.trunk, bench.kept)
    start_s = time.perf_counter()
    score_words(examples, bench.trunk, bench.kept)
    whole_s = time.perf_counter() - start_s
    start_s = time.perf_counter()
    bench.trunk.take_features(examples[:1], copies=COPIES, seed=1, kept=TakeFeatures())
    print(
        f"score of 30 takes {whole_s:.3f} s, and {time.perf_counter() - start_s:.3f} s "
        "for the features of the take that was added"
    )
    _arabic(bench, arguments)


def _arabic(bench: Bench, arguments: argparse.Namespace) -> None:
    folder = arguments.data / "speech" / "arabic"
    front_end = listening_front_end(bench.base)
    found = read_word_folder(folder, front_end).examples
    names = [path.name for path in _files(folder)]
    speakers = [name.split("_")[0] for name in names]
    groups = sorted(set(speakers))[: arguments.speakers]
    same, across = [], []
    for speaker in groups:
        own = [e for e, s in zip(found, speakers, strict=True) if s == speaker]
        labels = [example.label for example in own]
        same += [(own, _draw(labels, seed)) for seed in range(max(1, arguments.draws // 10))]
        across.append((found, np.array([s == speaker for s in speakers])))
    bench.row("arabic, 5 takes, same speaker", same)
    bench.row("arabic, one speaker, the other nine", across)


def _files(folder: Path) -> list[Path]:
    return [
        file
        for word in sorted(folder.iterdir())
        if word.is_dir()
        for file in sorted(word.iterdir())
    ]


if __name__ == "__main__":
    main()
