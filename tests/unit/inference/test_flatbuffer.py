"""Every operation, written as LiteRT and run, against plain numpy in float64."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import ModelError
from core.inference.builder import NetworkBuilder
from core.inference.flatbuffer import to_litert
from core.inference.litert import LiteRtModel
from core.inference.network import Network

Array = NDArray[np.float64]
rng = np.random.default_rng(7)


def run(network: Network, x: Array, *outputs: str) -> list[NDArray[np.float32]]:
    model = LiteRtModel(to_litert(network, outputs=outputs))
    results = model.run(x.astype(np.float32))
    return [results[name] for name in outputs]


def windows(
    x: Array, size: tuple[int, int], strides: tuple[int, int], dilations: tuple[int, int]
) -> Array:
    """Return every window of a picture batch: [n, rows, columns, kh, kw, channels]."""
    reach = [(k - 1) * d + 1 for k, d in zip(size, dilations, strict=True)]
    rows = (x.shape[1] - reach[0]) // strides[0] + 1
    columns = (x.shape[2] - reach[1]) // strides[1] + 1
    found = np.empty((len(x), rows, columns, *size, x.shape[3]))
    for i, j, a, b in np.ndindex(rows, columns, *size):
        row, column = i * strides[0] + a * dilations[0], j * strides[1] + b * dilations[1]
        found[:, i, j, a, b] = x[:, row, column]
    return found


def pad_same(
    x: Array,
    size: tuple[int, int],
    strides: tuple[int, int],
    dilations: tuple[int, int],
    fill: float,
) -> Array:
    amounts = []
    for axis in (0, 1):
        length = x.shape[axis + 1]
        out = math.ceil(length / strides[axis])
        total = max((out - 1) * strides[axis] + (size[axis] - 1) * dilations[axis] + 1 - length, 0)
        amounts.append((total // 2, total - total // 2))
    return np.pad(x, ((0, 0), *amounts, (0, 0)), constant_values=fill)


STRIDED = [
    ((1, 1), (1, 1), "same"),
    ((2, 2), (1, 1), "same"),
    ((2, 2), (1, 1), "valid"),
    ((2, 1), (1, 1), "same"),
    ((1, 1), (2, 3), "same"),
    ((1, 1), (2, 1), "valid"),
]


@pytest.mark.parametrize(("strides", "dilations", "padding"), STRIDED)
@pytest.mark.parametrize("biased", [True, False])
def test_conv2d(
    strides: tuple[int, int], dilations: tuple[int, int], padding: str, biased: bool
) -> None:
    x, kernel = rng.normal(size=(2, 9, 8, 3)), rng.normal(size=(3, 2, 3, 5))
    bias = rng.normal(size=5)
    b = NetworkBuilder()
    b.input("x", (9, 8, 3))
    b.conv2d(
        "y",
        "x",
        kernel=kernel,
        bias=bias if biased else None,
        strides=strides,
        dilations=dilations,
        padding=padding,
    )
    padded = pad_same(x, (3, 2), strides, dilations, 0) if padding == "same" else x
    expected = np.einsum("nijabc,abco->nijo", windows(padded, (3, 2), strides, dilations), kernel)
    np.testing.assert_allclose(
        run(b.build(), x, "y")[0], expected + (bias if biased else 0), atol=1e-5
    )


@pytest.mark.parametrize(("strides", "dilations", "padding"), STRIDED)
@pytest.mark.parametrize("multiplier", [1, 3])
def test_depthwise_conv2d(
    strides: tuple[int, int], dilations: tuple[int, int], padding: str, multiplier: int
) -> None:
    x, kernel = rng.normal(size=(2, 9, 8, 4)), rng.normal(size=(3, 2, 4, multiplier))
    b = NetworkBuilder()
    b.input("x", (9, 8, 4))
    b.depthwise_conv2d(
        "y", "x", kernel=kernel, strides=strides, dilations=dilations, padding=padding
    )
    padded = pad_same(x, (3, 2), strides, dilations, 0) if padding == "same" else x
    seen = windows(padded, (3, 2), strides, dilations)
    expected = np.einsum("nijabc,abcm->nijcm", seen, kernel)
    expected = expected.reshape(*expected.shape[:3], -1)
    np.testing.assert_allclose(run(b.build(), x, "y")[0], expected, atol=1e-5)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", [(2, 2), (1, 3)])
def test_pools(padding: str, strides: tuple[int, int]) -> None:
    x = rng.normal(size=(2, 9, 8, 3))
    b = NetworkBuilder()
    b.input("x", (9, 8, 3))
    b.max_pool("max", "x", pool_size=(3, 2), strides=strides, padding=padding)
    b.average_pool("mean", "x", pool_size=(3, 2), strides=strides, padding=padding)
    padded = pad_same(x, (3, 2), strides, (1, 1), np.nan) if padding == "same" else x
    seen = windows(padded, (3, 2), strides, (1, 1))
    largest, mean = run(b.build(), x, "max", "mean")
    np.testing.assert_allclose(largest, np.nanmax(seen, axis=(3, 4)), atol=1e-6)
    np.testing.assert_allclose(mean, np.nanmean(seen, axis=(3, 4)), atol=1e-6)


ELEMENTWISE: dict[str, tuple[Callable[[NetworkBuilder], object], Callable[[Array], Array]]] = {
    "relu": (lambda b: b.relu("y", "x"), lambda x: np.maximum(x, 0)),
    "relu6": (lambda b: b.relu6("y", "x"), lambda x: np.clip(x, 0, 6)),
    "leaky_relu": (
        lambda b: b.leaky_relu("y", "x", alpha=0.3),
        lambda x: np.where(x > 0, x, 0.3 * x),
    ),
    "elu": (lambda b: b.elu("y", "x"), lambda x: np.where(x > 0, x, np.expm1(x))),
    "sigmoid": (lambda b: b.sigmoid("y", "x"), lambda x: 1 / (1 + np.exp(-x))),
    "tanh": (lambda b: b.tanh("y", "x"), np.tanh),
    "swish": (lambda b: b.swish("y", "x"), lambda x: x / (1 + np.exp(-x))),
    "hard_swish": (lambda b: b.hard_swish("y", "x"), lambda x: x * np.clip(x + 3, 0, 6) / 6),
    "hard_sigmoid_of_keras_3": (
        lambda b: b.hard_sigmoid("y", "x"),
        lambda x: np.clip(x + 3, 0, 6) / 6,
    ),
    "hard_sigmoid_of_tensorflow_js": (
        lambda b: b.hard_sigmoid("y", "x", slope=0.2, offset=0.5),
        lambda x: np.clip(0.2 * x + 0.5, 0, 1),
    ),
    "softmax": (
        lambda b: b.softmax("y", "x"),
        lambda x: np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True),
    ),
    "identity": (lambda b: b.identity("y", "x"), lambda x: x),
    "flatten": (lambda b: b.flatten("y", "x"), lambda x: x.reshape(len(x), -1)),
    "reshape": (lambda b: b.reshape("y", "x", (8, 15)), lambda x: x.reshape(len(x), 8, 15)),
    "zero_pad": (
        lambda b: b.zero_pad("y", "x", ((0, 1), (2, 3))),
        lambda x: np.pad(x, ((0, 0), (0, 1), (2, 3), (0, 0))),
    ),
    "scale_shift_of_one_number": (
        lambda b: b.scale_shift("y", "x", scale=0.5, shift=-1.0),
        lambda x: x * 0.5 - 1,
    ),
    "scale_shift_by_channel": (
        lambda b: b.scale_shift("y", "x", scale=[1, 2, 3], shift=[0, 1, -1]),
        lambda x: x * [1, 2, 3] + [0, 1, -1],
    ),
    "batch_norm": (
        lambda b: b.batch_norm(
            "y", "x", gamma=[1, 2, 3], beta=[0, 1, 2], mean=[1, 0, -1], variance=[1, 4, 0.5]
        ),
        lambda x: (x - [1, 0, -1]) / np.sqrt(np.array([1, 4, 0.5]) + 1e-3) * [1, 2, 3] + [0, 1, 2],
    ),
    "global_average_pool": (
        lambda b: b.global_average_pool("y", "x"),
        lambda x: x.mean(axis=(1, 2)),
    ),
    "global_average_pool_keepdims": (
        lambda b: b.global_average_pool("y", "x", keepdims=True),
        lambda x: x.mean(axis=(1, 2), keepdims=True),
    ),
    "global_max_pool": (lambda b: b.global_max_pool("y", "x"), lambda x: x.max(axis=(1, 2))),
    "add": (lambda b: b.add("y", "x", b.tanh("t", "x")), lambda x: x + np.tanh(x)),
    "multiply": (lambda b: b.multiply("y", "x", b.tanh("t", "x")), lambda x: x * np.tanh(x)),
    "multiply_by_channel": (
        lambda b: b.multiply("y", "x", b.global_average_pool("m", "x", keepdims=True)),
        lambda x: x * x.mean(axis=(1, 2), keepdims=True),
    ),
    "concatenate_channels": (
        lambda b: b.concatenate("y", ["x", b.tanh("t", "x")], axis=2),
        lambda x: np.concatenate([x, np.tanh(x)], axis=3),
    ),
    "concatenate_rows": (
        lambda b: b.concatenate("y", ["x", b.tanh("t", "x")], axis=0),
        lambda x: np.concatenate([x, np.tanh(x)], axis=1),
    ),
}


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_operation(name: str) -> None:
    add, reference = ELEMENTWISE[name]
    x = rng.normal(scale=4, size=(3, 5, 8, 3))
    b = NetworkBuilder()
    b.input("x", (5, 8, 3))
    add(b)
    np.testing.assert_allclose(run(b.build(), x, "y")[0], reference(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(6,), (4, 6), (2, 3, 6)])
def test_dense_acts_on_the_last_axis(shape: tuple[int, ...]) -> None:
    x, kernel, bias = rng.normal(size=(3, *shape)), rng.normal(size=(6, 4)), rng.normal(size=4)
    b = NetworkBuilder()
    b.input("x", shape)
    b.dense("y", "x", kernel=kernel, bias=bias)
    np.testing.assert_allclose(run(b.build(), x, "y")[0], x @ kernel + bias, atol=1e-5)


def test_outputs_come_by_name_and_a_repeated_one_once() -> None:
    b = NetworkBuilder()
    b.input("x", (4,))
    b.relu("y", "x")
    b.tanh("z", "y")
    model = LiteRtModel(to_litert(b.build(), outputs=["z", "y", "z"]))
    assert model.output_shapes == {"z": (4,), "y": (4,)}


def test_the_input_itself_can_be_an_output() -> None:
    b = NetworkBuilder()
    b.input("x", (4,))
    b.relu("y", "x")
    x = rng.normal(size=(2, 4))
    given, made = run(b.build(), x, "x", "y")
    np.testing.assert_array_equal(given, x.astype(np.float32))
    np.testing.assert_array_equal(made, np.maximum(given, 0))


def test_equal_networks_give_equal_bytes_that_are_aligned() -> None:
    def make() -> bytes:
        b = NetworkBuilder()
        b.input("x", (4,))
        b.dense("y", "x", kernel=np.arange(12).reshape(4, 3) + 0.125, bias=[1, 2, 3])
        return to_litert(b.build(), outputs=["y"])

    content = make()
    assert content == make()
    assert content[4:8] == b"TFL3"
    kernel = (np.arange(12, dtype="<f4").reshape(4, 3) + 0.125).T.tobytes()
    assert content.index(kernel) % 16 == 0


def test_no_output_is_refused() -> None:
    b = NetworkBuilder()
    b.input("x", (4,))
    with pytest.raises(ModelError) as caught:
        to_litert(b.build(), outputs=[])
    assert caught.value.code == "network.no_output"


def test_a_large_network_is_written_in_under_half_a_second() -> None:
    b = NetworkBuilder()
    x = b.input("x", (512,))
    for at in range(18):
        x = b.dense(f"dense{at}", x, kernel=np.zeros((512, 512)))
    network = b.build()
    assert network.parameters > 4_600_000
    start = time.perf_counter()
    to_litert(network, outputs=[x])
    assert time.perf_counter() - start < 0.5
