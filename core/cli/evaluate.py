"""``python -m core evaluate``: measure a speech model on folders of recordings."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from core.cli.progress import show_bytes
from core.speech.evaluate import Evaluation, evaluate_folder
from core.speech.store import load_model

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    parser.add_argument(
        "folder",
        type=Path,
        metavar="FOLDER",
        help="holds one folder a word with recordings of one second; _background_noise_ or "
        "_silence_ for noise, words that the model lacks count as unknown",
    )
    parser.add_argument(
        "--model",
        metavar="MODEL",
        help="id, folder, model.json, zip or address (the default model)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace) -> int:
    """Judge the model and print the figures.

    Returns
    -------
    int
        0 when all went well, 1 when some files could not be read.

    Raises
    ------
    TeachdeckError
        If the folder or the model cannot be used.
    """
    model = load_model(arguments.model, progress=show_bytes)
    result = evaluate_folder(model, arguments.folder, progress=_show)
    for name, error in result.failed:
        print(f"{name}: {error.message}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(_document(result), indent=2, ensure_ascii=False))
    else:
        print(_text(result))
    return 1 if result.failed else 0


def _document(result: Evaluation) -> dict[str, object]:
    document = asdict(result)
    del document["failed"]
    return document


def _text(result: Evaluation) -> str:
    lines = [
        f"{result.count} clips",
        f"words named rightly      {_percent(result.word_accuracy)}",
        f"mean of the words        {_percent(result.word_accuracy_macro)}",
        f"other words as unknown   {_percent(result.unknown_recall)}",
        f"noise as noise           {_percent(result.noise_recall)}",
        "",
        f"{'word':<16} {'clips':>6} {'recall':>8} {'precision':>10}",
    ]
    lines += [
        f"{word:<16} {score.count:>6} {_percent(score.recall):>8} {_percent(score.precision):>10}"
        for word, score in result.per_word.items()
    ]
    lines += [
        f"{word:<16} {'':>6} {_percent(recall):>8}   as unknown"
        for word, recall in result.unknown_recall_by_word.items()
    ]
    return "\n".join(lines)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _show(done: int, of: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done} of {of} files", end="\n" if done == of else "", file=sys.stderr)
