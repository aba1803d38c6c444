"""Taught picture models in files: our own project file, and what others export."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from core.datasets.labels import clean_label
from core.datasets.project import Project, is_project, open_project, save_project
from core.datasets.samples import SampleSnapshot
from core.errors import ModelError, TeachdeckError, UsageError
from core.imaging.preprocess import Preprocessing
from core.pretrained.store import ModelStore
from core.tfjs.limits import MAX_FILE_BYTES
from core.vision.head import DenseLayer, ImageHead, Rejection
from core.vision.taught import TaughtImageModel

__all__ = [
    "head_from_project",
    "head_to_arrays",
    "load_taught_model",
    "save_taught_model",
    "taught_from_project",
]

_HEAD = "head"
_MOST_LAYERS = 8


def head_to_arrays(head: ImageHead) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return a head as arrays and plain JSON values, for a project file.

    Parameters
    ----------
    head : ImageHead

    Returns
    -------
    arrays : dict of str to ndarray
        Named ``head/...``.
    description : dict
    """
    arrays: dict[str, NDArray[Any]] = {}
    for at, layer in enumerate(head.dense):
        arrays[f"head/kernel/{at}"], arrays[f"head/bias/{at}"] = layer.kernel, layer.bias
    rejection = head.rejection
    described: dict[str, Any] | None = None
    if rejection is not None:
        described = {
            "kind": rejection.kind,
            "threshold": rejection.threshold,
            "suggested": rejection.suggested,
        }
        if rejection.centre is not None and rejection.references is not None:
            arrays["head/rejection/centre"] = rejection.centre
            arrays["head/rejection/references"] = rejection.references
    return arrays, {
        "labels": list(head.labels),
        "backbone": head.backbone_id,
        "backbone_sha256": head.backbone_sha256,
        "layer": head.layer,
        "pooled": head.pooled,
        "feature_shape": list(head.feature_shape),
        "activations": [layer.activation for layer in head.dense],
        "preprocessing": head.preprocessing.to_dict(),
        "rejection": described,
        "temperature": head.temperature,
        "settings": dict(head.settings),
        "trained_on": dict(head.trained_on),
    }


def save_taught_model(
    model: TaughtImageModel,
    *,
    samples: SampleSnapshot | None = None,
    results: Mapping[str, Any] | None = None,
) -> bytes:
    """Return a taught model as a project file; with its samples only if they are given.

    Parameters
    ----------
    model : TaughtImageModel
    samples : SampleSnapshot, optional
        Pictures are somebody's: leave them out to hand the model on.
    results : mapping, optional
        Plain JSON values to keep beside the head, such as scores.

    Returns
    -------
    bytes
        A zip archive; :func:`load_taught_model` reads it.
    """
    arrays, description = head_to_arrays(model.head)
    return save_project(
        Project(
            kind="pictures",
            samples=samples or SampleSnapshot(model.labels),
            settings=dict(model.head.settings),
            arrays=arrays,
            results={**(results or {}), _HEAD: description},
        )
    )


def load_taught_model(
    source: str | os.PathLike[str] | bytes, store: ModelStore, *, name: str = ""
) -> TaughtImageModel:
    """Return a taught model from a file: ours, Teachable Machine's, or the article's head.

    Parameters
    ----------
    source : path or bytes
        A project file, or whatever :func:`core.vision.imports.import_picture_model` reads: a
        zip, a folder, a file.
    store : ModelStore
        Has the network below.
    name : str, optional
        For messages; the path's by default.

    Returns
    -------
    TaughtImageModel

    Raises
    ------
    TeachdeckError
        If the file cannot be used, or the network below is not on this machine.
    """
    if not isinstance(source, bytes):
        path = Path(source)
        name = name or path.name
        if path.is_file():
            if path.stat().st_size > MAX_FILE_BYTES:
                raise ModelError(
                    "pretrained.file_large", name=name[:80], limit_mb=MAX_FILE_BYTES / 1e6
                )
            content = path.read_bytes()
            if is_project(content):
                return _from_bytes(content, store, name)
    elif is_project(source):
        return _from_bytes(source, store, name or "project.zip")
    from core.vision.imports import import_picture_model

    return import_picture_model(source, store, name=name or None).taught


def _from_bytes(content: bytes, store: ModelStore, name: str) -> TaughtImageModel:
    return taught_from_project(open_project(content, name=name, kind="pictures"), store, name=name)


def taught_from_project(
    project: Project, store: ModelStore, *, name: str = "project.zip"
) -> TaughtImageModel:
    """Return the model that a project file holds, on its network.

    Raises
    ------
    UsageError
        If nothing was taught in it.
    ModelError
        If the head is damaged, or its network is not on this machine or has changed.
    """
    head = head_from_project(project, name=name)
    backbone = store.load_truncated(head.backbone_id, head.layer, pooled=head.pooled)
    if head.backbone_sha256 and backbone.weights_sha256 != head.backbone_sha256:
        raise ModelError("teach.other_backbone", name=name[:80], model=head.backbone_id[:80])
    return TaughtImageModel(backbone, head)


def head_from_project(project: Project, *, name: str = "project.zip") -> ImageHead:
    """Return the head that a project file holds, every part checked.

    Raises
    ------
    UsageError
        If nothing was taught in it.
    ModelError
        If the head is damaged.
    """
    described = project.results.get(_HEAD)
    if not isinstance(described, dict):
        raise UsageError("teach.no_head", name=name[:80])
    try:
        return _head(described, project.arrays)
    except TeachdeckError as error:
        raise ModelError("teach.head_file", name=name[:80], reason=error.message[:200]) from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = f"{type(error).__name__} {error}"[:100]
        raise ModelError("teach.head_file", name=name[:80], reason=reason) from error


def _head(described: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> ImageHead:
    activations, labels = described["activations"], described["labels"]
    if not isinstance(activations, list) or len(activations) > _MOST_LAYERS:
        raise ValueError("activations should be a short list")
    if not isinstance(labels, list):
        raise TypeError("labels should be a list")
    rejection = described["rejection"]
    return ImageHead(
        labels=tuple(clean_label(_text(label)) for label in labels),
        backbone_id=_text(described["backbone"]),
        layer=_text(described["layer"]),
        pooled=described["pooled"] is True,
        feature_shape=tuple(int(size) for size in described["feature_shape"]),
        dense=tuple(
            DenseLayer(arrays[f"head/kernel/{at}"], arrays[f"head/bias/{at}"], activation)
            for at, activation in enumerate(activations)
        ),
        preprocessing=Preprocessing.from_dict(described["preprocessing"]),
        rejection=_rejection(rejection, arrays) if isinstance(rejection, dict) else None,
        temperature=_number(described["temperature"]),
        backbone_sha256=_text(described["backbone_sha256"]),
        settings=_plain(described["settings"]),
        trained_on=_plain(described["trained_on"]),
    )


def _rejection(described: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Rejection:
    suggested = described.get("suggested")
    return Rejection(
        kind=_text(described["kind"]),
        threshold=_number(described["threshold"]),
        centre=arrays.get("head/rejection/centre"),
        references=arrays.get("head/rejection/references"),
        suggested=None if suggested is None else _number(suggested),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text was expected, not {type(value).__name__}")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"a number was expected, not {type(value).__name__}")
    return float(value)


def _plain(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"an object was expected, not {type(value).__name__}")
    return value
