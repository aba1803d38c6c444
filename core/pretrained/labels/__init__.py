"""What the classes of a label set are called, in the order of the network's outputs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from core.errors import ModelError

__all__ = ["labels", "labels_digest", "read_labels", "translated"]

_FOLDER = Path(__file__).parent
_MAX_LABEL_FILE_BYTES = 4_000_000
_MAX_LABEL_LENGTH = 200


@cache
def labels(set_name: str, language: str = "en") -> tuple[str, ...]:
    """Return the names of a label set's classes.

    Parameters
    ----------
    set_name : str
        ``"imagenet"``: the 1,000 classes of ILSVRC 2012 by their synset ids, each name once.
    language : str
        ``"en"`` or ``"zh"``; a language in which the set is not there gives the English names.

    Returns
    -------
    tuple of str

    Raises
    ------
    ModelError
        If there is no such set.
    """
    known = {path.stem for path in _FOLDER.glob("*.txt")}
    if set_name not in known or "_" in set_name:
        raise ModelError("pretrained.unknown_labels", name=set_name[:80])
    wanted = f"{set_name}_{language}"
    path = _FOLDER / f"{wanted if wanted in known else set_name}.txt"
    return tuple(path.read_text(encoding="utf-8").splitlines())


def translated(names: tuple[str, ...], language: str) -> tuple[str, ...]:
    """Return a backbone's class names in a language, where they are a set of ours.

    Parameters
    ----------
    names : tuple of str
        Such as :attr:`core.pretrained.backbone.Backbone.labels`.
    language : str

    Returns
    -------
    tuple of str
        `names` themselves where no translation is known.
    """
    for path in _FOLDER.glob("*.txt"):
        if "_" not in path.stem and labels(path.stem) == names:
            return labels(path.stem, language)
    return names


def read_labels(path: Path, *, classes: int) -> tuple[str, ...]:
    """Read a user's label file: one name a line, in the order of the outputs.

    Parameters
    ----------
    path : pathlib.Path
    classes : int
        How many names the network needs.

    Returns
    -------
    tuple of str
        Stripped, without control characters, at most 200 characters each.

    Raises
    ------
    ModelError
        If it cannot be read or has another number of names.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_LABEL_FILE_BYTES + 1)
    except OSError as error:
        raise ModelError(
            "pretrained.file_unreadable", name=path.name[:80], detail=error.strerror or ""
        ) from error
    if len(content) > _MAX_LABEL_FILE_BYTES:
        raise ModelError(
            "pretrained.file_large", name=path.name[:80], limit_mb=_MAX_LABEL_FILE_BYTES / 1e6
        )
    lines = content.decode("utf-8-sig", "replace").rstrip().splitlines()
    if len(lines) != classes:
        raise ModelError(
            "pretrained.label_count", name=path.name[:80], expected=classes, received=len(lines)
        )
    return tuple(
        "".join(c for c in line.strip() if c.isprintable())[:_MAX_LABEL_LENGTH] for line in lines
    )


def labels_digest(names: Sequence[str]) -> str:
    """Return the SHA-256 of a list of names, which tells whether it has changed."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()
