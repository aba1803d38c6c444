"""One file with all of somebody's work: samples, labels, settings, what was taught, results.

A zip archive with ``project.json``, the samples' own files under ``samples/`` and arrays as
``.npy`` under ``arrays/``. Names in it are ours, numbered; what people typed is in the JSON.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.datasets.labels import clean_label
from core.datasets.samples import (
    FLAC,
    SPECTROGRAM,
    MetaValue,
    NewSample,
    Quota,
    SampleSet,
    SampleSnapshot,
)
from core.errors import ModelError, UsageError
from core.tfjs.limits import parse_json, read_zip

__all__ = ["PROJECT_KINDS", "Project", "is_project", "open_project", "save_project"]

PROJECT_KINDS = ("pictures", "words")
_FORMAT, _VERSION = "teachdeck-project", 1
_DESCRIPTION = "project.json"
_DTYPES = ("float32", "float64", "float16", "int64", "int32", "uint8", "bool")
_MAX_RANK = 8
_DATE = (2026, 1, 1, 0, 0, 0)
_SUFFIXES = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/bmp": "bmp",
    FLAC: "flac",
    SPECTROGRAM: "f32",
}


@dataclass(frozen=True, eq=False)
class Project:
    """Everything that one teach page works on.

    Attributes
    ----------
    kind : {"pictures", "words"}
    samples : SampleSnapshot
    settings : mapping
        Plain JSON.
    arrays : mapping of str to ndarray
        Such as the weights of what was taught, by any name.
    results : mapping
        Plain JSON: what describes the arrays, scores, curves.
    """

    kind: str
    samples: SampleSnapshot
    settings: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)


def save_project(project: Project) -> bytes:
    """Return a project as one zip archive, the same bytes for the same project.

    Parameters
    ----------
    project : Project

    Returns
    -------
    bytes
    """
    files: dict[str, bytes] = {}
    samples = []
    for number, sample in enumerate(project.samples.samples, start=1):
        path = f"samples/{number:05}.{_SUFFIXES.get(sample.media_type, 'bin')}"
        files[path] = sample.content
        samples.append(
            {
                "file": path,
                "label": sample.label,
                "name": sample.name,
                "media_type": sample.media_type,
                "sha256": sample.digest,
                "meta": dict(sample.meta),
            }
        )
    arrays = {}
    for number, (name, array) in enumerate(project.arrays.items(), start=1):
        path = f"arrays/{number:03}.npy"
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
        files[path] = buffer.getvalue()
        arrays[name] = path
    description = {
        "format": _FORMAT,
        "version": _VERSION,
        "kind": project.kind,
        "classes": list(project.samples.classes),
        "samples": samples,
        "settings": dict(project.settings),
        "arrays": arrays,
        "results": dict(project.results),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        text = json.dumps(description, ensure_ascii=False, indent=1, allow_nan=False)
        archive.writestr(_entry(_DESCRIPTION), text.encode(), zipfile.ZIP_DEFLATED)
        for path, content in files.items():
            # Pictures and sound are compressed already.
            archive.writestr(_entry(path), content, zipfile.ZIP_STORED)
    return buffer.getvalue()


def is_project(content: bytes) -> bool:
    """Say whether a file is a zip archive that begins as `save_project` writes one."""
    name = _DESCRIPTION.encode()
    return content[:4] == b"PK\x03\x04" and content[30 : 30 + len(name)] == name


def open_project(
    content: bytes,
    *,
    name: str = "project.zip",
    kind: str | None = None,
    quota: Quota | None = None,
) -> Project:
    """Read a project that :func:`save_project` wrote, or that somebody claims it did.

    Parameters
    ----------
    content : bytes
    name : str, optional
        For messages.
    kind : str, optional
        The kind that is expected.
    quota : Quota, optional
        How much its samples may be.

    Returns
    -------
    Project
        Samples are not decoded; each has the content that its hash promises.

    Raises
    ------
    UsageError
        If the archive is hostile or damaged, is no project, is of another kind or a newer
        version, or holds more than `quota` allows.
    """
    try:
        files = read_zip(content, name=name)
        if _DESCRIPTION not in files:
            raise UsageError("samples.project_not", name=name)
        description = parse_json(files[_DESCRIPTION], name=_DESCRIPTION)
    except ModelError as error:
        raise UsageError("samples.project_broken", name=name, detail=error.message) from None
    if not isinstance(description, dict) or description.get("format") != _FORMAT:
        raise UsageError("samples.project_not", name=name)
    version = description.get("version")
    if version != _VERSION:
        raise UsageError("samples.project_version", name=name, version=str(version)[:20])
    found = description.get("kind")
    if found not in PROJECT_KINDS or (kind is not None and found != kind):
        raise UsageError("samples.project_kind", name=name, kind=str(found)[:20])
    reader = _Reader(name, files)
    return Project(
        kind=found,
        samples=reader.samples(description, quota or Quota()),
        settings=reader.mapping(description, "settings"),
        arrays=reader.arrays(description),
        results=reader.mapping(description, "results"),
    )


@dataclass(frozen=True, eq=False)
class _Reader:
    """Takes the description apart and believes none of it."""

    name: str
    files: Mapping[str, bytes]

    def broken(self, detail: str) -> UsageError:
        return UsageError("samples.project_broken", name=self.name, detail=detail)

    def mapping(self, description: Mapping[str, Any], key: str) -> dict[str, Any]:
        value = description.get(key)
        if not isinstance(value, dict):
            raise self.broken(f"{key!r} should be an object")
        return value

    def file(self, path: object) -> bytes:
        if not isinstance(path, str) or path not in self.files:
            raise self.broken(f"the file {str(path)[:60]!r} is missing")
        return self.files[path]

    def samples(self, description: Mapping[str, Any], quota: Quota) -> SampleSnapshot:
        classes, entries = description.get("classes"), description.get("samples")
        if not isinstance(classes, list) or not isinstance(entries, list):
            raise self.broken("'classes' and 'samples' should be lists")
        if not all(isinstance(label, str) for label in classes):
            raise self.broken("a class should be a text")
        given = [self.sample(entry) for entry in entries]
        known = {clean_label(label) for label in classes}
        if any(clean_label(sample.label) not in known for sample in given):
            raise self.broken("a sample is of a class that is not listed")
        samples = SampleSet(quota)
        samples.replace_all(classes, given)
        return samples.snapshot()

    def sample(self, entry: object) -> NewSample:
        if not isinstance(entry, dict):
            raise self.broken("a sample should be an object")
        texts = [entry.get(key) for key in ("label", "name", "media_type", "sha256")]
        if not all(isinstance(text, str) for text in texts):
            raise self.broken("a sample should have a label, a name, a media type and a hash")
        label, name, media_type, digest = (str(text) for text in texts)
        content = self.file(entry.get("file"))
        if hashlib.sha256(content).hexdigest() != digest:
            raise self.broken(f"the sample {name[:60]!r} is not the one that was saved")
        return NewSample(label, content, name, media_type[:100], self.meta(entry.get("meta", {})))

    def meta(self, meta: object) -> dict[str, MetaValue]:
        if not isinstance(meta, dict) or not all(
            isinstance(value, str | int | float | bool) for value in meta.values()
        ):
            raise self.broken("the facts of a sample should be texts and numbers")
        return dict(meta)

    def arrays(self, description: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        listed = self.mapping(description, "arrays")
        return {name: self.array(self.file(path)) for name, path in listed.items()}

    def array(self, content: bytes) -> NDArray[Any]:
        stream = io.BytesIO(content)
        try:
            if np.lib.format.read_magic(stream) != (1, 0):
                raise ValueError("another version of the .npy format")
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        except (ValueError, EOFError) as error:
            raise self.broken(f"an array cannot be read: {str(error)[:100]}") from None
        data = content[stream.tell() :]
        size = dtype.itemsize
        for side in shape:
            size *= side
        if dtype.name not in _DTYPES or len(shape) > _MAX_RANK or fortran or size != len(data):
            raise self.broken(f"an array is not what it says: {dtype} {str(shape)[:60]}")
        array = np.frombuffer(data, dtype).reshape(shape).copy()
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise self.broken("an array holds values that are not numbers")
        return array


def _entry(path: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(path, _DATE)
