"""Put a conversion's files where the user wants them, without losing what is there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import h5py

from core.errors import ModelError, UsageError
from core.tfjs.registry import Format
from core.tfjs.weights import parse_manifest

__all__ = ["check_output", "write_output"]

CONVERTED_BY = "Teachdeck"


def check_output(path: Path, target: Format, *, overwrite: bool = False) -> bool:
    """Say whether an output may be written, before any work is done.

    Parameters
    ----------
    path : pathlib.Path
        A folder for layers models, a file for the other formats.
    target : Format
    overwrite : bool
        Whether anything that is there may be replaced.

    Returns
    -------
    bool
        Whether a previous conversion's output is there and will be replaced.

    Raises
    ------
    UsageError
        If `path` is a folder where a file is to be written or the other way round, or holds what
        is not a previous conversion's output.
    """
    is_folder = not target.suffix
    if is_folder and path.is_file():
        raise UsageError("convert.output_is_file", path=str(path))
    if not is_folder and path.is_dir():
        raise UsageError("convert.output_is_folder", path=str(path), suffix=target.suffix)
    place = path / "model.json" if is_folder else path
    if not place.exists():
        return False
    if not overwrite and not _is_own(place):
        raise UsageError("convert.output_exists", path=str(place))
    return True


def _is_own(path: Path) -> bool:
    """Say whether a file was written by Teachdeck; .keras and .tflite files do not tell."""
    try:
        if path.name == "model.json":
            document = json.loads(path.read_text(encoding="utf-8"))
            return isinstance(document, dict) and document.get("convertedBy") == CONVERTED_BY
        if path.suffix in (".h5", ".hdf5"):
            with h5py.File(path, "r") as file:
                return bool(file.attrs.get("converted_by") == CONVERTED_BY)
    except (OSError, ValueError):
        return False
    return False


def write_output(files: Mapping[str, bytes], path: Path, target: Format) -> None:
    """Write a conversion's files.

    Parameters
    ----------
    files : mapping of str to bytes
        From :class:`core.tfjs.convert.Conversion`.
    path : pathlib.Path
        Checked by :func:`check_output`. The shards that an earlier model.json names are removed.
    target : Format
    """
    if target.suffix:
        path.parent.mkdir(parents=True, exist_ok=True)
        (content,) = files.values()
        path.write_bytes(content)
        return
    path.mkdir(parents=True, exist_ok=True)
    for name in _old_shards(path / "model.json"):
        (path / name).unlink(missing_ok=True)
    # The description last: a folder without it is not mistaken for a model.
    for name in sorted(files, key=lambda name: name == "model.json"):
        (path / name).write_bytes(files[name])


def _old_shards(description: Path) -> list[str]:
    try:
        document = json.loads(description.read_text(encoding="utf-8"))
        groups = parse_manifest(document.get("weightsManifest"))
    except (OSError, ValueError, AttributeError, ModelError):
        return []
    return [name for group in groups for name in group.paths]
