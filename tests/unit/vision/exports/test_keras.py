"""The exported Keras files in Keras itself."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from core.exports import GOLDEN_TOLERANCE
from core.vision.exports import PictureModel, export_model
from tests.picture_models import LABELS, LITE, MOBILENET, picture_model

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def models() -> dict[str, PictureModel]:
    pytest.importorskip("keras")
    return {
        "as in the article": picture_model("mobilenet_v1", "feature_map", preprocessing=MOBILENET),
        "with gates": picture_model("mobilenet_v3_large", hidden=0, preprocessing=LITE),
    }


def test_keras_loads_the_h5_and_answers_alike(
    models: dict[str, PictureModel], tmp_path: Path
) -> None:
    import keras

    for name, model in models.items():
        path = tmp_path / "model.h5"
        path.write_bytes(export_model(model, "h5").content)
        loaded = keras.models.load_model(path)
        answers = np.asarray(loaded(model.golden_pictures.astype(np.float32), training=False))
        assert np.abs(answers - model.golden_answers).max() <= GOLDEN_TOLERANCE, name


def test_the_keras_archive_is_checked_in_keras_and_loads_again(
    models: dict[str, PictureModel], tmp_path: Path
) -> None:
    import keras

    model = models["as in the article"]
    export = export_model(model, "keras")
    assert export.report.max_difference <= GOLDEN_TOLERANCE
    with zipfile.ZipFile(BytesIO(export.content)) as archive:
        assert json.loads(archive.read("teachdeck.json"))["labels"] == list(LABELS)
    path = tmp_path / "model.keras"
    path.write_bytes(export.content)
    loaded = keras.models.load_model(path)
    answers = np.asarray(loaded(model.golden_pictures.astype(np.float32), training=False))
    assert np.abs(answers - model.golden_answers).max() <= GOLDEN_TOLERANCE
    # The layers are Keras' own, so training can go on.
    assert "conv_pw_13_relu" in [layer.name for layer in loaded.layers]
