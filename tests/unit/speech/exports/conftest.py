"""Small speech models to export."""

from __future__ import annotations

import numpy as np
import pytest

from core.speech import SpeechModel, read_speech_model
from tests.speech_kit import CHINESE, model_files


@pytest.fixture(scope="module")
def base() -> SpeechModel:
    return read_speech_model(model_files(units=32), title="Six <i>labels</i>")


@pytest.fixture(scope="module")
def taught(base: SpeechModel) -> SpeechModel:
    rng = np.random.default_rng(0)
    labels = ("_background_noise_", *CHINESE[1:])
    return base.with_head(
        rng.normal(0, 0.3, (32, 3)),
        rng.normal(0, 0.1, 3),
        labels,
        title="滑块 slides",
        thresholds={"上一张": 0.4, "下一张": 0.6},
    )
