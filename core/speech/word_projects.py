"""A project file of words: the takes, the model that was taught on them, settings and results.

The model stands in it whole, as its TensorFlow.js files: a project opens the same after the base
model that comes with Teachdeck was trained anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.datasets.project import Project, open_project, save_project
from core.datasets.samples import Quota, SampleSnapshot
from core.errors import ModelError, TeachdeckError
from core.speech.exports import export_words
from core.speech.model import SpeechModel
from core.speech.read import read_speech_model

__all__ = ["WordProject", "open_word_project", "save_word_project"]

_MODEL = "model"


@dataclass(frozen=True, eq=False)
class WordProject:
    """All that somebody taught.

    Attributes
    ----------
    samples : SampleSnapshot
        Takes, as :func:`core.speech.word_samples.sample_of` makes them.
    model : SpeechModel or None
        With its thresholds.
    settings : mapping
        Plain JSON: how it was taught.
    results : mapping
        Plain JSON: scores, curves.
    """

    samples: SampleSnapshot
    model: SpeechModel | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)


def save_word_project(project: WordProject) -> bytes:
    """Return a project as one zip archive, the same bytes for the same project.

    Parameters
    ----------
    project : WordProject

    Returns
    -------
    bytes
        :func:`open_word_project` reads it.

    Raises
    ------
    ModelError
        If the model does not answer the same when it is read back.
    """
    arrays = {}
    if project.model is not None:
        content = export_words(project.model, "tfjs").content
        arrays[_MODEL] = np.frombuffer(content, np.uint8)
    return save_project(
        Project("words", project.samples, project.settings, arrays, project.results)
    )


def open_word_project(
    content: bytes, *, name: str = "project.zip", quota: Quota | None = None
) -> WordProject:
    """Read a project that :func:`save_word_project` wrote, or that somebody claims it did.

    Parameters
    ----------
    content : bytes
    name : str, optional
        For messages.
    quota : Quota, optional
        How much its takes may be.

    Returns
    -------
    WordProject
        Takes are not decoded.

    Raises
    ------
    UsageError
        If it is no project, one of pictures, hostile or damaged.
    ModelError
        If the model in it cannot be used.
    """
    project = open_project(content, name=name, kind="words", quota=quota)
    model = None
    if _MODEL in project.arrays:
        held = project.arrays[_MODEL]
        if held.dtype != np.uint8 or held.ndim != 1:
            raise ModelError("teach.head_file", name=name[:80], reason=f"{held.dtype} {held.shape}")
        try:
            model = read_speech_model(held.tobytes(), model_id="taught")
        except TeachdeckError as error:
            reason = error.message[:200]
            raise ModelError("teach.head_file", name=name[:80], reason=reason) from error
    return WordProject(project.samples, model, project.settings, project.results)
