"""``python -m core inspect``: what a model is, and what it can be converted to."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from core.errors import UsageError
from core.tfjs.read import read_model
from core.tfjs.report import ModelSummary, summarize

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("model", help=".h5, .keras, model.json, its folder or a zip of it")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace) -> int:
    """Run the command; 0 when the model could be read."""
    path = Path(arguments.model)
    if not path.exists():
        raise UsageError("convert.input_missing", path=str(path))
    model = read_model(path)
    summary = summarize(model)
    if arguments.json:
        entry = {"input": str(path), "input_format": model.origin.format, **summary.to_dict()}
        print(json.dumps(entry, ensure_ascii=False))
    else:
        print("\n".join(_lines(summary, model.origin.format)))
    return 0


def _lines(summary: ModelSummary, input_format: str) -> list[str]:
    source = f", {summary.source}" if summary.source else ""
    lines = [f"{summary.name}: {summary.class_name}, {input_format}{source}"]
    lines += [f"input {name}: {_shape(shape)} {dtype}" for name, shape, dtype in summary.inputs]
    lines.append(f"{summary.parameters:,} parameters, {summary.size_bytes:,} bytes as float32")
    width = max((len(row.name) for row in summary.layers), default=0)
    lines += [
        f"  {row.name:{width}}  {row.class_name:24}  {_shape(row.output_shape):20}"
        f"  {row.parameters:>12,}"
        for row in summary.layers
    ]
    lines += [f"note: {note.message}" for note in summary.notices]
    for name, notes in summary.problems.items():
        lines.append(f"{name}: {'can be written' if not notes else 'cannot be written'}")
        lines += [f"  {note.message}" for note in notes]
    return lines


def _shape(shape: tuple[int | None, ...] | None) -> str:
    if shape is None:
        return "?"
    return "x".join("?" if size is None else str(size) for size in shape[1:]) or "scalar"
