"""One door for every format: what a file is follows from its content, not from its name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from core.errors import ModelError
from core.tfjs.files import FileSet, FolderFiles, MemoryFiles, read_file
from core.tfjs.hdf5_group import is_hdf5
from core.tfjs.limits import MAX_FILE_BYTES, parse_json, read_zip
from core.tfjs.model import SIDE_METADATA, LayersModel
from core.tfjs.read_h5 import read_h5
from core.tfjs.read_keras import read_keras
from core.tfjs.read_layers import read_layers

__all__ = ["read_model"]

_ZIP_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")
_KERAS_MEMBERS = ("config.json", "model.weights.h5")


def read_model(
    source: str | os.PathLike[str] | bytes | Mapping[str, bytes],
    *,
    name: str | None = None,
    topology: Mapping[str, object] | None = None,
) -> LayersModel:
    """Read a Keras or TensorFlow.js layers model of any era and format.

    Parameters
    ----------
    source : path, bytes, or mapping of str to bytes
        A file (.h5, .keras, model.json with its shards beside it, or a zip of these) or a folder
        on disk; the content of one file; or uploaded files by name.
    name : str, optional
        The file's name, for messages where `source` is bytes.
    topology : mapping, optional
        The architecture for an .h5 file of weights alone.

    Returns
    -------
    LayersModel

    Raises
    ------
    ModelError
        With a sentence that says what was expected, what came, and what to do. Nothing of the
        file is executed, and sizes are checked before memory is taken.

    Examples
    --------
    >>> model = read_model("web_model/model.json")  # doctest: +SKIP
    >>> model.parameters  # doctest: +SKIP
    475544
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return _read_content(bytes(source), name or "the file", topology)
    if isinstance(source, Mapping):
        return _read_uploads(source, topology)
    path = Path(source)
    if path.is_dir():
        return _read_files(FolderFiles(path), path.name, topology)
    if not path.is_file():
        raise ModelError("model_file.path_missing", path=str(path)[:200])
    content = read_file(path)
    if _is_json(content):
        return read_layers(FolderFiles(path.parent), name=path.name)
    return _read_content(content, path.name, topology)


def _read_content(content: bytes, name: str, topology: Mapping[str, object] | None) -> LayersModel:
    """Read one file's content."""
    name = name[:80]
    if len(content) > MAX_FILE_BYTES:
        raise ModelError(
            "model_file.file_large",
            name=name,
            size_mb=len(content) / 1e6,
            limit_mb=MAX_FILE_BYTES / 1e6,
        )
    if is_hdf5(content):
        return read_h5(content, name=name, topology=topology)
    if content.startswith(_ZIP_SIGNATURES):
        return _read_tree(read_zip(content, name=name), name, topology)
    if _is_json(content):
        return read_layers(MemoryFiles({"model.json": content}))
    raise ModelError("model_file.format_unknown", name=name)


def _read_uploads(files: Mapping[str, bytes], topology: Mapping[str, object] | None) -> LayersModel:
    total = sum(len(content) for content in files.values())
    if total > MAX_FILE_BYTES:
        raise ModelError(
            "model_file.file_large",
            name="the upload",
            size_mb=total / 1e6,
            limit_mb=MAX_FILE_BYTES / 1e6,
        )
    if len(files) == 1:
        ((name, content),) = files.items()
        return _read_content(bytes(content), name, topology)
    return _read_tree(files, "the upload", topology)


def _read_tree(
    files: Mapping[str, bytes], name: str, topology: Mapping[str, object] | None
) -> LayersModel:
    """Read files by their path: the folder that holds the model is found by what is in it."""
    folders: dict[str, dict[str, bytes]] = {}
    for path, content in files.items():
        parts = PurePosixPath(path.replace("\\", "/"))
        # Finder adds a shadow of every file.
        if "__MACOSX" not in parts.parts and not parts.name.startswith("._"):
            folders.setdefault(str(parts.parent), {})[parts.name] = content
    models = [found for found in folders.values() if _holds_model(MemoryFiles(found))]
    if not models:
        raise ModelError("model_file.no_model", name=name)
    if len(models) > 1:
        raise ModelError("model_file.several_models", name=name, count=len(models))
    return _read_files(MemoryFiles(models[0]), name, topology)


def _read_files(files: FileSet, name: str, topology: Mapping[str, object] | None) -> LayersModel:
    """Read the one model among files that lie beside each other."""
    if all(member in files.sizes for member in _KERAS_MEMBERS):
        return read_keras(files, name=name)
    description = _model_json(files)
    if description is not None:
        return read_layers(files, name=description)
    single = [member for member in files.sizes if _is_single_file(member)]
    if len(single) > 1:
        raise ModelError("model_file.several_models", name=name, count=len(single))
    if not single:
        raise ModelError("model_file.no_model", name=name)
    content = files.read(single[0])
    if not is_hdf5(content) and isinstance(files, MemoryFiles):
        # A .keras archive in a zip is an archive in an archive, which limits cannot add up.
        raise ModelError("model_file.nested_archive", name=name, member=single[0][:80])
    return _read_content(content, single[0], topology)


def _holds_model(files: FileSet) -> bool:
    return (
        all(member in files.sizes for member in _KERAS_MEMBERS)
        or _model_json(files) is not None
        or any(map(_is_single_file, files.sizes))
    )


def _is_single_file(name: str) -> bool:
    return name.lower().endswith((".h5", ".hdf5", ".keras"))


def _model_json(files: FileSet) -> str | None:
    """Return the name of the model.json; a browser may have made it ``model (1).json``."""
    if "model.json" in files.sizes:
        return "model.json"
    candidates = []
    for name in files.sizes:
        if name.lower().endswith(".json") and name != SIDE_METADATA:
            document = parse_json(files.read(name), name=name[:80])
            if isinstance(document, dict) and "modelTopology" in document:
                candidates.append(name)
    if len(candidates) > 1:
        raise ModelError("model_file.several_models", name="the upload", count=len(candidates))
    return candidates[0] if candidates else None


def _is_json(content: bytes) -> bool:
    return content[:64].removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")
