"""Our networks against Keras' own, with the files that Keras writes.

One process imports TensorFlow, makes the files and the expected outputs, and ends.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.inference.flatbuffer import to_litert
from core.inference.litert import LiteRtModel
from core.pretrained.architectures.blocks import ArraySource
from core.pretrained.backbone import OUTPUTS
from core.pretrained.convert import golden_input
from core.pretrained.identify import Identified, identify
from core.pretrained.keras_weights import read_keras_weights

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[3]
FAMILIES = ("mobilenet_v1", "mobilenet_v2", "mobilenet_v3_large")
LAYOUTS = ("model.h5", "model.keras", "model.weights.h5")

# Batch statistics must fit the network: with fresh ones activations fade and nothing is proved.
SCRIPT = """
import sys, warnings
from pathlib import Path
import numpy as np
import keras
from core.pretrained.convert import golden_input

made = keras.applications
MAKERS = {
    "mobilenet_v1": lambda: made.MobileNet(alpha=0.25, weights=None),
    "mobilenet_v2": lambda: made.MobileNetV2(weights=None),
    "mobilenet_v3_large": lambda: made.MobileNetV3Large((224, 224, 3), weights=None),
}
folder = Path(sys.argv[1])
rng = np.random.default_rng(7)
picture = np.concatenate([golden_input(0, 224), golden_input(1, 224)])
for name, make in MAKERS.items():
    model = make()
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            count = layer.gamma.shape[0]
            layer.gamma.assign(rng.uniform(0.7, 1.3, count))
            layer.beta.assign(rng.normal(0, 0.2, count))
            layer.momentum = 0.0
        elif layer.weights and layer.weights[-1].path.endswith("bias"):
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, rng.normal(0, 0.2, bias.shape)])
    # Keras' V3 scales pixels itself.
    is_v3 = name == "mobilenet_v3_large"
    seen = picture * 127.5 + 127.5 if is_v3 else picture
    # Without momentum, one step in training mode sets the statistics to those of these pictures.
    model(seen, training=True)
    target = folder / name
    target.mkdir()
    for layout in ("model.h5", "model.keras"):
        model.save(target / layout)
    model.save_weights(target / "model.weights.h5")
    pools = [l for l in model.layers if isinstance(l, keras.layers.GlobalAveragePooling2D)]
    feature_map = pools[-1].input
    probes = keras.Model(model.input, [feature_map, model.output])
    features, probabilities = probes(seen, training=False)
    np.savez(target / "expected.npz", feature_map=features, probabilities=probabilities)
"""


@pytest.fixture(scope="module")
def keras_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keras")
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(folder)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def found(path: Path, family: str) -> Identified:
    identified = identify(read_keras_weights(path), name=path.name)
    assert (identified.architecture.name, identified.classes) == (family, 1000)
    return identified


@pytest.mark.parametrize("family", FAMILIES)
def test_our_network_computes_what_keras_computes(keras_files: Path, family: str) -> None:
    identified = found(keras_files / family / "model.h5", family)
    network = identified.architecture.build(
        ArraySource(identified.arrays), alpha=identified.alpha, classes=identified.classes
    )
    model = LiteRtModel(to_litert(network, outputs=OUTPUTS))
    outputs = model.run(np.concatenate([golden_input(0, 224), golden_input(1, 224)]))
    with np.load(keras_files / family / "expected.npz") as expected:
        assert expected["feature_map"].std() > 0.05
        assert expected["probabilities"].max() > 0.0015
        np.testing.assert_allclose(outputs["probabilities"], expected["probabilities"], atol=1e-4)
        pooled = expected["feature_map"].mean((1, 2))
        np.testing.assert_allclose(outputs["embedding"], pooled, atol=1e-4)
        # Single values of a map reach 6, and an untrained network of this depth amplifies the
        # rounding of either side: 1e-4 of the largest one.
        scale = float(np.abs(expected["feature_map"]).max())
        np.testing.assert_allclose(
            outputs["feature_map"], expected["feature_map"], rtol=0, atol=1e-4 * scale
        )
    # Two inputs must not look alike to the network, or the comparison would say little.
    assert np.abs(outputs["logits"][0] - outputs["logits"][1]).max() > 0.1


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_file_that_keras_writes_gives_the_same_weights(
    keras_files: Path, family: str, layout: str
) -> None:
    first = found(keras_files / family / "model.h5", family)
    other = found(keras_files / family / layout, family)
    assert first.arrays.keys() == other.arrays.keys()
    for name, array in first.arrays.items():
        np.testing.assert_array_equal(other.arrays[name], array, err_msg=name)
