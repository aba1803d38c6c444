"""Show where in a picture a taught model sees a class.

Exact where the head is linear on pooled features: the class activation map. By occlusion
elsewhere, as for pretrained networks.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from core.imaging.preprocess import Preprocessing
from core.vision.explain import Explanation, class_activation_map, occlusion_map
from core.vision.taught import TaughtImageModel, TaughtPrediction

__all__ = ["explain_taught"]


def explain_taught(
    model: TaughtImageModel,
    prediction: TaughtPrediction,
    *,
    class_index: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Explanation:
    """Return the exact map where the head has one, else the occlusion map.

    Parameters
    ----------
    model : TaughtImageModel
        That made `prediction`.
    prediction : TaughtPrediction
    class_index : int, optional
        The class to look for, by its place in the head's labels. Defaults to the most probable.
    progress : callable, optional
        As in :func:`core.vision.explain.occlusion_map`.

    Returns
    -------
    Explanation

    Raises
    ------
    UsageError
        If there is no such class.
    """
    index = prediction.predictions[0].index if class_index is None else class_index
    seen = _Whole(model)
    if seen.classifier_kernel is not None:
        return class_activation_map(seen, prediction.tensor, index, crop_box=prediction.crop_box)
    return occlusion_map(
        seen, prediction.tensor, index, crop_box=prediction.crop_box, progress=progress
    )


class _Whole:
    """A taught model from pixels to logits, as explanations ask for it."""

    def __init__(self, taught: TaughtImageModel) -> None:
        self._taught = taught
        self.model_id = taught.head.backbone_id
        self.labels = taught.labels
        self.preprocessing: Preprocessing = taught.head.preprocessing
        linear = taught.head.is_linear and taught.backbone.pooled
        self.classifier_kernel = taught.head.dense[0].kernel if linear else None
        self.model = self

    def run(self, array: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return the logits, and the map that was pooled where there is one."""
        backbone, head = self._taught.backbone, self._taught.head
        outputs = {"logits": head.logits(backbone.features(array))}
        if self.classifier_kernel is not None:
            feature_map = backbone.feature_map(array)
            if feature_map is not None:
                outputs["feature_map"] = feature_map
        return outputs
