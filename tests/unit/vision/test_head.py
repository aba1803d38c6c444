"""The taught head as plain data: what it accepts and what it computes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.errors import ModelError
from core.imaging.preprocess import Preprocessing
from core.vision.head import DenseLayer, ImageHead, Rejection, softmax

RNG = np.random.default_rng(0)


def dense(inputs: int, outputs: int, activation: str = "softmax") -> DenseLayer:
    kernel = RNG.normal(size=(inputs, outputs)).astype(np.float32)
    return DenseLayer(kernel, RNG.normal(size=outputs).astype(np.float32), activation)


def head(**changes: Any) -> ImageHead:
    values: dict[str, Any] = {
        "labels": ("a", "b", "c"),
        "backbone_id": "efficientnet-lite0",
        "layer": "feature_map",
        "pooled": False,
        "feature_shape": (2, 2, 4),
        "dense": (dense(16, 5, "relu"), dense(5, 3)),
        "preprocessing": Preprocessing(32),
    }
    return ImageHead(**{**values, **changes})


def test_the_forward_pass_is_flatten_dense_relu_dense_softmax() -> None:
    taught = head()
    features = RNG.normal(size=(6, 2, 2, 4)).astype(np.float32)
    first, last = taught.dense
    hidden = np.maximum(features.reshape(6, 16) @ first.kernel + first.bias, 0)
    powers = np.exp(hidden @ last.kernel + last.bias)
    np.testing.assert_allclose(
        taught.probabilities(features), powers / powers.sum(1, keepdims=True), atol=1e-6
    )
    np.testing.assert_allclose(taught.probabilities(features).sum(1), 1, atol=1e-6)


def test_temperature_is_folded_into_the_last_layer_and_can_be_changed_again() -> None:
    taught = head()
    features = RNG.normal(size=(3, 2, 2, 4)).astype(np.float32)
    cooler = taught.with_temperature(2.0)
    np.testing.assert_allclose(cooler.logits(features), taught.logits(features) / 2, rtol=1e-5)
    np.testing.assert_allclose(
        cooler.with_temperature(1.0).logits(features), taught.logits(features), rtol=1e-5
    )


def test_similarity_compares_directions_from_the_centre() -> None:
    centre = np.array([1, 1, 1, 1], np.float32)
    references = np.array([[1, 0, 0, 0], [0, 1, 0, 0]], np.float32)
    rejection = Rejection("similarity", 0.5, centre, references)
    features = np.array([[3, 1, 1, 1], [1, 1, 9, 1]], np.float32)
    scores = rejection.scores(features, np.full((2, 3), 1 / 3, np.float32))
    np.testing.assert_allclose(scores, [1, 0], atol=1e-6)
    assert rejection.rejects(scores).tolist() == [False, True]
    assert not replace(rejection, kind="none").rejects(scores).any()


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": ("a", "b")},
        {"labels": ("a", "a", "b")},
        {"labels": ("a",)},
        {"dense": ()},
        {"dense": (dense(15, 3),)},
        {"dense": (dense(16, 3, "relu"),)},
        {"dense": (dense(16, 3), dense(3, 3))},
        {"temperature": 0.0},
        {"temperature": float("nan")},
        {"rejection": Rejection("similarity", 0.0, np.ones(3, np.float32), np.eye(3, dtype="f4"))},
    ],
)
def test_parts_that_do_not_fit_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ModelError) as caught:
        head(**changes)
    assert caught.value.code == "teach.head_broken"


@pytest.mark.parametrize(
    ("kernel", "bias", "activation"),
    [
        (np.zeros((2, 2)), np.zeros(2, np.float32), "relu"),
        (np.zeros((2, 2), np.float32), np.zeros(3, np.float32), "relu"),
        (np.zeros((2, 0), np.float32), np.zeros(0, np.float32), "relu"),
        (np.zeros((2, 2), np.float32), np.zeros(2, np.float32), "gelu"),
        (np.full((2, 2), np.nan, np.float32), np.zeros(2, np.float32), "relu"),
    ],
)
def test_a_broken_layer_is_refused(kernel: Any, bias: Any, activation: str) -> None:
    with pytest.raises(ModelError):
        DenseLayer(kernel, bias, activation)


def test_features_of_another_shape_are_refused() -> None:
    with pytest.raises(ModelError):
        head().probabilities(np.zeros((1, 16), np.float32))


def test_softmax_of_large_logits_is_finite() -> None:
    np.testing.assert_allclose(softmax(np.array([[1e4, 0, -1e4]], np.float32)), [[1, 0, 0]])
