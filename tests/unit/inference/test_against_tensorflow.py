"""Whole networks against Keras and TensorFlow's own conversion."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from core.inference.flatbuffer import to_litert
from core.inference.from_keras import network_from_keras
from core.inference.litert import LiteRtModel

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def tf() -> Any:
    return pytest.importorskip("tensorflow", reason="TensorFlow is not installed")


def every_layer(keras: Any) -> Any:
    layers = keras.layers
    picture = keras.Input((33, 30, 3), name="picture")
    x = layers.Rescaling(0.5, offset=-0.25, name="rescaling")(picture)
    x = layers.ZeroPadding2D(((0, 1), (1, 2)), name="pad")(x)
    x = layers.Conv2D(8, (3, 2), strides=2, dilation_rate=1, use_bias=False, name="conv")(x)
    x = layers.BatchNormalization(name="conv_bn", epsilon=1e-2)(x)
    x = layers.ReLU(max_value=6.0, name="conv_relu")(x)
    y = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, activation="silu", name="dw")(
        x
    )
    y = layers.SeparableConv2D(8, 5, padding="same", depth_multiplier=2, name="separable")(y)
    y = layers.BatchNormalization(scale=False, name="separable_bn")(y)
    gate = layers.GlobalAveragePooling2D(keepdims=True, name="squeeze")(y)
    gate = layers.Dense(8, activation="hard_sigmoid", name="gate")(gate)
    y = layers.Multiply(name="gated")([y, gate])
    x = layers.Add(name="sum")([x, y, layers.LeakyReLU(name="leaky")(y)])
    x = layers.BatchNormalization(center=False, name="lone_bn")(x)
    x = layers.Activation("hard_silu", name="swish")(x)
    left = layers.MaxPooling2D(3, strides=2, padding="same", name="max")(x)
    right = layers.AveragePooling2D(3, strides=2, padding="same", name="mean")(x)
    x = layers.Concatenate(name="joined")([left, right])
    x = layers.SpatialDropout2D(0.4, name="spatial")(x)
    x = layers.Conv2D(6, 3, dilation_rate=2, padding="same", activation="elu", name="dilated")(x)
    top = layers.GlobalMaxPooling2D(name="top")(x)
    x = layers.Flatten(name="flat")(x)
    x = layers.Dense(12, activation="tanh", name="hidden")(layers.Dropout(0.3, name="drop")(x))
    x = layers.Concatenate(name="features")([x, top])
    x = layers.Reshape((3, -1), name="rows")(x)
    x = layers.Dense(4, activation="sigmoid", name="row_scores")(x)
    x = layers.Reshape((12,), name="one_row")(x)
    return keras.Model(picture, layers.Dense(5, activation="softmax", name="scores")(x))


def speech_commands(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((43, 232, 1)),
            layers.Conv2D(8, (2, 8), activation="relu"),
            layers.MaxPooling2D(2, strides=2),
            layers.Conv2D(32, (2, 4), activation="relu"),
            layers.MaxPooling2D(2, strides=2),
            layers.Conv2D(32, (2, 4), activation="relu"),
            layers.MaxPooling2D((2, 2), strides=(1, 2)),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(20, activation="softmax"),
        ]
    )


def nested(keras: Any) -> Any:
    layers = keras.layers
    base = keras.applications.MobileNetV2((64, 64, 3), alpha=0.35, weights=None, include_top=False)
    head = keras.Sequential([keras.Input((1280,)), layers.Dense(7, activation="softmax")])
    return keras.Sequential(
        [keras.Input((64, 64, 3)), base, layers.GlobalAveragePooling2D(), head], name="nested"
    )


MODELS: dict[str, Callable[[Any], Any]] = {
    "every_layer": every_layer,
    "speech_commands": speech_commands,
    "nested": nested,
    "mobilenet_v1": lambda keras: keras.applications.MobileNet(
        (96, 96, 3), alpha=0.25, weights=None, classes=10
    ),
    "mobilenet_v3_large": lambda keras: keras.applications.MobileNetV3Large(
        (96, 96, 3), minimalistic=False, weights=None, classes=10
    ),
}


def weights_of(model: Any) -> dict[str, NDArray[np.float32]]:
    found: dict[str, NDArray[np.float32]] = {}
    for layer in model.layers:
        if hasattr(layer, "layers"):
            found |= weights_of(layer)
        else:
            found |= {f"{layer.name}/{each.name}": each.numpy() for each in layer.weights}
    return found


def randomise(model: Any) -> None:
    """Give batch norms the means and variances of a trained network, not 0 and 1."""
    rng = np.random.default_rng(1)
    for layer in model._flatten_layers():
        for weight in getattr(layer, "_trainable_variables", []) + getattr(
            layer, "_non_trainable_variables", []
        ):
            if weight.name in ("gamma", "moving_variance"):
                weight.assign(rng.uniform(0.5, 2, weight.shape))
            elif weight.name in ("beta", "moving_mean", "bias"):
                weight.assign(rng.normal(scale=0.3, size=weight.shape))


@pytest.mark.parametrize("name", MODELS)
def test_network_agrees_with_keras_and_with_tensorflows_conversion(tf: Any, name: str) -> None:
    tf.keras.utils.set_random_seed(2)
    model = MODELS[name](tf.keras)
    randomise(model)
    x = np.random.default_rng(3).normal(size=(2, *model.input_shape[1:])).astype(np.float32)
    expected = np.asarray(model(x, training=False))

    network = network_from_keras(json.loads(model.to_json()), weights_of(model), keras3=True)
    (output,) = network.outputs
    received = LiteRtModel(to_litert(network, outputs=[output])).run(x)[output]
    np.testing.assert_allclose(received, expected, atol=1e-4)

    interpreter = Interpreter(
        model_content=tf.lite.TFLiteConverter.from_keras_model(model).convert()
    )
    interpreter.allocate_tensors()
    for at in range(2):
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x[at : at + 1])
        interpreter.invoke()
        converted = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        np.testing.assert_allclose(received[at : at + 1], converted, atol=1e-4)


def test_every_layers_own_output_agrees_with_keras(tf: Any) -> None:
    tf.keras.utils.set_random_seed(4)
    model = every_layer(tf.keras)
    randomise(model)
    names = [layer.name for layer in model.layers]
    x = np.random.default_rng(5).normal(size=(2, 33, 30, 3)).astype(np.float32)
    every = tf.keras.Model(model.input, [layer.output for layer in model.layers])(x)
    network = network_from_keras(json.loads(model.to_json()), weights_of(model), keras3=True)
    for name, expected in zip(names, every, strict=True):
        received = LiteRtModel(to_litert(network, outputs=[name])).run(x)[name]
        np.testing.assert_allclose(received, np.asarray(expected), atol=1e-4, err_msg=name)
