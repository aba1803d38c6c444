"""A small network with the form that exact maps need: features, their mean, one linear layer."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core.imaging import Preprocessing

CELL_PX = 4


class ColourNetwork:
    """Features are the positive red, green and blue of each cell of 4 pixels, plus a constant."""

    def __init__(self) -> None:
        self.kernel = np.array(
            [[4, -1, -1, 0], [-1, 4, -1, 0], [-1, -1, 4, 0], [0, 0, 0, 2]], np.float32
        )
        self.bias = np.array([0.5, -0.25, 0.0, 0.1], np.float32)
        self.batch_sizes: list[int] = []
        self._lock = threading.Lock()

    def run(self, array: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        with self._lock:
            self.batch_sizes.append(len(array))
        count, height, width, _ = array.shape
        cells = array.reshape(count, height // CELL_PX, CELL_PX, width // CELL_PX, CELL_PX, 3)
        colours = np.maximum(cells.mean(axis=(2, 4)), 0)
        constant = np.full((*colours.shape[:3], 1), 0.2, np.float32)
        feature_map = np.concatenate([colours, constant], axis=3).astype(np.float32)
        embedding = feature_map.mean(axis=(1, 2))
        logits = embedding @ self.kernel + self.bias
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return {
            "feature_map": feature_map,
            "embedding": embedding,
            "logits": logits,
            "probabilities": powers / powers.sum(axis=1, keepdims=True),
        }


def colour_backbone(**changes: Any) -> Any:
    network = ColourNetwork()
    values: dict[str, Any] = {
        "model_id": "colours",
        "title": "Colours",
        "labels": ("red", "green", "blue", "grey"),
        "preprocessing": Preprocessing(32, offset=0, scale=255),
        "classifier_kernel": network.kernel,
        "model": network,
    }
    return SimpleNamespace(**{**values, **changes})


@pytest.fixture
def backbone() -> Any:
    return colour_backbone()


@pytest.fixture
def backbone_without_kernel() -> Any:
    return colour_backbone(classifier_kernel=None)
