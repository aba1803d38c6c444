"""``python -m core predict``: say what is in pictures."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable

from core.errors import TeachdeckError, UsageError
from core.home import teachdeck_home, user_model_folders
from core.pretrained.store import ModelStore
from core.vision.classify import Classification, ImageClassifier, NamedResult

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="JPEG, PNG, WebP, GIF or BMP")
    parser.add_argument("--model", metavar="ID", help="id of the model (default: the first)")
    parser.add_argument("--top", type=int, default=5, metavar="N", help="predictions a picture (5)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace) -> int:
    """Classify the files and print the answers.

    Returns
    -------
    int
        0 when all went well, 1 when some files failed.

    Raises
    ------
    UsageError
        If there is no such model or `--top` is below 1.
    """
    if arguments.top < 1:
        raise UsageError("vision.top", top=arguments.top)
    store = ModelStore(teachdeck_home(), user_model_folders())
    model_id = arguments.model or store.default_id()
    known = [status.model_id for status in store.entries()]
    if model_id not in known:
        raise UsageError("vision.unknown_model", model=model_id, known=", ".join(known))
    results = _results(store, model_id, arguments)
    for note in store.notes:
        print(note.message, file=sys.stderr)
    document = []
    failed = False
    for result in results:
        failed = failed or result.error is not None
        _tell(result)
        if arguments.json:
            document.append(_entry(result, model_id))
        elif result.classification is not None:
            print(_text(result.name, result.classification), flush=True)
    if arguments.json:
        print(json.dumps(document, indent=2))
    return 1 if failed else 0


def _results(
    store: ModelStore, model_id: str, arguments: argparse.Namespace
) -> Iterable[NamedResult]:
    """Return a result for each file; without the model each has failed with the same error."""
    try:
        classifier = ImageClassifier(store.load(model_id, progress=_show_progress))
    except TeachdeckError as error:
        return [NamedResult(name, error=error) for name in arguments.files]
    return classifier.classify_many(arguments.files, top=arguments.top)


def _show_progress(done_bytes: int, all_bytes: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done_bytes >= all_bytes else ""
        print(f"\r{done_bytes / 1e6:.1f} of {all_bytes / 1e6:.1f} MB", end=end, file=sys.stderr)


def _tell(result: NamedResult) -> None:
    """Write what failed and what should be known to standard error."""
    name = _printable(result.name)
    if result.error is not None:
        print(f"{name}: {result.error.message}", file=sys.stderr)
    if result.classification is not None:
        for note in result.classification.image.notes:
            print(f"{name}: {note.message}", file=sys.stderr)


def _entry(result: NamedResult, model_id: str) -> dict[str, object]:
    if result.classification is None:
        return {"file": result.name, "error": result.error.message if result.error else ""}
    return {
        "file": result.name,
        "model": model_id,
        "predictions": [
            {"label": prediction.label, "probability": prediction.probability}
            for prediction in result.classification.predictions
        ],
    }


def _text(name: str, classification: Classification) -> str:
    lines = [_printable(name)]
    width = max(len(prediction.label) for prediction in classification.predictions)
    for prediction in classification.predictions:
        lines.append(f"  {prediction.label:<{width}}  {prediction.probability:7.2%}")
    return "\n".join(lines)


def _printable(name: str) -> str:
    """Return a file's name without characters that would steer a terminal."""
    return "".join(character if character.isprintable() else "?" for character in name)
