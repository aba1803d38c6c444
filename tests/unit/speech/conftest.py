"""A small speech model with made-up weights."""

from __future__ import annotations

import pytest

from core.speech import SpeechModel, read_speech_model
from tests.speech_kit import model_files


@pytest.fixture(scope="session")
def model() -> SpeechModel:
    return read_speech_model(model_files(), model_id="made-up")
