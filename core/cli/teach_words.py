"""``python -m core teach-words``: teach words from recordings and save the model."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.cli.progress import show_bytes
from core.errors import Note, UsageError
from core.speech.examples import Example
from core.speech.exports import ExportOptions, export_words
from core.speech.labels import is_noise, word_indices
from core.speech.model import SpeechModel
from core.speech.store import load_model
from core.speech.teach import TaughtWords, teach_words
from core.speech.train_words import TfjsSettings, teach_as_tfjs
from core.speech.trunk import WordTrunk, listening_front_end
from core.speech.word_files import read_word_folder
from core.speech.word_head import HEADS

__all__ = ["add_arguments", "run"]

_PRESETS = ("few", "tfjs")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    parser.add_argument(
        "source",
        type=Path,
        metavar="SOURCE",
        help="a folder with a folder of recordings for each word (_background_noise_ is noise), "
        "a zip of it, or a data.bin",
    )
    parser.add_argument("--out", type=Path, metavar="ZIP", help="where the model goes")
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")
    parser.add_argument(
        "--preset",
        choices=_PRESETS,
        default="few",
        help="few: a linear head on augmented takes, at once; tfjs: as the original trains (few)",
    )
    parser.add_argument("--head", choices=tuple(HEADS), default="linear", help="of few (linear)")
    parser.add_argument("--epochs", type=int, default=30, metavar="N", help="of tfjs (30)")
    parser.add_argument(
        "--takes", type=int, metavar="N", help="learn from N random takes a word, test on the rest"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of all random draws (0)")
    parser.add_argument("--model", metavar="MODEL", help="the base model (the default model)")
    parser.add_argument(
        "--no-other-speech",
        dest="other_speech",
        action="store_false",
        help="learn only the words and noise, so that other speech is taken for a word",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace) -> int:
    """Teach, save, and print how well the words are told apart.

    Returns
    -------
    int
        0 when the model was taught, 1 when some recordings could not be used.

    Raises
    ------
    TeachdeckError
        If the recordings, the base model or an option cannot be used.
    """
    if arguments.takes is not None and arguments.takes < 1:
        raise UsageError("words.takes", takes=arguments.takes)
    if arguments.out is not None and arguments.out.exists() and not arguments.overwrite:
        raise UsageError("words.output_exists", path=str(arguments.out)[:200])
    base = load_model(arguments.model, progress=show_bytes)
    found = read_word_folder(arguments.source, listening_front_end(base))
    for name, error in found.skipped:
        print(f"{name}: {error.message}", file=sys.stderr)
    learned, rest, notes = _drawn(found.examples, arguments.takes, arguments.seed)
    start_s = time.monotonic()
    if arguments.preset == "tfjs":
        settings = TfjsSettings(
            epochs=arguments.epochs, seed=arguments.seed, other_speech=arguments.other_speech
        )
        taught = teach_as_tfjs(learned, base, settings)
    else:
        taught = teach_words(
            learned,
            base,
            head=arguments.head,
            seed=arguments.seed,
            other_speech=arguments.other_speech,
        )
    document = _document(taught, learned, rest, base, drawn=arguments.takes is not None)
    document["seconds"] = round(time.monotonic() - start_s, 3)
    if arguments.out is not None:
        options = ExportOptions(name=arguments.out.stem)
        export = export_words(taught.model, "tfjs", options=options)
        arguments.out.write_bytes(export.zip_bytes())
    if document["accuracy"] is None:
        notes.append(Note("words.note_no_take_left"))
    for note in (*found.notes, *notes, *taught.notes):
        print(note.message, file=sys.stderr)
    print(json.dumps(document, ensure_ascii=False) if arguments.json else _text(document))
    return 1 if found.skipped else 0


def _drawn(
    examples: Sequence[Example], takes: int | None, seed: int
) -> tuple[list[Example], list[Example], list[Note]]:
    """Return the takes to learn from, those to test on, and what should be known."""
    if takes is None:
        return list(examples), [], []
    generator = np.random.default_rng(seed)
    learned: set[int] = set()
    notes = []
    for label in dict.fromkeys(example.label for example in examples):
        own = [at for at, example in enumerate(examples) if example.label == label]
        if len(own) < takes:
            notes.append(Note("words.note_fewer_takes", {"label": label, "count": len(own)}))
        learned.update(int(at) for at in generator.permutation(own)[:takes])
    return (
        [example for at, example in enumerate(examples) if at in learned],
        [example for at, example in enumerate(examples) if at not in learned],
        notes,
    )


def _document(
    taught: TaughtWords,
    learned: Sequence[Example],
    rest: Sequence[Example],
    base: SpeechModel,
    *,
    drawn: bool,
) -> dict[str, object]:
    labels = taught.model.labels
    words = [labels[at] for at in word_indices(labels)]
    counts = Counter(example.label for example in learned)
    if rest:
        trunk = WordTrunk.of(base)
        windows = np.stack([trunk.window(example) for example in rest])[..., np.newaxis]
        best = taught.model.run(windows).scores.argmax(axis=1)
        pairs = Counter((example.label, labels[at]) for example, at in zip(rest, best, strict=True))
        method = "held out"
    elif taught.score is not None and not drawn:
        score = taught.score.score
        pairs = Counter(
            {
                (label, said): score.confusion[row][column]
                for row, label in enumerate(score.labels)
                for column, said in enumerate(score.labels)
            }
        )
        method = score.method
    else:
        pairs, method = Counter(), "none"
    return {
        "words": words,
        "takes": {label: counts[label] for label in labels if counts[label]},
        "accuracy": _share(pairs, words),
        "noise_recall": _share(pairs, [label for label in labels if is_noise(label)]),
        "confusion": {label: {said: pairs[label, said] for said in labels} for label in labels},
        "seconds": 0.0,
        "method": method,
    }


def _share(pairs: Counter[tuple[str, str]], labels: Sequence[str]) -> float | None:
    count = sum(number for (label, _), number in pairs.items() if label in labels)
    right = sum(pairs[label, label] for label in labels)
    return right / count if count else None


def _text(document: dict[str, object]) -> str:
    takes, confusion = document["takes"], document["confusion"]
    lines = [
        f"words rightly named  {_percent(document['accuracy'])}  ({document['method']})",
        f"noise as noise       {_percent(document['noise_recall'])}",
        f"seconds              {document['seconds']}",
        "",
    ]
    if isinstance(takes, dict) and isinstance(confusion, dict):
        for label, count in takes.items():
            said = {name: number for name, number in confusion[label].items() if number}
            heard = ", ".join(f"{name} {number}" for name, number in said.items())
            lines.append(f"{label:<20} {count:>4} takes   heard as: {heard or '-'}")
    return "\n".join(lines)


def _percent(share: object) -> str:
    return f"{share:.1%}" if isinstance(share, float) else "-"
