from __future__ import annotations

import math

import numpy as np
import pytest

from core.errors import ModelError
from core.tfjs.quantize import Quantization, dequantize, quantize


@pytest.mark.parametrize(
    ("values", "dtype", "codes", "scale", "minimum"),
    [
        ([0, -0.1, 1.2], "uint8", [20, 0, 255], 0.00509803940852483, -0.10196078817049663),
        ([0, -0.1, 1.2], "uint16", [5041, 0, 65535], 1.9836729216e-05, -0.0999969519781),
        ([1, 2, 3], "uint8", [0, 128, 255], 0.00784313725490196, 1.0),
        ([5, 5], "uint8", [0, 0], 1.0, 5.0),
        ([-3, -1], "uint8", [0, 255], 2 / 255, -3.0),
    ],
)
def test_codes_are_those_of_the_converter(values, dtype, codes, scale, minimum):
    found, quantization = quantize(np.array(values, np.float32), dtype)
    assert found.dtype == dtype
    assert found.tolist() == codes
    assert quantization.scale == pytest.approx(scale, rel=1e-9)
    assert quantization.minimum == pytest.approx(minimum, rel=1e-9)


def test_zero_stays_exactly_zero_when_the_range_includes_it():
    values = np.linspace(-0.37, 1.91, 101, dtype=np.float32)
    values[50] = 0
    for dtype in ("uint8", "uint16", "float16"):
        assert dequantize(*quantize(values, dtype))[50] == 0


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_the_error_is_at_most_half_a_step(dtype):
    values = np.random.default_rng(0).normal(size=(7, 11)).astype(np.float32)
    codes, quantization = quantize(values, dtype)
    restored = dequantize(codes, quantization)
    assert restored.dtype == np.float32
    assert restored.shape == (7, 11)
    # Moving the range onto zero may cost the outermost values another half step.
    assert np.abs(restored - values).max() <= quantization.scale * 1.001


def test_float16_is_a_plain_cast():
    values = np.array([1.0005, -2, 0.1], np.float32)
    codes, quantization = quantize(values, "float16")
    assert quantization.to_dict() == {"dtype": "float16", "original_dtype": "float32"}
    assert dequantize(codes, quantization).tolist() == values.astype(np.float16).tolist()


def test_int32_values_are_rounded():
    quantization = Quantization("uint8", 0.4, -1.0, "int32")
    assert dequantize(np.array([0, 1, 4], np.uint8), quantization).tolist() == [-1, -1, 1]


def test_an_empty_tensor_stays_empty():
    codes, quantization = quantize(np.zeros((0, 3), np.float32), "uint8")
    assert dequantize(codes, quantization).shape == (0, 3)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_values_that_are_not_finite_are_refused(bad):
    with pytest.raises(ModelError, match="NaN or infinity"):
        quantize(np.array([0, bad], np.float32), "uint16")


def test_values_beyond_float16_are_refused():
    with pytest.raises(ModelError, match="65504"):
        quantize(np.array([1e6], np.float32), "float16")


def test_a_manifest_entry_survives_the_round_trip():
    _, quantization = quantize(np.array([0, 1], np.float32), "uint8")
    entry = quantization.to_dict()
    assert Quantization.from_dict(entry, name="w", original_dtype="float32") == quantization


@pytest.mark.parametrize(
    "entry",
    [
        None,
        [],
        {},
        {"dtype": "uint32", "scale": 1, "min": 0},
        {"dtype": ["uint8"], "scale": 1, "min": 0},
        {"dtype": "uint8", "scale": 0, "min": 0},
        {"dtype": "uint8", "scale": -1, "min": 0},
        {"dtype": "uint8", "scale": math.inf, "min": 0},
        {"dtype": "uint8", "scale": math.nan, "min": 0},
        {"dtype": "uint8", "scale": 10**400, "min": 0},
        {"dtype": "uint8", "scale": True, "min": 0},
        {"dtype": "uint8", "scale": 1, "min": -math.inf},
        {"dtype": "uint8", "scale": 3e38, "min": 0},
        {"dtype": "uint8", "scale": "1", "min": 0},
        {"dtype": "uint8", "scale": 1},
        {"dtype": "uint8", "scale": 1, "min": 0, "original_dtype": "float64"},
        {"dtype": "uint8", "scale": 1, "min": 0, "original_dtype": "int32"},
    ],
)
def test_a_broken_manifest_entry_is_refused(entry):
    with pytest.raises(ModelError):
        Quantization.from_dict(entry, name="w", original_dtype="float32")


def test_float16_of_integers_is_refused():
    with pytest.raises(ModelError):
        Quantization.from_dict({"dtype": "float16"}, name="w", original_dtype="int32")
