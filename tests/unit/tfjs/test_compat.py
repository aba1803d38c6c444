"""What means something else in the other library is rewritten or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.tfjs.compat import ConversionRefusedError, adapt, dialect_of, problems
from core.tfjs.model import LayersModel, Origin

KERAS3 = Origin("keras_keras", keras_version="3.15.1")
KERAS2 = Origin("keras", keras_version="2.15.0")
TFJS = Origin("tfjs_layers_model")


def layer(class_name: str, name: str = "layer", **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": {"name": name, **config}}


def chain(
    *layers: dict[str, Any],
    shape: tuple[int | None, ...] = (4,),
    origin: Origin = KERAS3,
    weights: dict[str, np.ndarray] | None = None,
) -> LayersModel:
    source = layer("InputLayer", "input", batch_input_shape=[None, *shape], dtype="float32")
    topology = {"class_name": "Sequential", "config": {"name": "m", "layers": [source, *layers]}}
    return LayersModel(topology, weights or {}, origin=origin)


def classes(model: LayersModel) -> list[str]:
    return [entry["class_name"] for entry in model.layers[1:]]


def codes(model: LayersModel, target: Any = "tfjs") -> list[str]:
    return [note.code.removeprefix("compat.") for note in problems(model, target)]


@pytest.mark.parametrize(
    ("origin", "dialect"), [(KERAS3, "keras3"), (KERAS2, "keras2"), (TFJS, "tfjs")]
)
def test_a_models_names_stand_for_the_functions_of_its_library(
    origin: Origin, dialect: str
) -> None:
    assert dialect_of(chain(origin=origin)) == dialect


def test_a_model_that_means_the_same_is_kept_as_it_is() -> None:
    dense = layer("Dense", "d", units=2, activation="relu", use_bias=True)
    model = chain(dense, weights={"d/kernel": np.ones((4, 2), np.float32)})
    adapted = adapt(model, "tfjs")
    assert adapted.topology == model.topology
    assert adapted.weights["d/kernel"] is model.weights["d/kernel"]


def test_hard_sigmoid_of_keras_3_becomes_layers_and_that_of_keras_2_stays() -> None:
    activation = layer("Activation", "gate", activation="hard_sigmoid")
    rewritten = adapt(chain(activation), "tfjs")
    assert classes(rewritten) == ["Rescaling", "ReLU", "Rescaling"]
    assert rewritten.layers[-1]["config"]["name"] == "gate"
    for origin in (KERAS2, TFJS):
        assert classes(adapt(chain(activation, origin=origin), "tfjs")) == ["Activation"]
    # An .h5 file may be opened by either Keras, so no name is left to be taken two ways.
    for origin in (KERAS3, KERAS2, TFJS):
        assert "Activation" not in classes(adapt(chain(activation, origin=origin), "keras"))


def test_gates_are_scaled_so_that_the_other_hard_sigmoid_gives_the_same() -> None:
    lstm = layer("LSTM", "l", units=1, recurrent_activation="hard_sigmoid", activation="tanh")
    weights = {
        "l/kernel": np.ones((4, 4), np.float32),
        "l/recurrent_kernel": np.ones((1, 4), np.float32),
        "l/bias": np.ones(4, np.float32),
    }
    adapted = adapt(chain(lstm, shape=(3, 4), weights=weights), "tfjs")
    expected = np.float32([5 / 6, 5 / 6, 1, 5 / 6])  # input, forget, candidate, output
    for name in weights:
        np.testing.assert_allclose(
            adapted.weights[name], np.broadcast_to(expected, weights[name].shape)
        )
    back = adapt(chain(lstm, shape=(3, 4), weights=dict(adapted.weights), origin=TFJS), "keras3")
    for name in weights:
        np.testing.assert_allclose(back.weights[name], weights[name], rtol=1e-6)


def test_adapting_twice_is_adapting_once() -> None:
    lstm = layer("LSTM", "l", units=1, recurrent_activation="hard_sigmoid", activation="tanh")
    weights = {"l/kernel": np.ones((4, 4), np.float32)}
    for origin, target in ((KERAS3, "tfjs"), (TFJS, "keras3"), (KERAS2, "keras3")):
        once = adapt(chain(lstm, shape=(3, 4), weights=weights, origin=origin), target)
        twice = adapt(once, target)
        np.testing.assert_array_equal(twice.weights["l/kernel"], once.weights["l/kernel"])
        assert twice.topology == once.topology


@pytest.mark.parametrize(
    ("entry", "shape", "code"),
    [
        (layer("GRU", units=2, reset_after=True), (3, 4), "gru_reset_after"),
        (layer("Resizing", height=5, width=5), (9, 9, 3), "resize_grid"),
        (layer("UpSampling2D", size=[2, 2], interpolation="bilinear"), (4, 4, 1), "resize_grid"),
        (layer("Activation", activation="exponential"), (4,), "activation"),
        (layer("ELU", alpha=0.5), (4,), "elu_alpha"),
        (layer("GroupNormalization", groups=2), (4, 4), "layer_missing"),
        (layer("RandomFlip", mode="horizontal"), (8, 8, 3), "augmentation"),
        (layer("BatchNormalization", axis=-1), (2, 2, 2, 3), "batch_norm_rank"),
        (layer("LayerNormalization", axis=-1, rms_scaling=True), (4,), "layer_norm_rms"),
        (layer("Conv2DTranspose", filters=1, kernel_size=[2, 2], output_padding=[1, 1]),
         (4, 4, 1), "output_padding"),
        (layer("RNN", cell={"class_name": "LSTMCell", "config": {"units": 2}}), (3, 4),
         "rnn_cells"),
        (layer("ConvLSTM2D", filters=1, kernel_size=[2, 2], data_format="channels_first"),
         (3, 1, 4, 4), "channels_first"),
    ],
)  # fmt: skip
def test_what_has_no_counterpart_is_refused_with_its_reason(
    entry: dict[str, Any], shape: tuple[int, ...], code: str
) -> None:
    assert codes(chain(entry, shape=shape)) == [code]


def test_all_reasons_come_at_once_and_name_the_layers() -> None:
    model = chain(
        layer("RandomFlip", "flip", mode="horizontal"),
        layer("Resizing", "resize", height=5, width=5),
        shape=(9, 9, 3),
    )
    with pytest.raises(ConversionRefusedError) as refusal:
        adapt(model, "tfjs")
    assert len(refusal.value.problems) == 2
    assert "flip" in refusal.value.message
    assert "resize" in refusal.value.message


def test_augmentation_layers_can_be_stripped() -> None:
    flip = layer("RandomFlip", "flip", mode="horizontal")
    stripped = adapt(chain(flip, shape=(8, 8, 3)), "tfjs", strip_augmentation=True)
    assert [entry["config"].get("activation") for entry in stripped.layers[1:]] == ["linear"]


def test_normalization_becomes_a_batch_normalization_with_its_statistics() -> None:
    model = chain(
        layer("Normalization", "n", axis=[-1]),
        shape=(2,),
        weights={
            "n/mean": np.float32([1, 2]),
            "n/variance": np.float32([4, 0]),
            "n/count": np.int32(5),
        },
    )
    adapted = adapt(model, "tfjs")
    (config,) = [entry["config"] for entry in adapted.layers[1:]]
    assert (config["epsilon"], config["center"], config["scale"]) == (0.0, False, False)
    assert set(adapted.weights) == {"n/moving_mean", "n/moving_variance"}
    # Keras divides by no less than 1e-7.
    np.testing.assert_allclose(adapted.weights["n/moving_variance"], [4, 1e-14], rtol=1e-6)


def test_a_grouped_convolution_becomes_a_full_one_with_zeros() -> None:
    kernel = np.arange(1, 5, dtype=np.float32).reshape(1, 1, 1, 4)
    conv = layer("Conv2D", "c", filters=4, kernel_size=[1, 1], groups=2, use_bias=False)
    adapted = adapt(chain(conv, shape=(3, 3, 2), weights={"c/kernel": kernel}), "tfjs")
    expected = [[[[1, 2, 0, 0], [0, 0, 3, 4]]]]
    np.testing.assert_array_equal(adapted.weights["c/kernel"], expected)


def test_a_dilated_depthwise_kernel_gets_zeros_between_its_taps() -> None:
    kernel = np.ones((2, 2, 1, 1), np.float32)
    conv = layer("DepthwiseConv2D", "d", kernel_size=[2, 2], dilation_rate=[2, 2], use_bias=False)
    model = chain(conv, shape=(5, 5, 1), weights={"d/depthwise_kernel": kernel})
    wide = adapt(model, "tfjs").weights["d/depthwise_kernel"][..., 0, 0]
    np.testing.assert_array_equal(wide, [[1, 0, 1], [0, 0, 0], [1, 0, 1]])


def test_masks_pass_only_where_both_libraries_carry_them_alike() -> None:
    words = layer("Embedding", "e", input_dim=5, output_dim=4, mask_zero=True)
    plain = layer("LSTM", "l", units=2, recurrent_activation="sigmoid", activation="tanh")
    assert codes(chain(words, plain, shape=(6,))) == []
    average = layer("GlobalAveragePooling1D", "g")
    assert codes(chain(words, average, shape=(6,))) == ["mask_reaches"]
    flat = layer("Flatten", "f")
    again = layer("Reshape", "r", target_shape=[6, 4])
    assert codes(chain(words, flat, again, plain, shape=(6,))) == ["mask_stale"]


def test_names_that_tensorflowjs_takes_for_invalid_are_changed_everywhere() -> None:
    model = chain(
        layer("Dense", "_my layer", units=2, activation="linear"),
        weights={"_my layer/kernel": np.ones((4, 2), np.float32)},
    )
    adapted = adapt(model, "tfjs")
    assert adapted.layers[-1]["config"]["name"] == "layer_my_layer"
    assert list(adapted.weights) == ["layer_my_layer/kernel"]
    assert [note.code for note in adapted.notices] == ["compat.note_renamed"]


def test_the_old_release_gets_nothing_that_it_does_not_know() -> None:
    swish = layer("Activation", activation="swish")
    assert codes(chain(swish), "tfjs") == []
    assert codes(chain(swish), "tfjs-1.3.1") == ["activation"]
    assert codes(chain(layer("Rescaling", scale=2.0)), "tfjs-1.3.1") == ["layer_missing"]


def test_thresholded_relu_becomes_what_keras_3_still_has() -> None:
    model = chain(layer("ThresholdedReLU", theta=0.5), origin=TFJS)
    (config,) = [entry["config"] for entry in adapt(model, "keras3").layers[1:]]
    assert config["threshold"] == 0.5
