"""The preprocessing rule, held against an independent implementation of its description."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import ModelError
from core.imaging import Preprocessing


def noise(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)


def weights_of(length: int, start: float, extent: float, out: int, interpolation: str) -> Any:
    """Return the [out, length] matrix of the rule, written from its description."""
    step = extent / out
    stretch = max(step, 1.0)
    matrix = np.zeros((out, length))
    for i in range(out):
        centre = start + (i + 0.5) * step
        for k in range(length):
            x = abs(k + 0.5 - centre) / stretch
            if interpolation == "bilinear":
                weight = max(0.0, 1 - x)
            elif x < 1:
                weight = 1.5 * x**3 - 2.5 * x**2 + 1
            elif x < 2:
                weight = -0.5 * (x**3 - 5 * x**2 + 8 * x - 4)
            else:
                weight = 0.0
            matrix[i, k] = weight
    return matrix / matrix.sum(axis=1, keepdims=True)


def rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    # The small push keeps sums that should be exactly half from falling either way.
    return np.clip(np.floor(values + 0.5 + 1e-9), 0, 255)


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("resize", ["center_crop", "squeeze"])
@pytest.mark.parametrize("size", [(61, 90), (97, 40), (11, 9), (32, 32)])
def test_the_rule_is_what_its_description_says(
    interpolation: str, resize: str, size: tuple[int, int]
) -> None:
    pixels = noise(*size)
    height, width = size
    contract = Preprocessing(
        16, resize, crop_fraction=0.875, interpolation=interpolation, offset=127, scale=128
    )
    side_x, side_y = (width, height) if resize == "squeeze" else (min(size) * 0.875,) * 2
    across = weights_of(width, (width - side_x) / 2, side_x, 16, interpolation)
    down = weights_of(height, (height - side_y) / 2, side_y, 16, interpolation)
    x_first = rounded(
        np.einsum("oh,hwc->owc", down, rounded(np.einsum("ow,hwc->hoc", across, pixels)))
    )
    y_first = rounded(
        np.einsum("ow,hwc->hoc", across, rounded(np.einsum("oh,hwc->owc", down, pixels)))
    )
    tensor = contract.apply(pixels).tensor
    assert tensor.dtype == np.float32
    assert tensor.shape == (1, 16, 16, 3)
    # Fixed-point weights may round a value to its neighbour, no further and seldom.
    differences = [np.abs(tensor[0] * 128 + 127 - square) for square in (x_first, y_first)]
    matching = min(differences, key=lambda difference: float(difference.mean()))
    assert matching.max() <= 1.01
    assert (matching > 0.5).mean() < 0.03


def test_a_uniform_picture_stays_uniform_and_is_scaled() -> None:
    pixels = np.full((50, 70, 3), 200, np.uint8)
    tensor = Preprocessing(8, offset=100, scale=50).apply(pixels).tensor
    assert (tensor == 2).all()


def test_channels_stay_in_the_order_red_green_blue() -> None:
    pixels = np.zeros((20, 20, 3), np.uint8)
    pixels[:] = (10, 20, 30)
    tensor = Preprocessing(4, offset=0, scale=1).apply(pixels).tensor
    assert tensor[0, 0, 0].tolist() == [10, 20, 30]


def test_the_crop_box_is_the_middle_square() -> None:
    box = Preprocessing(224, crop_fraction=0.875).apply(noise(100, 200)).crop_box
    assert box == pytest.approx((0.28125, 0.0625, 0.71875, 0.9375))


def test_squeezing_takes_the_whole_picture() -> None:
    assert Preprocessing(8, "squeeze").apply(noise(10, 30)).crop_box == (0, 0, 1, 1)


def test_nothing_outside_a_whole_crop_is_seen() -> None:
    pixels = np.zeros((32, 96, 3), np.uint8)
    pixels[:, :24] = pixels[:, 72:] = 255
    tensor = Preprocessing(16, crop_fraction=1.0, offset=0, scale=1).apply(pixels).tensor
    assert tensor.max() == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 2)])
def test_extreme_shapes_have_a_tensor_too(size: tuple[int, int]) -> None:
    contract = Preprocessing(24, crop_fraction=0.875)
    prepared = contract.apply(noise(*size))
    assert prepared.tensor.shape == (1, 24, 24, 3)
    assert np.isfinite(prepared.tensor).all()


def test_the_same_pixels_give_the_same_tensor() -> None:
    contract = Preprocessing(32)
    assert np.array_equal(
        contract.apply(noise(99, 77)).tensor, contract.apply(noise(99, 77)).tensor
    )


def test_a_contract_survives_being_written_and_read() -> None:
    contract = Preprocessing(224, "squeeze", 0.9, "bilinear", 127, 128)
    assert Preprocessing.from_dict(contract.to_dict()) == contract


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("input_size_px", 0),
        ("input_size_px", 100_000),
        ("input_size_px", 224.0),
        ("input_size_px", True),
        ("input_size_px", "224"),
        ("resize", "stretch"),
        ("resize", ["squeeze"]),
        ("interpolation", "nearest"),
        ("interpolation", {}),
        ("crop_fraction", 0),
        ("crop_fraction", 1.01),
        ("crop_fraction", math.nan),
        ("offset", math.inf),
        ("offset", None),
        ("scale", 0),
        ("scale", "1"),
        ("scale", False),
    ],
)
def test_a_contract_with_a_wrong_value_is_refused_by_its_name(field: str, value: object) -> None:
    values: dict[str, object] = {**Preprocessing(224).to_dict(), field: value}
    with pytest.raises(ModelError, match=field) as caught:
        Preprocessing.from_dict(values)
    assert caught.value.code == "vision.preprocessing"


def test_a_contract_needs_all_its_fields_and_no_others() -> None:
    values: dict[str, object] = dict(Preprocessing(224).to_dict())
    with pytest.raises(ModelError, match="unknown"):
        Preprocessing.from_dict({**values, "mean": 3})
    del values["scale"]
    with pytest.raises(ModelError, match="scale"):
        Preprocessing.from_dict(values)
