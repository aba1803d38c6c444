"""Word models taken away: one module a format, one row a format in the registry."""

from core.exports import Export, ExportFormat, ExportReport
from core.speech.exports.registry import FORMATS, ExportOptions, export_words, predict_bytes
from core.speech.exports.source import WordModel

__all__ = [
    "FORMATS",
    "Export",
    "ExportFormat",
    "ExportOptions",
    "ExportReport",
    "WordModel",
    "export_words",
    "predict_bytes",
]
