"""What has to be known to load a model that is on this machine, learned once a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from core.errors import ModelError
from core.imaging.preprocess import Preprocessing
from core.pretrained.architectures import ARCHITECTURES, expected_shapes
from core.pretrained.architectures.efficientnet_lite import rename_torch_weights
from core.pretrained.catalog import CatalogEntry
from core.pretrained.convert import Conversion
from core.pretrained.identify import Identified, identify
from core.pretrained.keras_weights import match_weights, read_keras_weights
from core.pretrained.labels import labels
from core.pretrained.sources import Located
from core.pretrained.torch_state import read_torch_state
from core.pretrained.user_models import Signature, UserModel, labels_for, path_digest, signature

__all__ = ["Plan", "Planner", "published_weights", "unreadable"]

# A machine under load may need longer than a reader is given; the next time may go well.
_TRANSIENT = "model_file.hdf5_gave_up"


@dataclass(frozen=True)
class Plan:
    """A model on this machine, and how to read its weights.

    Parameters
    ----------
    model_id, title : str
    path : pathlib.Path
        File or folder of the weights.
    source : {"user", "package", "cache", "download"}
    conversion : Conversion
    read : callable
        Returns the weights under the architecture's names.
    parameters : int
    accuracy_top1 : float or None
    licence : str
    """

    model_id: str
    title: str
    path: Path
    source: str
    conversion: Conversion
    read: Callable[[], Mapping[str, NDArray[Any]]]
    parameters: int
    accuracy_top1: float | None
    licence: str


class Planner:
    """Makes plans; digests and what users' files are is learned once and kept in memory.

    Any thread may call any method: at worst, two threads learn the same.
    """

    def __init__(self) -> None:
        self._digests: dict[tuple[Path, Signature], str] = {}
        self._summaries: dict[tuple[Path, Signature], Identified | ModelError] = {}

    def for_entry(self, entry: CatalogEntry, located: Located) -> Plan:
        """Return how to load a catalogue entry from its file."""
        names = labels(entry.labels)
        return Plan(
            model_id=entry.model_id,
            title=entry.title,
            path=located.path,
            source=located.source,
            conversion=Conversion(
                self._digest(located.path),
                ARCHITECTURES[entry.architecture],
                entry.alpha,
                len(names),
                entry.preprocessing,
                names,
            ),
            read=lambda: published_weights(entry, located.path),
            parameters=entry.parameters,
            accuracy_top1=entry.accuracy_top1,
            licence=entry.licence,
        )

    def for_user(self, model: UserModel) -> Plan:
        """Return how to load a user's model; refuse it if no network has these weights."""
        found = self._summary(model.path)
        return Plan(
            model_id=model.model_id,
            title=model.title,
            path=model.path,
            source="user",
            conversion=Conversion(
                self._digest(model.path),
                found.architecture,
                found.alpha,
                found.classes,
                # The families that identify() knows were all trained on -1..1.
                Preprocessing(input_size_px=found.input_size_px, crop_fraction=1.0),
                labels_for(model.path, classes=found.classes),
            ),
            read=lambda: _identified(model.path).arrays,
            parameters=found.parameters,
            accuracy_top1=None,
            licence="",
        )

    def _digest(self, path: Path) -> str:
        key = (path, signature(path))
        if key not in self._digests:
            self._digests[key] = path_digest(path)
        return self._digests[key]

    def _summary(self, path: Path) -> Identified:
        """Return what a user's file is, without its weights; read again only when it changes."""
        key = (path, signature(path))
        if key not in self._summaries:
            try:
                self._summaries[key] = _identified(path).without_arrays()
            except ModelError as error:
                if error.code == _TRANSIENT:
                    raise
                self._summaries[key] = error
        found = self._summaries[key]
        if isinstance(found, ModelError):
            raise found
        return found


def _identified(path: Path) -> Identified:
    return identify(read_keras_weights(path), name=path.name)


def unreadable(path: Path, error: OSError) -> ModelError:
    """Return the error for a file that the system does not let us read."""
    return ModelError(
        "pretrained.file_unreadable", name=path.name[:80], detail=error.strerror or ""
    )


def published_weights(entry: CatalogEntry, path: Path) -> Mapping[str, NDArray[Any]]:
    """Return an entry's weights from its file, or refuse the file."""
    if ARCHITECTURES[entry.architecture].is_torch:
        return rename_torch_weights(read_torch_state(path.read_bytes()))
    expected = expected_shapes(entry.architecture, entry.alpha, len(labels(entry.labels)))
    arrays = match_weights(read_keras_weights(path), expected)
    if arrays is None:
        raise ModelError("pretrained.other_weights", title=entry.title, name=entry.file_name)
    return arrays
