from __future__ import annotations

import io
import json

import h5py
import numpy as np
import pytest

from core.errors import ModelError
from core.tfjs.read import read_model
from core.tfjs.read_h5 import read_h5

RNG = np.random.default_rng(3)


def random(*shape, dtype=np.float32):
    return RNG.normal(size=shape).astype(dtype)


def layer(class_name, name, **config):
    return {"class_name": class_name, "config": {"name": name, **config}}


CONV = {"filters": 2, "kernel_size": [3, 3], "strides": [1, 1], "padding": "same"}
MODEL = {
    "class_name": "Sequential",
    "config": {
        "name": "model",
        "layers": [
            layer("Conv2D", "conv", batch_input_shape=[None, 8, 8, 3], **CONV),
            layer("DepthwiseConv2D", "dw", kernel_size=[3, 3], use_bias=False),
            layer("BatchNormalization", "bn", axis=[3]),
            layer("Flatten", "flat"),
        ],
    },
}
ARRAYS = {
    "conv": {"kernel": random(3, 3, 3, 2), "bias": random(2)},
    "dw": {"depthwise_kernel": random(3, 3, 2, 1)},
    "bn": {n: random(2) for n in ("gamma", "beta", "moving_mean", "moving_variance")},
    "flat": {},
}
EXPECTED = {f"{name}/{v}": array for name, group in ARRAYS.items() for v, array in group.items()}


def make(groups, *, config=MODEL, version="2.2.4-tf", root="model_weights", training=None):
    """Return an .h5 file; `groups` maps layers to arrays by their stored name, in order."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        if config is not None:
            file.attrs["model_config"] = json.dumps(config).encode()
            file.attrs["keras_version"] = version.encode()
        if training is not None:
            file.attrs["training_config"] = json.dumps(training).encode()
        weights = file.require_group(root) if root else file
        weights.attrs["layer_names"] = [name.encode() for name in groups]
        weights.attrs["keras_version"] = version.encode()
        for name, arrays in groups.items():
            group = weights.create_group(name)
            group.attrs["weight_names"] = [stored.encode() for stored in arrays]
            for stored, array in arrays.items():
                group[stored] = array
        file["optimizer_weights/slot"] = random(100)
    return buffer.getvalue()


def keras2(prefix="{layer}/{variable}:0"):
    return {
        name: {prefix.format(layer=name, variable=v): array for v, array in arrays.items()}
        for name, arrays in ARRAYS.items()
    }


def check(model, expected=EXPECTED):
    assert list(model.weights) == list(expected)
    for name, array in expected.items():
        assert model.weights[name].tobytes() == array.tobytes()


def test_a_file_of_keras_2_is_read():
    model = read_h5(make(keras2(), training={"loss": "mse"}))
    check(model)
    assert model.origin.format == "keras"
    assert model.origin.keras_version == "2.2.4-tf"
    assert model.training_config == {"loss": "mse"}
    assert model.layers[3]["config"]["axis"] == 3


def test_names_that_keras_2_made_unique_are_matched():
    check(read_h5(make(keras2("{layer}_2/{variable}:0"))))


def test_a_file_of_keras_3_is_read():
    groups = {
        name: {
            f"model/{name}/{v.replace('depthwise_kernel', 'kernel')}": array
            for v, array in arrays.items()
        }
        for name, arrays in ARRAYS.items()
    }
    groups["top_level_model_weights"] = {}
    check(read_h5(make(groups, version="3.15.1")))


def test_weights_are_found_without_the_list_of_their_names():
    content = make(keras2())
    with h5py.File(buffer := io.BytesIO(content), "r+") as file:
        for name in ARRAYS:
            del file[f"model_weights/{name}"].attrs["weight_names"]
    check(read_h5(buffer.getvalue()))


def test_a_file_of_keras_1_is_read():
    config = {
        "class_name": "Sequential",
        "config": [
            layer(
                "Convolution2D",
                "convolution2d_1",
                nb_filter=2,
                nb_row=3,
                nb_col=3,
                border_mode="same",
                init="glorot_uniform",
                dim_ordering="tf",
                bias=True,
                batch_input_shape=[None, 8, 8, 3],
                input_dtype="float32",
            ),
            layer("BatchNormalization", "bn", mode=0, axis=-1),
            layer("Flatten", "flatten_1"),
            layer("Dense", "dense_1", output_dim=4, input_dim=128, init="glorot_uniform"),
        ],
    }
    kernel, bias = random(3, 3, 3, 2), random(2)
    normal = [random(2) for _ in range(4)]
    dense = random(128, 4), random(4)
    groups = {
        "convolution2d_1": {"convolution2d_1_W": kernel, "convolution2d_1_b": bias},
        "bn": dict(
            zip(("bn_gamma", "bn_beta", "bn_running_mean", "bn_running_std"), normal, strict=True)
        ),
        "flatten_1": {},
        "dense_1": dict(zip(("param_0", "param_1"), dense, strict=True)),
    }
    model = read_h5(make(groups, config=config, version="1.2.2"))
    expected = {
        "convolution2d_1/kernel": kernel,
        "convolution2d_1/bias": bias,
        "bn/gamma": normal[0],
        "bn/beta": normal[1],
        "bn/moving_mean": normal[2],
        "bn/moving_variance": normal[3],
        "dense_1/kernel": dense[0],
        "dense_1/bias": dense[1],
    }
    check(model, expected)
    assert model.layers[1]["config"]["kernel_size"] == [3, 3]
    assert model.layers[4]["config"]["units"] == 4


def test_weights_of_a_nested_model_are_found_by_name():
    nested = {
        "class_name": "Sequential",
        "config": {"name": "base", "layers": MODEL["config"]["layers"]},
    }
    config = {"class_name": "Sequential", "config": {"name": "outer", "layers": [nested]}}
    for prefix in ("{layer}/{variable}:0", "base/{layer}/{variable}:0"):
        groups = {"base": {}}
        # Keras 2 lists what is trained first.
        names = sorted(EXPECTED, key=lambda name: "moving" in name)
        for name in names:
            stored_layer, variable = name.split("/")
            groups["base"][prefix.format(layer=stored_layer, variable=variable)] = EXPECTED[name]
        check(read_h5(make(groups, config=config)))


def test_weights_alone_need_an_architecture():
    content = make(keras2(), config=None, root=None)
    with pytest.raises(ModelError, match="weights without an architecture"):
        read_h5(content)
    check(read_h5(content, topology=MODEL))
    check(read_h5(content, topology=read_h5(content, topology=MODEL).topology))


def test_half_and_double_precision_become_float32():
    groups = keras2()
    groups["conv"] = {
        "conv/kernel:0": ARRAYS["conv"]["kernel"].astype(np.float16),
        "conv/bias:0": ARRAYS["conv"]["bias"].astype(np.float64),
    }
    model = read_h5(make(groups))
    assert model.weights["conv/kernel"].dtype == np.float32
    assert model.weights["conv/bias"].tobytes() == ARRAYS["conv"]["bias"].tobytes()


def test_a_missing_weight_is_named():
    groups = keras2()
    groups["dw"] = {}
    with pytest.raises(ModelError, match="such as dw/depthwise_kernel"):
        read_h5(make(groups))


def test_real_mobilenet_has_the_same_bits_in_both_formats(shared_data):
    folder = shared_data / "mobilenet_v1_025_224"
    keras, tfjs = read_model(folder / "keras.h5"), read_model(folder / "web_model")
    assert len(keras.weights) == 137
    assert set(keras.weights) == set(tfjs.weights)
    for name, array in keras.weights.items():
        assert array.tobytes() == tfjs.weights[name].tobytes()


def test_a_real_file_with_an_optimiser_is_read_without_it(shared_data):
    model = read_model(shared_data / "tfjs-zoo" / "conv2d-maxpool-doodle" / "model.h5")
    assert model.parameters == 110052
    assert model.training_config is not None
