"""``python -m core predict``: say what is in pictures, with a pretrained or a taught model."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from core.errors import TeachdeckError, UsageError
from core.home import teachdeck_home, user_model_folders
from core.pretrained.store import ModelStore
from core.vision.classify import Classification, ImageClassifier, NamedResult, Prediction
from core.vision.taught import TaughtImageModel, TaughtPrediction, TaughtResult

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="JPEG, PNG, WebP, GIF or BMP")
    parser.add_argument(
        "--model",
        metavar="ID",
        help="id of the model (default: the first), or a file or folder of a taught one",
    )
    parser.add_argument(
        "--top",
        type=int,
        default=5,
        metavar="N",
        help="predictions a picture (5); a taught model always names all of its classes",
    )
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
    if model_id not in known and Path(model_id).exists():
        return _run_taught(store, Path(model_id), arguments)
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


def _run_taught(store: ModelStore, path: Path, arguments: argparse.Namespace) -> int:
    """Predict with a taught model: every class is listed, rejection is said apart."""
    # Readers of other programs' models are needed here only.
    from core.vision.saved import load_taught_model

    results: Iterable[TaughtResult]
    try:
        model: TaughtImageModel = load_taught_model(path, store)
    except TeachdeckError as error:
        results = [TaughtResult(name, error=error) for name in arguments.files]
    else:
        results = model.predict_many(arguments.files)
    document = []
    failed = False
    for result in results:
        failed = failed or result.error is not None
        name = _printable(result.name)
        if result.error is not None:
            print(f"{name}: {result.error.message}", file=sys.stderr)
        if result.prediction is not None:
            for note in result.prediction.image.notes:
                print(f"{name}: {note.message}", file=sys.stderr)
        if arguments.json:
            document.append(_taught_entry(result, str(path)))
        elif result.prediction is not None:
            print(_taught_text(result.name, result.prediction), flush=True)
    if arguments.json:
        print(json.dumps(document, indent=2, ensure_ascii=False))
    return 1 if failed else 0


def _taught_entry(result: TaughtResult, model: str) -> dict[str, object]:
    if result.prediction is None:
        return {"file": result.name, "error": result.error.message if result.error else ""}
    return {
        "file": result.name,
        "model": model,
        "predictions": _listed(result.prediction.predictions),
        "rejected": result.prediction.rejected,
        "familiarity": result.prediction.familiarity,
    }


def _taught_text(name: str, prediction: TaughtPrediction) -> str:
    lines = [_printable(name)]
    if prediction.rejected:
        lines.append("  none of these; the nearest would be:")
    width = max(len(entry.label) for entry in prediction.predictions)
    for entry in prediction.predictions:
        lines.append(f"  {_printable(entry.label):<{width}}  {entry.probability:7.2%}")
    return "\n".join(lines)


def _listed(predictions: Iterable[Prediction]) -> list[dict[str, object]]:
    return [{"label": entry.label, "probability": entry.probability} for entry in predictions]


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
        "predictions": _listed(result.classification.predictions),
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
