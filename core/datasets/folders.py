"""Labelled pictures from folders of classes, on disk or in a zip archive (ImageFolder layout).

A picture's class is the folder that holds it; a picture that lies in no folder of a class is
named for its class and a number, such as ``apple-3.jpg``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.datasets.labels import clean_label
from core.datasets.samples import NewSample
from core.errors import ImageError, ModelError, TeachdeckError, UsageError
from core.imaging.decode import MAX_BYTES
from core.imaging.files import read_image_file
from core.imaging.formats import recognise_format
from core.tfjs.limits import read_zip

__all__ = ["ImportReport", "read_picture_folder", "read_picture_zip"]

MAX_ZIP_BYTES = 200_000_000
MAX_FOLDER_BYTES = 1_000_000_000
_NUMBERED = re.compile(r"(.+?)[ _-]*\(?\d+\)?")
# What systems put into folders by themselves.
_LITTER = re.compile(r"(\..*|__MACOSX|Thumbs\.db|desktop\.ini)", re.IGNORECASE)
_MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
}
# The reader of archives speaks of models.
_ZIP_CODES = {
    "model_file.zip_broken": "samples.zip_broken",
    "model_file.zip_members": "samples.zip_members",
    "model_file.zip_large": "samples.zip_large",
    "model_file.zip_path": "samples.zip_path",
    "model_file.zip_link": "samples.zip_link",
    "model_file.zip_encrypted": "samples.zip_encrypted",
    "model_file.zip_duplicate": "samples.zip_duplicate",
    "model_file.zip_bomb": "samples.zip_bomb",
}


@dataclass(frozen=True, eq=False)
class ImportReport:
    """What was found.

    Attributes
    ----------
    samples : tuple of NewSample
        Files that begin as pictures; they are not decoded yet. Sorted by path.
    skipped : tuple of (name, TeachdeckError)
        Files that are no pictures or have no class, and why.
    """

    samples: tuple[NewSample, ...]
    skipped: tuple[tuple[str, TeachdeckError], ...] = ()


def read_picture_zip(content: bytes, *, name: str = "zip") -> ImportReport:
    """Read the pictures of a zip archive.

    Parameters
    ----------
    content : bytes
        Unpacked in memory; no name in it ever becomes a path.
    name : str, optional
        The archive's name, for messages.

    Returns
    -------
    ImportReport

    Raises
    ------
    UsageError
        If the archive is too large, damaged, encrypted, or holds links, paths that lead out of
        it, too many files, files that expand far too much, or no picture with a class.
    """
    if len(content) > MAX_ZIP_BYTES:
        raise UsageError(
            "samples.zip_size", megabytes=len(content) / 1e6, limit=MAX_ZIP_BYTES / 1e6
        )
    try:
        files = read_zip(content, name=name)
    except ModelError as error:
        raise UsageError(_ZIP_CODES[error.code], **error.fields) from None
    report = _sorted_out(
        (_readable(path), data) for path, data in sorted(files.items()) if not _is_litter(path)
    )
    if not report.samples:
        raise UsageError("samples.zip_no_pictures", name=name)
    return report


def read_picture_folder(folder: Path | str) -> ImportReport:
    """Read the pictures of a folder of classes on this machine.

    Parameters
    ----------
    folder : path

    Returns
    -------
    ImportReport

    Raises
    ------
    UsageError
        If there is no such folder, it holds no picture with a class, or more than this module's
        limit.
    """
    root = Path(folder)
    if not root.is_dir():
        raise UsageError("samples.no_folder", folder=str(folder))
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    named = [(path.relative_to(root).as_posix(), path) for path in paths]
    kept = [(name, path) for name, path in named if not _is_litter(name)]
    size = sum(path.stat().st_size for _, path in kept)
    if size > MAX_FOLDER_BYTES:
        raise UsageError("samples.large", megabytes=size / 1e6, limit=MAX_FOLDER_BYTES / 1e6)
    unreadable: list[tuple[str, TeachdeckError]] = []
    report = _sorted_out(_contents(kept, unreadable))
    if not report.samples:
        raise UsageError("samples.folder_no_pictures", folder=str(folder))
    return ImportReport(report.samples, (*report.skipped, *unreadable))


def _contents(
    paths: list[tuple[str, Path]], unreadable: list[tuple[str, TeachdeckError]]
) -> Iterator[tuple[str, bytes]]:
    for name, path in paths:
        try:
            yield name, read_image_file(path)
        except ImageError as error:
            unreadable.append((name, error))


def _sorted_out(files: Iterator[tuple[str, bytes]]) -> ImportReport:
    samples: list[NewSample] = []
    skipped: list[tuple[str, TeachdeckError]] = []
    for path, content in files:
        try:
            samples.append(_sample(path, content))
        except TeachdeckError as error:
            skipped.append((path, error))
    return ImportReport(tuple(samples), tuple(skipped))


def _sample(path: str, content: bytes) -> NewSample:
    if len(content) > MAX_BYTES:
        raise ImageError(
            "image.too_many_bytes",
            megabytes=len(content) / 1e6,
            limit_megabytes=MAX_BYTES / 1e6,
        )
    picture_format = recognise_format(content)
    *folders, file_name = path.split("/")
    numbered = _NUMBERED.fullmatch(file_name.rpartition(".")[0])
    if folders:
        label = folders[-1]
    elif numbered is not None:
        label = numbered[1]
    else:
        raise UsageError("samples.no_class_name", name=file_name)
    return NewSample(clean_label(label), content, file_name, _MEDIA_TYPES[picture_format])


def _is_litter(path: str) -> bool:
    return any(_LITTER.fullmatch(part) for part in path.split("/"))


def _readable(path: str) -> str:
    # Without the flag for UTF-8 a zip's names come as those of the old IBM PC; Chinese systems
    # write GBK there, others UTF-8 all the same.
    path = path.replace("\\", "/")
    try:
        raw = path.encode("cp437")
    except UnicodeEncodeError:
        return path
    for encoding in ("utf-8", "gbk"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return path
