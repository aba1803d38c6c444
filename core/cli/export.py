"""``python -m core export``: write a taught model of pictures or of words in another format."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.datasets.project import is_project
from core.errors import Note, UsageError
from core.home import teachdeck_home, user_model_folders
from core.pretrained.store import ModelStore
from core.speech import exports as words
from core.speech.read import holds_words, read_speech_model
from core.vision.exports import FORMATS, Export, ExportOptions, export_model, picture_model
from core.vision.imports import import_picture_model
from core.vision.saved import load_taught_model

__all__ = ["add_arguments", "run"]

_BEGINNING_BYTES = 128


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    titles = {row.id: row.title for row in FORMATS.values()}
    for row in words.FORMATS.values():
        titles[row.id] = (
            f"{titles[row.id]} (of words: {row.title})" if row.id in titles else row.title
        )
    listed = "; ".join(f"{name}: {title}" for name, title in titles.items())
    parser.add_argument(
        "model",
        type=Path,
        help="a model that was taught here, a Teachable Machine export, a layers model, a "
        "speech-commands model with its metadata.json, or a head of pictures alone (zip, folder or "
        "file)",
    )
    parser.add_argument("output", type=Path, help="a folder, or a file with the format's ending")
    parser.add_argument("--to", required=True, choices=list(titles), metavar="FORMAT", help=listed)
    parser.add_argument("--name", help="the model's name (default: the input's)")
    parser.add_argument("--labels", metavar="A,B,C", help="names of the pictures' classes")
    parser.add_argument("--backbone", metavar="ID", help="the network that a head alone reads")
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Export the model and print what was written.

    Returns
    -------
    int
        0: what is not the same model after writing raises.

    Raises
    ------
    UsageError
        If the input is missing or the output may not be replaced.
    """
    source: Path = arguments.model
    if not source.exists():
        raise UsageError("convert.input_missing", path=str(source))
    of_words = holds_words(source)
    formats = words.FORMATS if of_words else FORMATS
    row = formats.get(arguments.to)
    if row is None:
        raise UsageError("export.unknown_format", format=arguments.to, known=", ".join(formats))
    single = arguments.output.suffix == row.suffix
    _check_output(arguments.output, single=single, overwrite=arguments.overwrite)
    export, read_notes = (_export_words if of_words else _export_pictures)(arguments)
    files = _write(export, arguments.output, single=single)
    notes = [note.message for note in (*read_notes, *export.report.notes)]
    if arguments.json:
        print(json.dumps(_document(export, files, notes), ensure_ascii=False))
        return 0
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    for path, size in files.items():
        print(f"{path}  {size:,} bytes")
    golden = "sounds: scores" if of_words else "pictures: probabilities"
    report = export.report
    print(f"{report.pictures} golden {golden} within {report.max_difference:.1e}")
    return 0


def _export_pictures(arguments: argparse.Namespace) -> tuple[Export, Sequence[Note]]:
    store = ModelStore(teachdeck_home(), user_model_folders())
    labels = None if arguments.labels is None else arguments.labels.split(",")
    name = arguments.name or arguments.model.resolve().stem
    if _is_ours(arguments.model):
        taught = load_taught_model(arguments.model, store)
        model = picture_model(taught, store, name=name)
        return export_model(model, arguments.to, options=ExportOptions(name=name)), ()
    imported = import_picture_model(
        arguments.model, store, backbone_id=arguments.backbone, labels=labels
    )
    model = picture_model(imported.taught, imported.network, name=name)
    return export_model(model, arguments.to, options=ExportOptions(name=name)), imported.notes


def _is_ours(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return is_project(file.read(_BEGINNING_BYTES))


def _export_words(arguments: argparse.Namespace) -> tuple[Export, Sequence[Note]]:
    for option in ("labels", "backbone"):
        if getattr(arguments, option) is not None:
            raise UsageError("export.pictures_only", option=f"--{option}")
    model = read_speech_model(arguments.model, model_id=arguments.model.resolve().stem)
    options = words.ExportOptions(name=arguments.name)
    return words.export_words(model, arguments.to, options=options), model.notes


def _check_output(path: Path, *, single: bool, overwrite: bool) -> None:
    if path.exists() and (single or path.is_file() or any(path.iterdir())) and not overwrite:
        raise UsageError("export.output_exists", path=str(path))
    if path.is_dir() == single and path.exists():
        raise UsageError("export.output_exists", path=str(path))


def _write(export: Export, output: Path, *, single: bool) -> dict[str, int]:
    if single:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(export.content)
        return {str(output): len(export.content)}
    output.mkdir(parents=True, exist_ok=True)
    for name, content in export.files.items():
        (output / name).write_bytes(content)
    return {str(output / name): len(content) for name, content in export.files.items()}


def _document(export: Export, files: Mapping[str, int], notes: list[str]) -> dict[str, object]:
    report = export.report
    return {
        "format": report.format,
        "files": dict(files),
        "max_difference": report.max_difference,
        "pictures": report.pictures,
        "seconds": report.seconds,
        "notes": notes,
    }
