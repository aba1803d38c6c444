"""Every export format by its name, and the one function that exports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from core.exports import Export, ExportFormat, Progress, find_format, run_export
from core.vision.exports.keras import H5, KERAS
from core.vision.exports.page import PAGE
from core.vision.exports.script import SCRIPT
from core.vision.exports.source import PictureModel
from core.vision.exports.teachable_machine import TEACHABLE_MACHINE
from core.vision.exports.tfjs import HEAD_ONLY, WHOLE
from core.vision.exports.tflite import TFLITE

__all__ = ["FORMATS", "ExportOptions", "export_model", "predict_bytes"]

FORMATS: Mapping[str, ExportFormat[PictureModel]] = {
    entry.id: entry
    for entry in (PAGE, SCRIPT, TFLITE, KERAS, H5, WHOLE, HEAD_ONLY, TEACHABLE_MACHINE)
}
"""In the order in which pages list them. A new format is a module and a row here."""


@dataclass(frozen=True)
class ExportOptions:
    """What the person may choose.

    Parameters
    ----------
    name : str, optional
        Instead of the model's own name.
    """

    name: str | None = None


def export_model(
    model: PictureModel,
    format: str,
    *,
    options: ExportOptions | None = None,
    progress: Progress | None = None,
) -> Export:
    """Write a taught model in a format, read it back, and compare its answers.

    Parameters
    ----------
    model : PictureModel
    format : str
        A key of :data:`FORMATS`.
    options : ExportOptions, optional
    progress : callable, optional
        Called with a stage (``"write"``, ``"check"``, ``"done"``) and the part that is done.
        What it raises ends the export.

    Returns
    -------
    Export

    Raises
    ------
    UsageError
        If there is no such format.
    ModelError
        If the model cannot be written so, or the golden pairs do not come out the same: nothing
        is handed over then.
    """
    row = find_format(FORMATS, format)
    if options is not None and options.name is not None:
        model = replace(model, name=options.name)
    return run_export(row, model, progress)


def predict_bytes(model: PictureModel, format: str) -> int:
    """Return about how large a download will be, without writing it.

    Parameters
    ----------
    model : PictureModel
    format : str

    Returns
    -------
    int

    Raises
    ------
    UsageError
        If there is no such format.
    """
    return find_format(FORMATS, format).predict_bytes(model)
