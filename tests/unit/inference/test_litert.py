"""LiteRT models give the same from every thread and refuse wrong input."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import ModelError
from core.inference.builder import NetworkBuilder
from core.inference.flatbuffer import to_litert
from core.inference.litert import LiteRtModel, default_threads


def content() -> bytes:
    rng = np.random.default_rng(3)
    b = NetworkBuilder()
    x = b.input("picture", (16, 16, 3))
    x = b.conv2d("conv", x, kernel=rng.normal(size=(3, 3, 3, 8)))
    x = b.global_average_pool("pooled", b.relu("relu", x))
    b.softmax("probabilities", b.dense("logits", x, kernel=rng.normal(size=(8, 5))))
    return to_litert(b.build(), outputs=["logits", "probabilities"])


def pictures(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(4).normal(size=(count, 16, 16, 3)).astype(np.float32)


def test_a_batch_gives_what_single_samples_give() -> None:
    model = LiteRtModel(content())
    batch = pictures(5)
    together = model.run(batch)
    assert together["logits"].shape == (5, 5)
    for at in range(5):
        alone = model.run(batch[at : at + 1])
        np.testing.assert_array_equal(alone["logits"][0], together["logits"][at])
    np.testing.assert_allclose(together["probabilities"].sum(axis=1), 1, atol=1e-6)


def test_an_empty_batch_gives_empty_outputs() -> None:
    assert LiteRtModel(content()).run(pictures(0))["logits"].shape == (0, 5)


def test_results_belong_to_the_caller() -> None:
    model = LiteRtModel(content())
    batch = pictures(2)
    first = model.run(batch[:1])["logits"]
    copy = first.copy()
    model.run(batch[1:])
    np.testing.assert_array_equal(first, copy)
    first[:] = 0
    np.testing.assert_array_equal(model.run(batch[:1])["logits"], copy)


@pytest.mark.parametrize("pool_size", [1, 2, 3])
def test_eight_threads_at_once_get_identical_results(pool_size: int) -> None:
    model = LiteRtModel(content(), pool_size=pool_size)
    batch = pictures(8)
    expected = model.run(batch)["logits"]
    start = threading.Barrier(8)
    received: dict[int, list[NDArray[np.float32]]] = {at: [] for at in range(8)}

    def work(at: int) -> None:
        start.wait()
        for _ in range(50):
            received[at].append(model.run(batch[at : at + 1])["logits"][0])

    threads = [threading.Thread(target=work, args=(at,)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for at, results in received.items():
        assert len(results) == 50
        for result in results:
            np.testing.assert_array_equal(result, expected[at])
    assert model._free.qsize() <= pool_size


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((1, 16, 16, 4), np.float32),
        np.zeros((16, 16, 3), np.float32),
        np.zeros((1, 16, 16, 3), np.float64),
        np.zeros((1, 16, 16, 3), np.uint8),
        np.float32(1),
    ],
)
def test_another_shape_or_type_is_refused(array: NDArray[np.float32]) -> None:
    with pytest.raises(ModelError, match=r"float32 \[n, 16, 16, 3\]") as caught:
        LiteRtModel(content()).run(np.asarray(array))
    assert caught.value.code == "litert.bad_input"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_input_that_is_not_finite_is_refused(value: float) -> None:
    batch = pictures(1)
    batch[0, 3, 4, 1] = value
    with pytest.raises(ModelError, match="1 values") as caught:
        LiteRtModel(content()).run(batch)
    assert caught.value.code == "litert.not_finite"


@pytest.mark.parametrize("data", [b"no model at all", b"\x00" * 64])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ModelError) as caught:
        LiteRtModel(data)
    assert caught.value.code == "litert.unreadable"


def test_two_inputs_are_refused() -> None:
    b = NetworkBuilder()
    b.add("sum", b.input("x", (2,)), b.input("y", (2,)))
    with pytest.raises(ModelError, match="2 inputs"):
        LiteRtModel(to_litert(b.build(), outputs=["sum"]))


def test_shapes_and_size_are_known() -> None:
    data = content()
    model = LiteRtModel(data, threads=1)
    assert model.input_shape == (16, 16, 3)
    assert model.output_shapes == {"logits": (5,), "probabilities": (5,)}
    assert model.size_bytes == len(data)
    assert default_threads() == min(2, os.cpu_count() or 1)
    with pytest.raises(ValueError, match="pool_size 0"):
        LiteRtModel(data, pool_size=0)


def test_nothing_of_inference_imports_tensorflow_or_streamlit() -> None:
    program = (
        "import sys, core.inference.from_keras, core.inference.flatbuffer, core.inference.litert;"
        "print([m for m in ('tensorflow', 'keras', 'streamlit') if m in sys.modules])"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
