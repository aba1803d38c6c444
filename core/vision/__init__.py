"""What is in a picture, and why a model says so."""

from core.vision.classify import (
    Classification,
    ImageClassifier,
    NamedResult,
    Prediction,
    Timings,
)
from core.vision.explain import (
    Explanation,
    class_activation_map,
    explain,
    occlusion_map,
    overlay,
)

__all__ = [
    "Classification",
    "Explanation",
    "ImageClassifier",
    "NamedResult",
    "Prediction",
    "Timings",
    "class_activation_map",
    "explain",
    "occlusion_map",
    "overlay",
]
