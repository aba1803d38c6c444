"""``python -m core teach``: teach the classes of a folder of pictures, and save the model."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.datasets.folders import read_picture_folder, read_picture_zip
from core.datasets.pictures import check_pictures
from core.datasets.samples import NewSample, Quota, SampleSet
from core.errors import Note, TeachdeckError, UsageError
from core.home import teachdeck_home, user_model_folders
from core.imaging.decode import decode_image
from core.pretrained.store import ModelStore
from core.vision.features import FeatureCache
from core.vision.saved import save_taught_model
from core.vision.settings import PRESETS, TeachSettings
from core.vision.teach import TaughtRun, TeachProgress, teach_pictures
from core.worker import KerasWorker

__all__ = ["add_arguments", "run"]

_QUOTA = Quota(samples=20_000, bytes=1_000_000_000, classes=1000)
# Options that replace a value of the preset, by their name in the settings.
_NUMBERS = {
    "epochs": int,
    "batch_size": int,
    "learning_rate": float,
    "hidden_units": int,
    "validation_share": float,
    "augmentation": int,
    "seed": int,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    parser.add_argument(
        "folder",
        type=Path,
        help="a folder (or zip) of one folder a class, or of files named class-1.jpg",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="such as model.zip")
    parser.add_argument("--preset", choices=list(PRESETS), default="default")
    parser.add_argument("--backbone", metavar="ID", help="id of the network (default: the first)")
    parser.add_argument("--layer", help="layer of the network that is read")
    pooling = parser.add_mutually_exclusive_group()
    pooling.add_argument("--pooled", action="store_true", default=None, dest="pooled")
    pooling.add_argument("--flatten", action="store_false", default=None, dest="pooled")
    for name, kind in _NUMBERS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar="N")
    parser.add_argument(
        "--with-samples", action="store_true", help="keep the pictures in the file too"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace) -> int:
    """Teach, save, and print how good the model is.

    Returns
    -------
    int
        0 when all went well, 1 when some files could not be used.

    Raises
    ------
    TeachdeckError
        If nothing could be taught.
    """
    start_s = time.monotonic()
    out: Path = arguments.out
    if out.exists() and (out.is_dir() or not arguments.overwrite):
        raise UsageError("teach.output_exists", path=str(out))
    if not out.resolve().parent.is_dir():
        raise UsageError("teach.output_folder", path=str(out))
    store = ModelStore(teachdeck_home(), user_model_folders())
    settings = _settings(arguments, store)
    with KerasWorker() as worker:
        worker.warm()
        samples, skipped = _samples(arguments.folder)
        cache = FeatureCache(limit_bytes=512_000_000)
        snapshot = samples.snapshot()
        run_ = teach_pictures(
            snapshot,
            settings,
            store=store,
            worker=worker,
            cache=cache,
            report=None if arguments.json else _show_progress,
        )
    warnings = [Note(entry.code, entry.fields).message for entry in check_pictures(snapshot, cache)]
    document = _document(run_, skipped, warnings, time.monotonic() - start_s)
    results = {key: value for key, value in document.items() if key != "skipped"}
    kept = snapshot if arguments.with_samples else None
    content = save_taught_model(run_.model, samples=kept, results=results)
    try:
        out.write_bytes(content)
    except OSError as error:
        raise UsageError(
            "teach.output_unwritable", path=str(out), reason=error.strerror or ""
        ) from error
    if arguments.json:
        print(json.dumps({**document, "model": str(out)}, ensure_ascii=False, indent=2))
    else:
        _print(run_, document, out)
    return 1 if skipped else 0


def _settings(arguments: argparse.Namespace, store: ModelStore) -> TeachSettings:
    backbone_id = arguments.backbone or store.default_id()
    known = [status.model_id for status in store.entries()]
    if backbone_id not in known:
        raise UsageError("vision.unknown_model", model=backbone_id, known=", ".join(known))
    settings = PRESETS[arguments.preset](backbone_id)
    changed: dict[str, Any] = {
        name: getattr(arguments, name)
        for name in ("layer", "pooled", *_NUMBERS)
        if getattr(arguments, name) is not None
    }
    return replace(settings, **changed)


def _samples(source: Path) -> tuple[SampleSet, list[dict[str, str]]]:
    """Return the pictures that can be decoded, and what was left out with the reason."""
    if source.is_file():
        report = read_picture_zip(source.read_bytes(), name=source.name)
    else:
        report = read_picture_folder(source)
    skipped = [(name, error.message) for name, error in report.skipped]
    good: list[NewSample] = []
    for sample in report.samples:
        try:
            decode_image(sample.content, min_side_px=64)
        except TeachdeckError as error:
            skipped.append((f"{sample.label}/{sample.name}", error.message))
        else:
            good.append(sample)
    samples = SampleSet(_QUOTA)
    labels = sorted({sample.label for sample in report.samples})
    samples.replace_all(labels, good)
    for name, reason in skipped:
        print(f"{_printable(name)}: {reason}", file=sys.stderr)
    return samples, [{"file": name, "error": reason} for name, reason in skipped]


def _document(
    run_: TaughtRun, skipped: list[dict[str, str]], warnings: list[str], seconds: float
) -> dict[str, Any]:
    head, score = run_.model.head, run_.score
    last = run_.curve[-1]
    document: dict[str, Any] = {
        "accuracy": None if score is None else score.accuracy,
        "interval": None if score is None else list(score.interval),
        "classes": list(head.labels),
        "counts": dict(head.trained_on["counts"]),
        "seconds": round(seconds, 3),
        "method": None if score is None else score.method,
        "folds": None if score is None else score.folds,
        "confusion": None if score is None else [list(row) for row in score.confusion],
        "backbone": head.backbone_id,
        "layer": head.layer,
        "parameters": head.parameters,
        "epochs": run_.epochs,
        "loss": last.loss,
        "training_accuracy": last.accuracy,
        "settings": run_.settings.to_dict(),
        "warnings": warnings,
        "skipped": skipped,
    }
    if score is not None and score.calibration is not None:
        document["calibration_error"] = score.calibration.error
        document["advice"] = [note.message for note in score.advice]
    if head.rejection is not None:
        document["rejection_threshold"] = head.rejection.threshold
    return document


def _show_progress(progress: TeachProgress) -> None:
    if not sys.stderr.isatty():
        return
    if progress.point is not None:
        point = progress.point
        text = f"epoch {point.epoch}: loss {point.loss:.3f}, accuracy {point.accuracy:.1%}"
    else:
        text = f"{progress.stage} {progress.part:.0%}"
    print(f"\r{text:<60}", end="\n" if progress.stage == "done" else "", file=sys.stderr)


def _print(run_: TaughtRun, document: dict[str, Any], out: Path) -> None:
    for label, count in document["counts"].items():
        print(f"  {_printable(label)}: {count} pictures")
    if run_.score is not None:
        low, high = run_.score.interval
        print(
            f"accuracy on pictures that were held out: {run_.score.accuracy:.1%} "
            f"(95 % interval {low:.1%} to {high:.1%}, {run_.score.method.replace('_', ' ')})"
        )
    for warning in (*document["warnings"], *document.get("advice", ())):
        print(f"note: {warning}", file=sys.stderr)
    print(f"{out}  {out.stat().st_size:,} bytes, {document['seconds']:.1f} s")


def _printable(name: str) -> str:
    """Return a name without characters that would steer a terminal."""
    return "".join(character if character.isprintable() else "?" for character in name)
