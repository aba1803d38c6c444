"""What an export format is, of pictures or of words, and the one way to export and to check."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError, Note, UsageError
from core.inference.flatbuffer import to_litert
from core.inference.from_keras import network_from_keras
from core.inference.litert import LiteRtModel
from core.tfjs.model import LayersModel

__all__ = [
    "GOLDEN_TOLERANCE",
    "Export",
    "ExportFormat",
    "ExportReport",
    "Exportable",
    "Written",
    "check_answers",
    "find_format",
    "run_export",
    "run_layers_model",
    "zip_bytes",
]

GOLDEN_TOLERANCE = 1e-4
"""How far a probability may be from the pages' own, after writing and reading back."""

_ZIP_MIME = "application/zip"

Progress = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class Written:
    """An export's files, and what they answered when they were read back.

    Parameters
    ----------
    files : mapping of str to bytes
        By path in the archive, the most important one first.
    answers : ndarray of float32, shape (n, classes)
        For the golden inputs.
    notes : tuple of Note
        What the person should know about this export.
    """

    files: Mapping[str, bytes]
    answers: NDArray[np.float32]
    notes: tuple[Note, ...] = ()


class Exportable(Protocol):
    """What every exported model knows: its name for files, and what it must answer."""

    @property
    def file_stem(self) -> str:
        """Its name, as a file may be called."""

    @property
    def golden_answers(self) -> NDArray[np.float32]:
        """Its own answers to the golden inputs, shape (n, labels)."""


Model = TypeVar("Model", bound=Exportable)


@dataclass(frozen=True)
class ExportFormat(Generic[Model]):
    """One format: a row of the registry.

    Parameters
    ----------
    id : str
        Stable name, as the command line takes it.
    title : str
        English, for the command line; pages have their own text for the key ``exports.<id>``.
    suffix : str
        Of the file that is downloaded.
    mime : str
        Its type.
    write : callable
        ``write(model, progress)`` returns a :class:`Written`.
    predict_bytes : callable
        ``predict_bytes(model)`` returns about how large the download will be.
    needs_keras : bool
        Whether a process with TensorFlow is started, which takes 10 to 20 s.
    """

    id: str
    title: str
    suffix: str
    mime: str
    write: Callable[[Model, Progress], Written]
    predict_bytes: Callable[[Model], int]
    needs_keras: bool = False


@dataclass(frozen=True)
class ExportReport:
    """What was written and how it was checked.

    Parameters
    ----------
    format : str
    bytes : int
        Of the download.
    files : mapping of str to int
        Sizes in bytes by path.
    max_difference : float
        Largest difference of a probability on the golden pictures; at most
        :data:`GOLDEN_TOLERANCE`.
    pictures : int
        How many golden pictures, or sounds of words.
    seconds : float
    notes : tuple of Note
    """

    format: str
    bytes: int
    files: Mapping[str, int]
    max_difference: float
    pictures: int
    seconds: float
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, eq=False)
class Export:
    """A finished, checked export.

    Parameters
    ----------
    files : mapping of str to bytes
        By path.
    file_name : str
        Of the download: the one file, or a zip of all.
    content : bytes
        Of the download.
    mime : str
        Its type.
    report : ExportReport
    """

    files: Mapping[str, bytes]
    file_name: str
    content: bytes
    mime: str
    report: ExportReport

    def download(self) -> tuple[str, bytes, str]:
        """Return file name, content and type, as a download button wants them."""
        return self.file_name, self.content, self.mime

    def zip_bytes(self) -> bytes:
        """Return the files in one zip, also where the download is a single file."""
        return self.content if self.mime == _ZIP_MIME else zip_bytes(self.files)


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """Return files as a zip, the same bytes for the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def find_format(formats: Mapping[str, ExportFormat[Model]], format: str) -> ExportFormat[Model]:
    """Return the format of this name.

    Raises
    ------
    UsageError
        If there is none.
    """
    row = formats.get(format)
    if row is None:
        raise UsageError("export.unknown_format", format=format, known=", ".join(formats))
    return row


def run_export(row: ExportFormat[Model], model: Model, progress: Progress | None = None) -> Export:
    """Write a model in a format, read it back, and compare its answers.

    Parameters
    ----------
    row : ExportFormat
    model : Exportable
    progress : callable, optional
        Called with a stage (``"write"``, ``"check"``, ``"done"``) and the part that is done.
        What it raises ends the export.

    Returns
    -------
    Export

    Raises
    ------
    ModelError
        If the model cannot be written so, or the golden pairs do not come out the same: nothing
        is handed over then.
    """
    say = progress or (lambda stage, part: None)
    started = time.perf_counter()
    say("write", 0.0)
    written = row.write(model, say)
    difference = check_answers(model, written.answers)
    files = dict(written.files)
    if len(files) == 1:
        ((file_name, content),) = files.items()
    else:
        file_name, content = f"{model.file_stem}-{row.id}.zip", zip_bytes(files)
    say("done", 1.0)
    report = ExportReport(
        format=row.id,
        bytes=len(content),
        files={name: len(data) for name, data in files.items()},
        max_difference=difference,
        pictures=len(model.golden_answers),
        seconds=time.perf_counter() - started,
        notes=written.notes,
    )
    return Export(files, file_name, content, row.mime, report)


def check_answers(model: Exportable, answers: NDArray[np.float32]) -> float:
    """Return the largest difference from the model's own answers to the golden inputs.

    Parameters
    ----------
    model : Exportable
    answers : ndarray of float32, shape (n, classes)

    Returns
    -------
    float

    Raises
    ------
    ModelError
        If it is above :data:`GOLDEN_TOLERANCE`, or the answers are not numbers of this shape.
    """
    expected = model.golden_answers
    if answers.shape != expected.shape or not np.isfinite(answers).all():
        raise ModelError(
            "export.other_answers",
            expected=f"{list(expected.shape)}",
            received=f"{list(answers.shape)}",
        )
    difference = float(np.abs(answers.astype(np.float64) - expected).max())
    if difference > GOLDEN_TOLERANCE:
        raise ModelError("export.differs", difference=difference, allowed=GOLDEN_TOLERANCE)
    return difference


def run_layers_model(model: LayersModel, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run a layers model that was read back from its files, without TensorFlow.

    Parameters
    ----------
    model : LayersModel
        Its first output is read.
    inputs : ndarray of float32, shape (n, ...)

    Returns
    -------
    ndarray of float32, shape (n, classes)
    """
    network = network_from_keras(model.topology, model.weights)
    first = network.outputs[0]
    if model.topology["class_name"] == "Functional":
        first = str(model.topology["config"]["output_layers"][0][0])
    return LiteRtModel(to_litert(network, outputs=[first])).run(inputs)[first]
