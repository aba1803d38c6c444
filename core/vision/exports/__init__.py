"""Taught picture models taken away: one module a format, one row a format in the registry."""

from core.exports import Export, ExportFormat, ExportReport
from core.vision.exports.from_taught import picture_model
from core.vision.exports.registry import FORMATS, ExportOptions, export_model, predict_bytes
from core.vision.exports.source import PictureModel, join_head

__all__ = [
    "FORMATS",
    "Export",
    "ExportFormat",
    "ExportOptions",
    "ExportReport",
    "PictureModel",
    "export_model",
    "join_head",
    "picture_model",
    "predict_bytes",
]
