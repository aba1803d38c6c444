"""Folding changes the layers and not the function."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import ModelError
from core.inference.builder import NetworkBuilder
from core.inference.flatbuffer import to_litert
from core.inference.fold import fold_batch_norms
from core.inference.litert import LiteRtModel
from core.inference.network import Network

rng = np.random.default_rng(11)


def norm(b: NetworkBuilder, name: str, x: str, channels: int) -> str:
    return b.batch_norm(
        name,
        x,
        gamma=rng.uniform(0.5, 2, channels),
        beta=rng.normal(size=channels),
        mean=rng.normal(size=channels),
        variance=rng.uniform(0.1, 3, channels),
        epsilon=1e-3,
    )


def block() -> Network:
    """Return a stem, a separable block with multiplier 2 and a classifier, as MobileNets have."""
    b = NetworkBuilder()
    x = b.input("picture", (12, 12, 3))
    x = b.scale_shift("rescaled", x, scale=2.0, shift=-1.0)
    x = b.zero_pad("conv1_pad", x, ((0, 1), (0, 1)))
    x = b.conv2d("conv1", x, kernel=rng.normal(size=(3, 3, 3, 4)), strides=2, padding="valid")
    x = b.relu6("conv1_relu", norm(b, "conv1_bn", x, 4))
    x = b.depthwise_conv2d("dw", x, kernel=rng.normal(size=(3, 3, 4, 2)), bias=rng.normal(size=8))
    x = b.identity("dropout", b.relu("dw_relu", norm(b, "dw_bn", x, 8)))
    y = norm(b, "pw_bn", b.conv2d("pw", x, kernel=rng.normal(size=(1, 1, 8, 8))), 8)
    x = b.relu("sum_relu", b.add("sum", x, y))
    x = norm(
        b, "dense_bn", b.dense("dense", b.flatten("flat", x), kernel=rng.normal(size=(288, 5))), 5
    )
    b.softmax("softmax", x)
    return b.build()


def values(network: Network, names: list[str]) -> dict[str, NDArray[np.float32]]:
    x = np.random.default_rng(5).normal(size=(2, 12, 12, 3)).astype(np.float32)
    return LiteRtModel(to_litert(network, outputs=names)).run(x)


def test_every_layer_gives_the_same_folded_as_unfolded() -> None:
    network = block()
    # With every layer an output nothing may be folded.
    unfolded = values(network, [node.name for node in network.nodes])
    for name, expected in unfolded.items():
        received = values(network, [name])[name]
        np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-4, err_msg=name)


def test_folded_layers_carry_the_name_of_the_last() -> None:
    folded = fold_batch_norms(block())
    assert [(node.name, node.op) for node in folded.nodes] == [
        ("picture", "input"),
        ("rescaled", "scale_shift"),
        ("conv1_relu", "conv2d"),
        ("dw_relu", "depthwise_conv2d"),
        ("pw_bn", "conv2d"),
        ("sum_relu", "add"),
        ("flat", "flatten"),
        ("dense_bn", "dense"),
        ("softmax", "softmax"),
    ]
    assert folded.node("conv1_relu").attributes["padding"] == "same"
    assert folded.node("conv1_relu").attributes["activation"] == "relu6"


def test_a_kept_layer_is_not_folded_into_another() -> None:
    folded = fold_batch_norms(block(), keep=["conv1", "dw_bn"])
    assert folded.node("conv1").op == "conv2d"
    assert folded.node("conv1_bn").op == "scale_shift"
    assert folded.node("dw_bn").op == "depthwise_conv2d"
    assert folded.node("dw_relu").op == "relu"


def test_the_algebra_is_done_in_float64() -> None:
    b = NetworkBuilder()
    x = b.input("picture", (4, 4, 3))
    kernel, bias = rng.normal(size=(3, 3, 3, 6)).astype(np.float32), rng.normal(size=6)
    norm(b, "bn", b.conv2d("conv", x, kernel=kernel, bias=bias), 6)
    network = b.build()
    exact = {k: v.astype(np.float64) for k, v in network.node("bn").weights.items()}
    scale = exact["gamma"] / np.sqrt(exact["variance"] + 1e-3)
    folded = fold_batch_norms(network).node("bn")
    np.testing.assert_array_equal(folded.weights["kernel"], (kernel * scale).astype(np.float32))
    expected = (bias.astype(np.float32) - exact["mean"]) * scale + exact["beta"]
    np.testing.assert_allclose(folded.weights["bias"], expected, rtol=1e-6)


def test_a_convolution_that_two_layers_read_keeps_its_own_output() -> None:
    b = NetworkBuilder()
    x = b.input("picture", (4, 4, 3))
    x = b.conv2d("conv", x, kernel=rng.normal(size=(1, 1, 3, 3)))
    b.add("sum", x, norm(b, "bn", x, 3))
    folded = fold_batch_norms(b.build())
    assert [node.op for node in folded.nodes] == ["input", "conv2d", "scale_shift", "add"]


def test_a_dropout_between_is_seen_as_a_second_reader_where_it_is_one() -> None:
    b = NetworkBuilder()
    x = b.input("picture", (4, 4, 3))
    x = b.conv2d("conv", x, kernel=rng.normal(size=(1, 1, 3, 3)))
    y = b.identity("dropout", x)
    b.add("sum", norm(b, "bn", y, 3), b.tanh("tanh", y))
    folded = fold_batch_norms(b.build())
    assert "conv" in folded
    assert folded.node("bn").op == "scale_shift"


def test_padding_that_same_would_not_add_stays() -> None:
    b = NetworkBuilder()
    x = b.input("picture", (12, 12, 3))
    x = b.zero_pad("pad", x, ((1, 0), (1, 0)))
    b.conv2d("conv", x, kernel=rng.normal(size=(3, 3, 3, 4)), strides=2, padding="valid")
    assert "pad" in fold_batch_norms(b.build())


def test_scalings_in_a_row_become_one() -> None:
    b = NetworkBuilder()
    x = b.input("picture", (2, 2, 3))
    x = b.scale_shift("rescaling", x, scale=1 / 127.5, shift=-1.0)
    norm(b, "bn", b.scale_shift("normalisation", x, scale=[1, 2, 4], shift=[1, 0, 0]), 3)
    folded = fold_batch_norms(b.build())
    assert [node.name for node in folded.nodes] == ["picture", "bn"]


def test_an_unknown_layer_to_keep_is_refused() -> None:
    with pytest.raises(ModelError, match="nowhere"):
        fold_batch_norms(block(), keep=["nowhere"])
