"""Networks refuse what does not fit before anything is allocated."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import ModelError
from core.inference.builder import NetworkBuilder
from core.inference.network import Network, Node


def node(name: str, op: str, *inputs: str, **attributes: object) -> Node:
    return Node(name, op, inputs, attributes)


def picture(*shape: int) -> Node:
    return node("picture", "input", shape=shape)


def small() -> Network:
    b = NetworkBuilder()
    x = b.input("picture", (8, 6, 3))
    x = b.conv2d("conv", x, kernel=np.ones((3, 3, 3, 4)), strides=2)
    x = b.relu("relu", x)
    y = b.global_average_pool("pooled", x)
    b.dense("logits", y, kernel=np.ones((4, 5)), bias=np.zeros(5))
    b.max_pool("side", x)
    return b.build()


def test_shapes_follow_tensorflows_padding_rules() -> None:
    b = NetworkBuilder()
    x = b.input("x", (7, 10, 2))
    kernel = np.ones((3, 2, 2, 4))
    b.conv2d("same", x, kernel=kernel, strides=2, padding="same")
    b.conv2d("valid", x, kernel=kernel, strides=2, padding="valid")
    b.conv2d("dilated", x, kernel=kernel, dilations=(2, 3), padding="valid")
    b.depthwise_conv2d("depthwise", x, kernel=kernel, padding="valid")
    b.zero_pad("padded", x, ((0, 1), (2, 3)))
    b.concatenate("joined", [x, x], axis=1)
    network = b.build()
    assert network.output_shape("same") == (4, 5, 4)
    assert network.output_shape("valid") == (3, 5, 4)
    assert network.output_shape("dilated") == (3, 7, 4)
    assert network.output_shape("depthwise") == (5, 9, 8)
    assert network.output_shape("padded") == (8, 15, 2)
    assert network.output_shape("joined") == (7, 20, 2)


def test_upto_keeps_only_what_the_named_layer_needs() -> None:
    cut = small().upto("pooled")
    assert [each.name for each in cut.nodes] == ["picture", "conv", "relu", "pooled"]
    assert cut.outputs == ("pooled",)
    assert small().outputs == ("logits", "side")
    assert small().parameters == 3 * 3 * 3 * 4 + 4 * 5 + 5


def test_an_unknown_layer_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ModelError, match=r'no layer "nowhere".*picture, conv, relu') as caught:
        small().upto("nowhere")
    assert caught.value.code == "network.unknown_layer"


def test_peak_counts_the_values_that_are_alive_together() -> None:
    network = Network(
        (
            picture(4, 4, 2),
            node("a", "relu", "picture"),
            node("b", "relu", "a"),
            node("c", "flatten", "b"),
        )
    )
    assert network.peak_values == 2 * 32


@pytest.mark.parametrize(
    ("code", "nodes"),
    [
        ("network.no_input", ()),
        ("network.duplicate_name", (picture(2, 2, 1), picture(2, 2, 1))),
        ("network.unknown_input", (picture(2, 2, 1), node("a", "relu", "b"))),
        ("network.unknown_op", (picture(2, 2, 1), node("a", "lambda", "picture"))),
        ("network.weight_missing", (picture(2, 2, 1), node("a", "dense", "picture"))),
        ("network.bad_inputs", (picture(2, 2, 1), node("a", "add", "picture"))),
        ("network.bad_inputs", (picture(2, 2, 1), node("a", "reshape", "picture", shape=(5,)))),
        ("network.bad_inputs", (picture(4), node("a", "zero_pad", "picture", padding=(1,) * 4))),
        ("network.bad_inputs", (picture(*[1000] * 3000),)),
        ("network.bad_attribute", (picture(2, -2, 1),)),
        ("network.bad_attribute", (picture(1 << 30, 1, 1),)),
        ("network.too_large", (picture(1 << 20, 1 << 20, 1),)),
        ("network.too_large", tuple(node(str(n), "input", shape=(1,)) for n in range(5000))),
    ],
)
def test_a_network_that_does_not_fit_is_refused(code: str, nodes: tuple[Node, ...]) -> None:
    with pytest.raises(ModelError) as caught:
        Network(nodes)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "attributes",
    [
        {"strides": (0, 1)},
        {"strides": (-1, -1)},
        {"strides": (1.5, 1)},
        {"strides": (True, True)},
        {"strides": (1,)},
        {"strides": None},
        {"padding": "full"},
        {"padding": ["same"]},
        {"dilations": (0, 0)},
        {"activation": "gelu"},
    ],
)
def test_a_wrong_setting_of_a_convolution_is_named(attributes: dict[str, object]) -> None:
    settings = {"strides": (1, 1), "padding": "same", "dilations": (1, 1), "activation": None}
    kernel = np.ones((3, 3, 2, 2), np.float32)
    conv = Node("conv", "conv2d", ("picture",), {**settings, **attributes}, {"kernel": kernel})
    with pytest.raises(ModelError, match=next(iter(attributes))) as caught:
        Network((picture(8, 8, 2), conv))
    assert caught.value.code == "network.bad_attribute"


def test_a_kernel_for_other_channels_is_refused() -> None:
    b = NetworkBuilder()
    b.input("picture", (8, 8, 3))
    with pytest.raises(ModelError, match=r"float32 \[n, n, 3, n\], but is float32 \[3, 3, 4, 2\]"):
        b.conv2d("conv", "picture", kernel=np.ones((3, 3, 4, 2)))


def test_layers_that_grow_without_weights_meet_the_memory_limit() -> None:
    nodes = [picture(1024, 1024, 1)]
    for at in range(8):
        read = nodes[-1].name
        nodes.append(node(f"joined{at}", "concatenate", read, read, axis=2))
    with pytest.raises(ModelError, match="limit is 33,554,432") as caught:
        Network(tuple(nodes))
    assert caught.value.code == "network.too_large"


def test_work_beyond_the_limit_is_refused() -> None:
    b = NetworkBuilder()
    x = b.input("picture", (512, 512, 64))
    for at in range(4):
        x = b.conv2d(f"conv{at}", x, kernel=np.zeros((9, 9, 64, 64)))
    with pytest.raises(ModelError, match="multiplications"):
        b.build()


def test_a_batch_norm_with_a_negative_variance_is_refused() -> None:
    b = NetworkBuilder()
    b.input("picture", (2, 2, 1))
    with pytest.raises(ModelError, match="variance"):
        b.batch_norm("bn", "picture", mean=[0.0], variance=[-1.0])
