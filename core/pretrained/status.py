"""A model as the picker shows it."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import Note

__all__ = ["ModelStatus"]


@dataclass(frozen=True)
class ModelStatus:
    """A model as the picker shows it.

    Parameters
    ----------
    model_id, title, family : str
    state : {"ready", "on_disk", "download", "unreachable", "unusable"}
        Loaded or converted before; on this machine; to be downloaded; not to be had just now;
        a user's file that fits no network (`detail` says why).
    download_bytes : int
        What a download takes; 0 if none is needed.
    accuracy_top1 : float or None
        On ImageNet, 0..1, as published; None where unknown.
    parameters : int
        0 where unknown.
    size_bytes : int
        Of the weights' files, an estimate before the download.
    input_size_px : int
    licence : str
    source : {"package", "user", "cache", "download"}
    detail : Note or None
        What should be known: why it cannot be used, or how far it can be trusted.
    """

    model_id: str
    title: str
    family: str
    state: str
    download_bytes: int
    accuracy_top1: float | None
    parameters: int
    size_bytes: int
    input_size_px: int
    licence: str
    source: str
    detail: Note | None = None
