"""Real photos are named right, large ones that are decoded smaller too."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.imaging import decode_image
from core.vision import ImageClassifier, class_activation_map


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> ImageClassifier:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEACHDECK_HOME", str(tmp_path_factory.mktemp("home")))
        return ImageClassifier.from_model("efficientnet-lite0")


@pytest.fixture(scope="module")
def photos(shared_data: Path) -> list[Path]:
    return sorted((shared_data / "pictures").glob("*.jpg"))


def test_every_photo_is_named_by_its_class(classifier: ImageClassifier, photos: list[Path]) -> None:
    names = {
        path.stem: classifier.classify(path).predictions[0].label.lower().replace(" ", "_")
        for path in photos
    }
    assert len(names) == 8
    assert {stem: stem in name for stem, name in names.items()} == dict.fromkeys(names, True)


def test_a_large_photo_is_named_alike_when_it_is_decoded_smaller(
    classifier: ImageClassifier, photos: list[Path]
) -> None:
    for path in photos:
        small = Image.open(path).convert("RGB")
        buffer = io.BytesIO()
        small.resize((3000, 3000), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=92)
        whole = classifier.classify(np.array(decode_image(buffer.getvalue()).pixels))
        reduced = classifier.classify(buffer.getvalue())
        assert reduced.image.pixels.shape[0] < 3000
        assert reduced.predictions[0].index == whole.predictions[0].index
        assert np.abs(reduced.probabilities - whole.probabilities).max() < 0.02


def test_the_map_of_the_real_network_is_exact(
    classifier: ImageClassifier, photos: list[Path]
) -> None:
    backbone = classifier.backbone
    answer = classifier.classify(photos[0])
    index = answer.predictions[0].index
    explanation = class_activation_map(backbone, answer.tensor, index)
    assert backbone.classifier_bias is not None
    logit = explanation.evidence.mean() + backbone.classifier_bias[index]
    assert logit == pytest.approx(answer.logits[index], abs=1e-3)
    assert explanation.heat.shape == (224, 224)
