from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile

import h5py
import numpy as np
import pytest

from core.errors import ModelError
from core.tfjs.read import read_model
from core.tfjs.variables import snake_case

RNG = np.random.default_rng(5)


def layer(class_name, name, **config):
    return {"module": "keras.layers", "class_name": class_name, "config": {"name": name, **config}}


def make(config, variables, *, names=None):
    """Return a .keras archive; `names` are the layers' names by their group."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for path, array in variables.items():
            file[path] = array
        for path, name in (names or {}).items():
            file.require_group(f"{path}/vars").attrs["name"] = name
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("metadata.json", json.dumps({"keras_version": "3.15.1"}))
        zipped.writestr("config.json", json.dumps(config))
        zipped.writestr("model.weights.h5", buffer.getvalue())
    return archive.getvalue()


def random(*shape):
    return RNG.normal(size=shape).astype(np.float32)


INPUT = layer("InputLayer", "x", batch_shape=[None, 3])
INNER = {
    "class_name": "Sequential",
    "config": {"name": "inner", "layers": [INPUT, layer("Dense", "b", units=3, use_bias=False)]},
}
CONFIG = {
    "class_name": "Sequential",
    "config": {
        "name": "outer",
        "layers": [
            INPUT,
            layer("Dense", "a", units=3),
            INNER,
            layer("Dense", "c", units=3, use_bias=False),
        ],
    },
}


@pytest.mark.parametrize("layers", ["layers", "_layer_checkpoint_dependencies"])
def test_classes_are_counted_in_the_order_of_the_layers(layers):
    variables = {
        f"{layers}/dense/vars/0": random(3, 3),
        f"{layers}/dense/vars/1": random(3),
        f"{layers}/sequential/{layers}/dense/vars/0": random(3, 3),
        f"{layers}/dense_1/vars/0": random(3, 3),
        "optimizer/vars/0": random(100),
    }
    model = read_model(make(CONFIG, variables))
    arrays = list(variables.values())
    assert list(model.weights) == ["a/kernel", "a/bias", "b/kernel", "c/kernel"]
    for found, stored in zip(model.weights.values(), arrays, strict=False):
        assert found.tobytes() == stored.tobytes()
    assert model.origin.format == "keras_keras"
    assert model.origin.keras_version == "3.15.1"


def test_the_layers_own_name_wins_over_the_counter():
    variables = {
        "layers/dense/vars/0": random(3, 3),
        "layers/dense_1/vars/0": random(3, 3),
        "layers/dense_1/vars/1": random(3),
        "layers/sequential/layers/dense/vars/0": random(3, 3),
    }
    names = {"layers/dense": "c", "layers/dense_1": "a", "layers/sequential": "inner"}
    model = read_model(make(CONFIG, variables, names=names))
    assert model.weights["c/kernel"].tobytes() == variables["layers/dense/vars/0"].tobytes()
    assert model.weights["a/kernel"].tobytes() == variables["layers/dense_1/vars/0"].tobytes()


def test_a_missing_variable_is_named():
    with pytest.raises(ModelError, match="such as a/kernel"):
        read_model(make(CONFIG, {"layers/dense_1/vars/0": random(3, 3)}))


@pytest.mark.parametrize(
    ("class_name", "name"),
    [
        ("Conv2D", "conv2d"),
        ("PReLU", "p_re_lu"),
        ("LSTM", "lstm"),
        ("SimpleRNN", "simple_rnn"),
        ("DepthwiseConv2D", "depthwise_conv2d"),
        ("Conv2DTranspose", "conv2d_transpose"),
        ("GlobalAveragePooling2D", "global_average_pooling2d"),
        ("ELU", "elu"),
    ],
)
def test_names_of_classes_are_those_of_keras(class_name, name):
    assert snake_case(class_name) == name


_BUILD = """
import json, sys
import numpy as np, keras
from keras import layers as L
inner = keras.Sequential([L.Input((8, 8, 4)), L.Conv2D(5, 3, name="i_conv"),
    L.BatchNormalization(name="i_bn"), L.SeparableConv2D(3, 3, name="i_sep")], name="inner")
picture = L.Input((8, 8, 4), name="picture")
x = L.DepthwiseConv2D(3, activation="silu", name="dw")(inner(picture))
x = L.Flatten(name="flat")(L.DepthwiseConv2D(1, name="dw2")(x))
shared = L.Dense(6, name="shared")
y = L.Concatenate(name="cat")([shared(x), shared(L.ReLU(name="r")(x))])
y = L.Dropout(0.2, seed=3, name="drop")(y)
words = L.Input((None, 3), name="words")
z = L.Bidirectional(L.LSTM(4, return_sequences=True, name="mine"), name="bi")(words)
z = L.TimeDistributed(L.Dense(3, name="tdd"), name="td")(z)
z = L.GRU(3, return_sequences=True, name="gru")(z)
z = L.RNN(L.LSTMCell(4, name="cell"), return_sequences=True, name="rnn")(z)
z = L.RNN([L.GRUCell(4), L.SimpleRNNCell(5)], name="stack")(z)
out = L.Dense(2, name="out")(L.Concatenate(name="both")([y, z]))
model = keras.Model([picture, words], [out, y], name="model")
rng = np.random.default_rng(0)
for variable in model.variables:
    if variable.dtype == "float32":
        variable.assign(rng.normal(size=variable.shape))
for ending in ("keras", "h5", "weights.h5"):
    (model.save_weights if ending == "weights.h5" else model.save)(f"{sys.argv[1]}/model.{ending}")
np.savez(sys.argv[1] + "/truth.npz", *[np.asarray(w) for w in model.trainable_weights])
"""


@pytest.mark.slow
def test_what_keras_3_writes_is_read_alike_in_all_its_formats(tmp_path):
    build = subprocess.run(
        [sys.executable, "-c", _BUILD, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert build.returncode == 0, build.stderr[-2000:]
    archive = read_model(tmp_path / "model.keras")
    legacy = read_model(tmp_path / "model.h5")
    alone = read_model(tmp_path / "model.weights.h5", topology=archive.topology)
    assert archive.topology == legacy.topology == alone.topology
    for other in (legacy, alone):
        assert list(other.weights) == list(archive.weights)
        for name, array in archive.weights.items():
            assert array.tobytes() == other.weights[name].tobytes()
    truth = np.load(tmp_path / "truth.npz")
    stored = {array.tobytes() for array in archive.weights.values()}
    assert {truth[name].tobytes() for name in truth} <= stored
    assert {"bi/forward_mine/kernel", "td/kernel", "stack/RNNCell_1/bias"} <= set(archive.weights)
    assert "dw/depthwise_kernel" in archive.weights
    assert archive.notices == legacy.notices == ()
