"""Every export format of words by its name, and the one function that exports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.exports import Export, ExportFormat, Progress, find_format, run_export
from core.speech.decide import SmoothMode
from core.speech.exports.keras import KERAS
from core.speech.exports.page import PAGE
from core.speech.exports.script import SCRIPT
from core.speech.exports.source import WordModel
from core.speech.exports.tfjs import TEACHABLE_MACHINE, TFJS
from core.speech.exports.tflite import TFLITE
from core.speech.model import SpeechModel

__all__ = ["FORMATS", "ExportOptions", "export_words", "predict_bytes"]

FORMATS: Mapping[str, ExportFormat[WordModel]] = {
    entry.id: entry for entry in (PAGE, SCRIPT, TFLITE, KERAS, TFJS, TEACHABLE_MACHINE)
}
"""In the order in which pages list them. A new format is a module and a row here."""


@dataclass(frozen=True)
class ExportOptions:
    """What the person may choose.

    Parameters
    ----------
    name : str, optional
        Instead of the model's own title.
    mode : SmoothMode, optional
        When the page and the script say that they heard a word; by default with the model's
        own thresholds.
    """

    name: str | None = None
    mode: SmoothMode | None = None


def export_words(
    model: SpeechModel,
    format: str,
    *,
    options: ExportOptions | None = None,
    progress: Progress | None = None,
) -> Export:
    """Write a speech model in a format, read it back, and compare its answers.

    Parameters
    ----------
    model : SpeechModel
    format : str
        A key of :data:`FORMATS`.
    options : ExportOptions, optional
    progress : callable, optional
        Called with a stage (``"write"``, ``"check"``, ``"done"``) and the part that is done.
        What it raises ends the export.

    Returns
    -------
    Export
        Its report counts the golden sounds as ``pictures``.

    Raises
    ------
    UsageError
        If there is no such format.
    ModelError
        If the model cannot be written so, or the golden pairs do not come out the same: nothing
        is handed over then.
    """
    row = find_format(FORMATS, format)
    return run_export(row, _word_model(model, options or ExportOptions()), progress)


def predict_bytes(model: SpeechModel, format: str) -> int:
    """Return about how large a download will be, without writing it.

    Parameters
    ----------
    model : SpeechModel
    format : str

    Returns
    -------
    int

    Raises
    ------
    UsageError
        If there is no such format.
    """
    return find_format(FORMATS, format).predict_bytes(_word_model(model, ExportOptions()))


def _word_model(model: SpeechModel, options: ExportOptions) -> WordModel:
    mode = options.mode or SmoothMode(thresholds=dict(model.thresholds))
    return WordModel(model, options.name or model.title, mode)
