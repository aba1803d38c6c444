"""The exported Keras file of words in Keras itself."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from core.exports import GOLDEN_TOLERANCE
from core.speech import SpeechModel
from core.speech.exports import WordModel, export_words

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def test_keras_loads_the_archive_and_answers_alike(taught: SpeechModel, tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    export = export_words(taught, "keras")
    assert export.report.max_difference <= GOLDEN_TOLERANCE
    with zipfile.ZipFile(BytesIO(export.content)) as archive:
        assert json.loads(archive.read("teachdeck.json"))["labels"] == list(taught.labels)
    path = tmp_path / "model.keras"
    path.write_bytes(export.content)
    loaded = keras.models.load_model(path)
    golden = WordModel(taught, "x")
    answers = np.asarray(loaded(golden.golden_features, training=False))
    assert np.abs(answers - golden.golden_answers).max() <= GOLDEN_TOLERANCE
    assert [layer.name for layer in loaded.layers][-2:] == ["dense_1", "NewHeadDense"]
