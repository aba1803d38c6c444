"""``python -m core convert``: the flags of tensorflowjs_converter, and what it lacks."""

from __future__ import annotations

import argparse
import functools
import importlib.metadata
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.errors import Note, UsageError
from core.tfjs.convert import Conversion, ConversionOptions, convert_model
from core.tfjs.limits import parse_json
from core.tfjs.output import check_output, write_output
from core.tfjs.read import read_model
from core.tfjs.registry import FORMATS, find_pair, infer_input_format, infer_output_format
from core.tfjs.report import ConversionReport
from core.tfjs.weights import DEFAULT_SHARD_BYTES
from core.tfjs.write_layers import LayersOptions

__all__ = ["add_arguments", "run"]

_QUANTIZE_FLAGS = ("--quantize_float16", "--quantize_uint8", "--quantize_uint16")
_GRAPH_FLAGS = (
    *("signature_name", "saved_model_tags", "output_node_names", "strip_debug_ops"),
    *("skip_op_check", "use_structured_outputs_names", "control_flow_v2", "experiments"),
)
_PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")


class _Versions(argparse.Action):
    """Print the versions of what converts, and end."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        for name in ("numpy", "h5py", "keras", "tensorflow-cpu", "tensorflow"):
            try:
                print(name, importlib.metadata.version(name))
            except importlib.metadata.PackageNotFoundError:
                continue
        parser.exit()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    names = ", ".join(FORMATS)
    parser.add_argument("input_path", help=".h5, .keras, model.json, its folder or a zip of it")
    parser.add_argument("output_path", help="a folder for tfjs_layers_model, else a file")
    parser.add_argument("--input_format", choices=FORMATS, metavar="FORMAT", help=names)
    parser.add_argument("--output_format", choices=FORMATS, metavar="FORMAT", help=names)
    for flag in _QUANTIZE_FLAGS:
        parser.add_argument(
            flag,
            nargs="?",
            const="*",
            metavar="PATTERNS",
            help="comma-separated patterns of weight names; without any: all other weights",
        )
    parser.add_argument(
        "--quantization_bytes", type=int, choices=(1, 2), help="1: uint8, 2: uint16"
    )
    parser.add_argument("--weight_shard_size_bytes", type=int, metavar="BYTES")
    parser.add_argument("--weight_shared_size_bytes", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--shards", type=int, metavar="NUMBER", help="number of shards instead")
    parser.add_argument("--split_weights_by_layer", action="store_true")
    parser.add_argument("--metadata", default="", metavar="KEY:PATH", help="JSON files, by commas")
    parser.add_argument(
        "--old_tensorflowjs",
        action="store_true",
        help="class name Model and nothing that TensorFlow.js 1.3.1 does not know",
    )
    parser.add_argument("--strip_augmentation", action="store_true", help="leave Random... out")
    parser.add_argument(
        "--verify",
        choices=("none", "structure", "outputs"),
        default="structure",
        help="structure (default): read the files back; outputs: run both models as well",
    )
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="for --verify outputs")
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--version", "-v", nargs=0, action=_Versions)
    for flag in _GRAPH_FLAGS:
        parser.add_argument(f"--{flag}", nargs="?", const="", help=argparse.SUPPRESS)
    # `--quantize_uint8 in out`: argparse would take the input for a pattern.
    values = {
        option
        for action in parser._actions
        if action.nargs is None and action.option_strings
        for option in action.option_strings
    }
    parser.parse_known_args = functools.partial(  # type: ignore[method-assign]
        _parse_known, parser.parse_known_args, values
    )


def _parse_known(
    parse: Callable[..., tuple[Any, list[str]]],
    values: set[str],
    args: Sequence[str] | None = None,
    namespace: Any = None,
) -> tuple[Any, list[str]]:
    return parse(_give_back_paths(list(args or ()), values), namespace)


def _give_back_paths(tokens: list[str], values: set[str]) -> list[str]:
    """Return the tokens with a quantise flag's value freed where a path would be missing."""
    swallowed, paths, position = [], 0, 0
    while position < len(tokens):
        token = tokens[position]
        following = tokens[position + 1] if position + 1 < len(tokens) else "--"
        if token in _QUANTIZE_FLAGS and not following.startswith("-"):
            swallowed.append(position)
            position += 1
        elif token in values:
            position += 1
        elif not token.startswith("-"):
            paths += 1
        position += 1
    # Values that can only be patterns are taken last.
    swallowed.sort(key=lambda flag: "*" in tokens[flag + 1] or "," in tokens[flag + 1])
    freed = list(tokens)
    for position in swallowed[: max(0, 2 - paths)]:
        freed[position] += "=*"
    return freed


def run(arguments: argparse.Namespace) -> int:
    """Run the command; 0 when the model was converted."""
    notes: list[Note] = []
    options = _options(arguments, notes)
    source, output = Path(arguments.input_path), Path(arguments.output_path)
    if not source.exists():
        raise UsageError("convert.input_missing", path=str(source))
    input_format = arguments.input_format or infer_input_format(source)
    output_format = arguments.output_format or infer_output_format(input_format, output)
    _, target = find_pair(input_format, output_format)
    _check_options(arguments, output_format)
    if check_output(output, target, overwrite=arguments.overwrite):
        notes.append(Note("convert.note_replaced", {"path": str(output)}))
    model = read_model(source)
    if model.origin.format != input_format:
        raise UsageError(
            "convert.input_is_other",
            path=str(source),
            expected=input_format,
            received=model.origin.format,
        )
    conversion = convert_model(
        model,
        output_format,
        options=options,
        bytes_before=_size(source, model.origin.format),
        names=(str(source), str(output)),
    )
    write_output(conversion.files, output, target)
    _print(conversion, notes, as_json=arguments.json)
    return 0


def _options(arguments: argparse.Namespace, notes: list[Note]) -> ConversionOptions:
    shard_bytes = arguments.weight_shard_size_bytes
    if arguments.weight_shared_size_bytes is not None:
        notes.append(Note("convert.note_misspelt", {}))
        shard_bytes = shard_bytes or arguments.weight_shared_size_bytes
    for name in ("weight_shard_size_bytes", "weight_shared_size_bytes"):
        value = getattr(arguments, name)
        if value is not None and value <= 0:
            raise UsageError("convert.shard_bytes", value=value)
    used = [flag for flag in _GRAPH_FLAGS if getattr(arguments, flag) is not None]
    if used:
        notes.append(Note("convert.note_graph_flags", {"flags": ", ".join(used)}))
    quantize = _quantize(arguments)
    return ConversionOptions(
        layers=LayersOptions(
            quantize=quantize,
            shard_bytes=shard_bytes or DEFAULT_SHARD_BYTES,
            shard_count=arguments.shards,
            split_by_layer=arguments.split_weights_by_layer,
            old_tensorflowjs=arguments.old_tensorflowjs,
            metadata=_metadata(arguments.metadata),
        ),
        tflite_dtype=_tflite_dtype(quantize),
        strip_augmentation=arguments.strip_augmentation,
        verify=arguments.verify,
        pictures=None if arguments.pictures is None else _pictures(arguments.pictures),
    )


def _quantize(arguments: argparse.Namespace) -> dict[str, tuple[str, ...]]:
    quantize: dict[str, tuple[str, ...]] = {}
    for flag in _QUANTIZE_FLAGS:
        value = getattr(arguments, flag.removeprefix("--"))
        if value is not None:
            patterns = tuple(p.strip() for p in value.split(",") if p.strip())
            quantize[flag.removeprefix("--quantize_")] = patterns or ("*",)
    if arguments.quantization_bytes is not None:
        if quantize:
            raise UsageError("convert.quantization_bytes")
        quantize = {"uint8" if arguments.quantization_bytes == 1 else "uint16": ("*",)}
    return quantize


def _tflite_dtype(quantize: dict[str, tuple[str, ...]]) -> str:
    if "uint8" in quantize:
        return "int8"
    return "float16" if "float16" in quantize else "float32"


def _check_options(arguments: argparse.Namespace, output_format: str) -> None:
    """Refuse options that the output format does not have, rather than ignore them."""
    if output_format == "tfjs_layers_model":
        return
    used = [
        name
        for name in (
            *("weight_shard_size_bytes", "weight_shared_size_bytes", "shards", "metadata"),
            *("split_weights_by_layer", "old_tensorflowjs"),
        )
        if getattr(arguments, name)
    ]
    quantize = _quantize(arguments)
    if output_format == "tflite":
        wrong = len(quantize) > 1 or "uint16" in quantize
        if wrong or any(patterns != ("*",) for patterns in quantize.values()):
            raise UsageError("convert.tflite_quantization")
    elif quantize:
        used.append("quantisation")
    if used:
        raise UsageError(
            "convert.option_not_used", options=", ".join(used), output_format=output_format
        )


def _metadata(value: str) -> dict[str, Any]:
    """Read ``key:path[,key:path]``; only the first colon divides, for paths with a drive."""
    metadata: dict[str, Any] = {}
    for part in filter(None, value.split(",")):
        key, colon, path = part.partition(":")
        if not colon or not key or not Path(path).is_file():
            raise UsageError("convert.metadata", value=part)
        metadata[key] = parse_json(Path(path).read_bytes(), name=path)
    return metadata


def _pictures(folder: Path) -> list[NDArray[np.uint8]]:
    paths = sorted(p for p in folder.glob("*") if p.suffix.lower() in _PICTURE_SUFFIXES)
    if not paths:
        raise UsageError("convert.no_pictures", path=str(folder))
    pictures = []
    for path in paths[:256]:
        with Image.open(path) as image:
            image.draft("RGB", (512, 512))
            pictures.append(np.asarray(image.convert("RGB"), dtype=np.uint8))
    return pictures


def _size(source: Path, input_format: str) -> int:
    if source.is_dir():
        return sum(path.stat().st_size for path in source.iterdir() if path.is_file())
    if input_format == "tfjs_layers_model" and source.suffix == ".json":
        document = json.loads(source.read_text(encoding="utf-8"))
        names = [name for group in document.get("weightsManifest", []) for name in group["paths"]]
        shards = [source.parent / name for name in names]
        sizes: list[int] = [p.stat().st_size for p in shards if p.is_file()]
        return source.stat().st_size + sum(sizes)
    return source.stat().st_size


def _print(conversion: Conversion, notes: list[Note], *, as_json: bool) -> None:
    report = conversion.report
    warnings = [note.message for note in (*notes, *report.notes)]
    if as_json:
        print(json.dumps({**report.to_dict(), "notes": warnings}, ensure_ascii=False))
        return
    print("\n".join(_lines(report)))
    for warning in warnings:
        print(f"note: {warning}", file=sys.stderr)


def _lines(report: ConversionReport) -> list[str]:
    lines = [
        f"{report.input} ({report.input_format}) -> {report.output} ({report.output_format})",
        f"size: {report.bytes_before:,} -> {report.bytes_after:,} bytes in "
        f"{len(report.files)} file(s), {report.shards} of them shards",
        f"proved: {', '.join(report.proof) or 'nothing'}",
    ]
    if report.max_abs_difference is not None:
        lines.append(f"largest difference of an output: {report.max_abs_difference:.3g}")
    if report.top1_agreement is not None:
        lines.append(
            f"same first answer on {report.top1_agreement:.1%} of {report.pictures} pictures"
        )
    if report.quantization_errors:
        lines.append("coarsest tensors (root mean square error over that of the values):")
        lines += [
            f"  {error.relative_error:8.2%}  {error.dtype:8}  {error.name}"
            for error in report.quantization_errors
        ]
    lines.append(f"time: {report.seconds:.2f} s")
    return lines
