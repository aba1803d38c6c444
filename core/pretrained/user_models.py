"""The models that users put into their own folders: which there are, and what they are."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import ModelError
from core.pretrained.labels import labels, read_labels
from core.tfjs.files import read_file
from core.tfjs.limits import MAX_FILE_BYTES, parse_json
from core.tfjs.model import SIDE_METADATA

__all__ = [
    "Signature",
    "UserModel",
    "find_user_models",
    "labels_for",
    "names_words",
    "path_digest",
    "signature",
]

_FILE_ENDINGS = (".h5", ".hdf5", ".keras")
_MODEL_JSON = "model.json"
_LABELS_FILE = "labels.txt"
_IMAGENET_CLASSES = 1000
# Nobody keeps more models in one folder; a folder of pictures must not slow the page.
_MAX_LISTED = 500
_MAX_TITLE_LENGTH = 60

Signature = tuple[tuple[str, int, int], ...]
"""Name, size in bytes and time of change of every file that a model consists of."""


@dataclass(frozen=True)
class UserModel:
    """A model in a user's folder, not yet opened.

    Parameters
    ----------
    model_id : str
        ``"user-<slug>"``.
    title : str
        Made of the name, without anything that a page could take for markup.
    path : pathlib.Path
        A .h5 or .keras file, or a folder with a model.json.
    """

    model_id: str
    title: str
    path: Path


def find_user_models(
    folders: Sequence[Path], *, not_named: Collection[str] = ()
) -> tuple[UserModel, ...]:
    """List the models in users' folders and in the folders directly below them.

    Parameters
    ----------
    folders : sequence of pathlib.Path
        They need not exist.
    not_named : collection of str
        File names that are listed elsewhere.

    Returns
    -------
    tuple of UserModel
    """
    models: list[UserModel] = []
    taken: set[str] = set()
    for folder in folders:
        for path, name in _candidates(folder):
            if path.name in not_named:
                continue
            slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-") or "model"
            model_id, number = f"user-{slug}", 1
            while model_id in taken:
                number += 1
                model_id = f"user-{slug}-{number}"
            taken.add(model_id)
            title = " ".join(re.sub(r"[^\w.+-]|_", " ", name).split())
            models.append(UserModel(model_id, title[:_MAX_TITLE_LENGTH] or "model", path))
    return tuple(models)


def names_words(path: Path) -> bool:
    """Say whether a model's folder has the metadata.json of a speech model.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    bool
    """
    side = path / SIDE_METADATA
    if not side.is_file():
        return False
    try:
        metadata = parse_json(read_file(side), name=SIDE_METADATA)
    except ModelError:
        return False
    if not isinstance(metadata, dict):
        return False
    # Teachable Machine's picture exports have labels and the name of another package.
    is_speech = "words" in metadata or "wordLabels" in metadata
    return is_speech or "tfjsSpeechCommandsVersion" in metadata


def _candidates(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in _listed(folder):
        if _is_model(path):
            yield path, path.stem if path.is_file() else path.name
        elif path.is_dir():
            for inner in _listed(path):
                if inner.is_file() and _is_model(inner):
                    yield inner, f"{path.name} {inner.stem}"


def _is_model(path: Path) -> bool:
    if path.is_file():
        return path.suffix.lower() in _FILE_ENDINGS
    return (path / _MODEL_JSON).is_file()


def _listed(folder: Path) -> list[Path]:
    try:
        paths = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError:
        # A folder that is not there or may not be read holds no models.
        return []
    return sorted(paths)[:_MAX_LISTED]


def _files(path: Path) -> list[Path]:
    return [inner for inner in _listed(path) if inner.is_file()] if path.is_dir() else [path]


def signature(path: Path) -> Signature:
    """Return what changes when a model's files do, without reading them.

    Raises
    ------
    OSError
        If a file is gone.
    """
    stats = [(file.name, file.stat()) for file in _files(path)]
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


def path_digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of a folder's files.

    Raises
    ------
    ModelError
        If they are larger than a model may be.
    OSError
        If a file cannot be read.
    """
    files = _files(path)
    if sum(file.stat().st_size for file in files) > MAX_FILE_BYTES:
        raise ModelError(
            "pretrained.file_large", name=path.name[:80], limit_mb=MAX_FILE_BYTES / 1e6
        )
    digests = []
    for file in files:
        with file.open("rb") as stream:
            digests.append((file.name, hashlib.file_digest(stream, "sha256").hexdigest()))
    return digests[0][1] if path.is_file() else hashlib.sha256(repr(digests).encode()).hexdigest()


def labels_for(path: Path, *, classes: int) -> tuple[str, ...]:
    """Return the class names of a user's model.

    A ``labels.txt`` beside the file (or in the model's folder) names them, if it has as many
    lines; else a network of 1,000 classes is taken for an ImageNet one.

    Parameters
    ----------
    path : pathlib.Path
    classes : int

    Returns
    -------
    tuple of str
        ``"class 0"``, ``"class 1"`` ... where nothing is known.

    Raises
    ------
    ModelError
        If the label file cannot be read, or does not fit and there is no other guess.
    """
    beside = (path if path.is_dir() else path.parent) / _LABELS_FILE
    if beside.is_file():
        try:
            return read_labels(beside, classes=classes)
        except ModelError:
            # In a folder of several models the file may belong to another one.
            if classes != _IMAGENET_CLASSES:
                raise
    if classes == _IMAGENET_CLASSES:
        return labels("imagenet")
    return tuple(f"class {number}" for number in range(classes))
