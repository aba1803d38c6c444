"""The formats and the pairs between which models can be converted, as one table.

The command line, the page and the README read it; a new format is a row here and a module.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.errors import Note, UsageError

__all__ = [
    "FORMATS",
    "Format",
    "find_pair",
    "infer_input_format",
    "infer_output_format",
    "markdown_table",
    "pairs",
]


@dataclass(frozen=True)
class Format:
    """A model format by the converter's name for it.

    Parameters
    ----------
    name : str
        As on the command line of tensorflowjs_converter.
    title : str
        For people.
    suffix : str
        Of its file; empty for a folder.
    reads, writes : bool
        What Teachdeck can do with it.
    reason : str
        Code of the message that says why it can neither be read nor written; empty otherwise.
    """

    name: str
    title: str
    suffix: str
    reads: bool = False
    writes: bool = False
    reason: str = ""


FORMATS: dict[str, Format] = {
    row.name: row
    for row in (
        Format("tfjs_layers_model", "TensorFlow.js layers model", "", reads=True, writes=True),
        Format("keras", "Keras .h5", ".h5", reads=True, writes=True),
        Format("keras_keras", "Keras .keras", ".keras", reads=True, writes=True),
        Format("tflite", "TensorFlow Lite", ".tflite", writes=True),
        Format("tfjs_graph_model", "TensorFlow.js graph model", "", reason="pair.graph_model"),
        Format("keras_saved_model", "Keras SavedModel", "", reason="pair.saved_model"),
        Format("tf_saved_model", "TensorFlow SavedModel", "", reason="pair.saved_model"),
        Format("tf_frozen_model", "frozen TensorFlow graph", ".pb", reason="pair.saved_model"),
        Format("tf_hub", "TensorFlow Hub module", "", reason="pair.tf_hub"),
    )
}
# The original's names for what it cannot do, so that its errors can say so as well.
_NO_REWRITE = frozenset((("keras", "keras"), ("keras_keras", "keras_keras")))


def pairs() -> tuple[tuple[Format, Format, Note | None], ...]:
    """Return every pair of an input and an output format.

    Returns
    -------
    tuple of (Format, Format, Note or None)
        The note says why a pair is not available; ``None`` where it is.
    """
    return tuple(
        (source, target, _why_not(source, target))
        for source in FORMATS.values()
        for target in FORMATS.values()
    )


def _why_not(source: Format, target: Format) -> Note | None:
    for side in (source, target):
        if side.reason:
            return Note(side.reason, {"title": side.title})
    if not source.reads:
        return Note("pair.not_read", {"title": source.title})
    if not target.writes or (source.name, target.name) in _NO_REWRITE:
        return Note("pair.same", {"title": source.title})
    return None


def find_pair(input_format: str, output_format: str) -> tuple[Format, Format]:
    """Return a pair that is available.

    Raises
    ------
    UsageError
        If a name is unknown or the pair is not available, with the reason.
    """
    for name in (input_format, output_format):
        if name not in FORMATS:
            raise UsageError("convert.format_unknown", name=name, known=", ".join(FORMATS))
    source, target = FORMATS[input_format], FORMATS[output_format]
    note = _why_not(source, target)
    if note is not None:
        raise UsageError(
            "convert.pair_missing", source=source.name, target=target.name, reason=note.message
        )
    return source, target


def infer_input_format(path: Path) -> str:
    """Return the format that a path's name and kind suggest.

    Parameters
    ----------
    path : pathlib.Path
        A file or a folder that exists.

    Raises
    ------
    UsageError
        If nothing fits.
    """
    suffix = path.suffix.lower()
    if path.is_dir() and (path / "saved_model.pb").is_file():
        return "tf_saved_model"
    if path.is_dir() or suffix in (".json", ".zip"):
        return "tfjs_layers_model"
    by_suffix = {".h5": "keras", ".hdf5": "keras", ".keras": "keras_keras"}
    by_suffix[".pb"] = "tf_frozen_model"
    if suffix in by_suffix:
        return by_suffix[suffix]
    raise UsageError("convert.input_format", path=str(path), known=", ".join(FORMATS))


def infer_output_format(input_format: str, path: Path) -> str:
    """Return the output format that the output's name suggests, else the original's default."""
    by_suffix = {".h5": "keras", ".hdf5": "keras", ".keras": "keras_keras", ".tflite": "tflite"}
    suggested = by_suffix.get(path.suffix.lower())
    if suggested is not None:
        return suggested
    return "keras" if input_format == "tfjs_layers_model" else "tfjs_layers_model"


def markdown_table() -> str:
    """Return the pairs as a Markdown table, inputs down and outputs across."""
    targets = [f for f in FORMATS.values() if f.writes or f.name == "tfjs_graph_model"]
    sources = [f for f in FORMATS.values() if f.name != "tflite"]
    lines = [
        "| from \\ to | " + " | ".join(f"`{target.name}`" for target in targets) + " |",
        "|---" * (len(targets) + 1) + "|",
    ]
    for source in sources:
        cells = ["yes" if _why_not(source, target) is None else "-" for target in targets]
        lines.append(f"| `{source.name}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)
