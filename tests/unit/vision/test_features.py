"""Features once a picture, by content; what augmentation changes; facts about pictures."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from core.datasets.samples import NewSample, SampleSet
from core.errors import ImageError, UsageError
from core.imaging.decode import decode_image
from core.imaging.preprocess import Preprocessing
from core.vision import features as module
from core.vision.augment import augmented
from core.vision.features import (
    FeatureCache,
    StoppedError,
    augmented_features,
    picture_facts,
    picture_features,
)
from tests.unit.vision.taught_world import drawn, drawn_set


class CountingNetwork:
    """The mean colours of nine fields, and how often they were asked for."""

    def __init__(self) -> None:
        self.calls = 0

    def features(self, tensors: Any) -> Any:
        self.calls += len(tensors)
        return tensors.reshape(len(tensors), 3, 8, 3, 8, 3).mean((2, 4)).reshape(len(tensors), 27)


def backbone(**changes: Any) -> Any:
    network = CountingNetwork()
    values: dict[str, Any] = {
        "model_id": "fields",
        "weights_sha256": "1" * 64,
        "layer": "embedding",
        "pooled": True,
        "preprocessing": Preprocessing(24),
        "feature_shape": (27,),
        "features": network.features,
        "network": network,
    }
    return SimpleNamespace(**{**values, **changes})


def test_features_are_computed_once_a_content_and_come_in_the_order_of_the_samples() -> None:
    samples, cache, below = drawn_set(3), FeatureCache(), backbone()
    first = picture_features(samples.samples(), below, cache)
    assert below.network.calls == 9
    samples.move([samples.samples()[0].id], "elsewhere")
    samples.add("copies", samples.samples()[4].content)
    second = picture_features(samples.samples(), below, cache)
    assert below.network.calls == 9
    np.testing.assert_array_equal(second[:9], first)
    np.testing.assert_array_equal(second[9], first[4])


def test_another_network_layer_or_preprocessing_has_features_of_its_own() -> None:
    samples, cache = drawn_set(1).samples(), FeatureCache()
    changes: tuple[dict[str, Any], ...] = (
        {},
        {"model_id": "other"},
        {"weights_sha256": "2" * 64},
        {"layer": "deeper"},
        {"preprocessing": Preprocessing(24, resize="squeeze")},
    )
    for change in changes:
        below = backbone(**change)
        picture_features(samples, below, cache)
        assert below.network.calls == len(samples)


def test_the_least_used_are_forgotten_first() -> None:
    samples, below = drawn_set(2).samples(), backbone()
    cache = FeatureCache(limit_bytes=27 * 4 * 3)
    picture_features(samples[:3], below, cache)
    picture_features(samples[:1], below, cache)
    picture_features(samples[3:4], below, cache)
    assert cache.size_bytes == cache.limit_bytes
    before = below.network.calls
    picture_features([samples[0], samples[2], samples[3]], below, cache)
    assert below.network.calls == before
    picture_features(samples[1:2], below, cache)
    assert below.network.calls == before + 1


def test_stopping_keeps_what_was_computed() -> None:
    samples, cache, below = drawn_set(2).samples(), FeatureCache(), backbone()
    seen: list[int] = []
    with pytest.raises(StoppedError):
        picture_features(
            samples,
            below,
            cache,
            progress=lambda done, total: seen.append(done),
            stopped=lambda: len(seen) == 4,
        )
    assert seen == [1, 2, 3, 4]
    picture_features(samples, below, cache)
    assert below.network.calls == len(samples)


def test_more_features_than_fit_are_refused_before_any_is_computed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_FEATURE_BYTES", 27 * 4 * 5)
    below = backbone()
    with pytest.raises(UsageError) as caught:
        picture_features(drawn_set(2).samples(), below, FeatureCache())
    assert caught.value.code == "teach.features_large"
    assert below.network.calls == 0


def test_a_picture_that_cannot_be_used_is_named() -> None:
    samples = SampleSet()
    samples.add_many([NewSample("a", drawn("disc", 0)), NewSample("a", b"\xff\xd8\xff", "x.jpg")])
    with pytest.raises(ImageError) as caught:
        picture_features(samples.samples(), backbone(), FeatureCache())
    assert caught.value.code == "teach.sample_unusable"
    assert "x.jpg" in caught.value.message


def test_copies_differ_from_their_original_and_from_each_other_but_not_from_run_to_run() -> None:
    samples, below = drawn_set(1).samples(), backbone()
    plain = picture_features(samples, below, FeatureCache())
    made = [
        augmented_features(samples, below, FeatureCache(), copies=2, seed=seed)
        for seed in (1, 1, 2)
    ]
    assert made[0].shape == (6, 27)
    np.testing.assert_array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])
    for at in range(3):
        assert not np.array_equal(made[0][at], plain[at])
        assert not np.array_equal(made[0][at], made[0][at + 3])


def test_an_augmented_picture_has_the_same_size_and_no_dark_corners() -> None:
    pixels = np.full((40, 40, 3), 240, np.uint8)
    for seed in range(20):
        copy = augmented(pixels, np.random.default_rng(seed))
        assert copy.shape == pixels.shape
        assert copy.dtype == np.uint8
        assert int(copy.max()) - int(copy.min()) < 60


@pytest.mark.parametrize("side", [1, 2, 9])
def test_a_picture_of_few_pixels_has_facts_too(side: int) -> None:
    facts = picture_facts(np.zeros((side, side, 3), np.uint8), side, side)
    assert (facts.width, facts.sharpness, facts.contrast) == (side, 0.0, 0.0)


def test_a_blurred_photo_is_far_less_sharp(shared_data: Path) -> None:
    for path in sorted((shared_data / "pictures").glob("*.jpg")):
        photo = Image.fromarray(decode_image(path.read_bytes()).pixels)
        blurred = photo.filter(ImageFilter.GaussianBlur(6))
        sharp, dull = (
            picture_facts(np.asarray(picture), *picture.size) for picture in (photo, blurred)
        )
        assert sharp.sharpness > 0.1
        assert dull.sharpness < sharp.sharpness / 8
