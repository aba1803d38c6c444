"""The proof finds what a conversion must not change."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.errors import ModelError
from core.tfjs.examples import ExampleInputs, drawn_pictures, example_inputs
from core.tfjs.model import LayersModel
from core.tfjs.proof import compare_outputs, prove_topology, prove_weights
from core.tfjs.quantize import dequantize, quantize


def model(*shape: int | None, first: str = "Dense", **config: Any) -> LayersModel:
    source = {"name": "i", "batch_input_shape": [None, *shape], "dtype": "float32"}
    layers = [
        {"class_name": "InputLayer", "config": source},
        {"class_name": first, "config": {"name": "d", "units": 2, **config}},
    ]
    weights = {"d/kernel": np.float32([[0.1, -0.7], [0.3, 0.4]])}
    topology = {"class_name": "Sequential", "config": {"name": "m", "layers": layers}}
    return LayersModel(topology, weights)


def test_null_settings_and_their_absence_are_the_same_topology() -> None:
    one, other = model(2), model(2, activity_regularizer=None)
    prove_topology(one, other)


def test_a_changed_setting_is_found_and_its_layer_named() -> None:
    with pytest.raises(ModelError, match="layer d"):
        prove_topology(model(2, use_bias=True), model(2, use_bias=False))


def test_a_missing_layer_is_found() -> None:
    short = copy.deepcopy(model(2).topology)
    short["config"]["layers"].pop()
    with pytest.raises(ModelError):
        prove_topology(model(2), replace(model(2), topology=short))


def test_a_single_changed_bit_is_found() -> None:
    changed = model(2).weights["d/kernel"].copy()
    changed.view(np.uint32)[0, 0] ^= 1
    for weights in ({"d/kernel": changed}, {}, {**model(2).weights, "x/kernel": changed}):
        with pytest.raises(ModelError) as error:
            prove_weights(model(2), replace(model(2), weights=weights))
        assert error.value.code == "convert.weight_differs"


def test_negative_zero_is_not_zero() -> None:
    zero = replace(model(2), weights={"d/kernel": np.float32([0.0])})
    with pytest.raises(ModelError):
        prove_weights(zero, replace(model(2), weights={"d/kernel": np.float32([-0.0])}))


def test_quantised_weights_must_be_what_their_codes_say() -> None:
    codes = dequantize(*quantize(model(2).weights["d/kernel"], "uint8"))
    read = replace(model(2), weights={"d/kernel": codes})
    prove_weights(model(2), read, {"d/kernel": "uint8"})
    with pytest.raises(ModelError):
        prove_weights(model(2), read)


def test_the_same_model_gets_the_same_inputs() -> None:
    one, two = (example_inputs(model(16, 16, 3)) for _ in range(2))
    np.testing.assert_array_equal(one.arrays[0], two.arrays[0])
    assert one.pictures >= 20
    assert one.arrays[0].shape == (4 + one.pictures, 16, 16, 3)
    assert one.arrays[0].min() >= -1
    assert one.arrays[0].max() <= 1


def test_a_model_that_scales_pixels_gets_them_unscaled() -> None:
    inputs = example_inputs(model(16, 16, 3, first="Rescaling", scale=1 / 255))
    assert inputs.arrays[0].max() > 200


def test_users_pictures_take_the_place_of_the_drawn_ones() -> None:
    picture = np.full((30, 20, 3), 255, np.uint8)
    inputs = example_inputs(model(16, 16, 1), pictures=[picture, picture])
    assert inputs.pictures == 2
    assert (inputs.arrays[0][-1] == 1.0).all()


def test_only_pictures_are_counted_as_pictures() -> None:
    assert example_inputs(model(7, 7, 256)).pictures == 0
    assert example_inputs(model(10)).pictures == 0


def test_word_numbers_stay_within_the_embedding() -> None:
    inputs = example_inputs(model(50, first="Embedding", input_dim=3, output_dim=2))
    assert set(np.unique(inputs.arrays[0])) == {0, 1, 2}


def test_drawn_pictures_differ_from_each_other() -> None:
    pictures = drawn_pictures(24, side_px=32)
    assert len({picture.tobytes() for picture in pictures}) == 24
    assert all(picture.std() > 5 for picture in pictures)


def run(outputs: np.ndarray) -> Any:
    return lambda inputs: [np.float32(outputs)]


def test_the_allowed_difference_grows_with_the_outputs() -> None:
    inputs = ExampleInputs((np.zeros((2, 1)),), 2)
    small = compare_outputs(run([[0.1, 0.2]] * 2), run([[0.1, 0.2]] * 2), inputs)
    assert small.allowed == pytest.approx(1e-5)
    large = compare_outputs(run([[0.0, 500.0]] * 2), run([[0.004, 500.0]] * 2), inputs)
    assert large.allowed == pytest.approx(5e-3)
    assert large.max_abs_difference == pytest.approx(0.004)


def test_agreement_counts_pictures_only() -> None:
    first = [[1, 0], [1, 0], [0, 1], [0, 1]]
    second = [[0, 1], [1, 0], [0, 1], [1, 0]]
    inputs = ExampleInputs((np.zeros((4, 1)),), 2)
    assert compare_outputs(run(first), run(second), inputs).top1_agreement == 0.5
    none = ExampleInputs((np.zeros((4, 1)),), 0)
    assert compare_outputs(run(first), run(second), none).top1_agreement is None


def test_outputs_of_other_shapes_or_without_sense_are_refused() -> None:
    inputs = ExampleInputs((np.zeros((1, 1)),), 0)
    with pytest.raises(ModelError) as shapes:
        compare_outputs(run([[1, 2]]), run([[1]]), inputs)
    assert shapes.value.code == "convert.output_shapes"
    with pytest.raises(ModelError) as nan:
        compare_outputs(run([[1]]), run([[np.nan]]), inputs)
    assert nan.value.code == "convert.outputs_not_finite"
