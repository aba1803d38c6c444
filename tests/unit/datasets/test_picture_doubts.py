"""Doubts about pictures: who is told what, and what counts as the same picture."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from core.datasets.pictures import SampleWarning, check_pictures, picture_groups
from core.datasets.samples import SampleSet
from core.vision.features import FeatureCache
from tests.unit.vision.taught_world import drawn, drawn_set


def saved_again(content: bytes, file_format: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(content)).convert("RGB").save(buffer, file_format, **options)
    return buffer.getvalue()


def codes(warnings: tuple[SampleWarning, ...]) -> list[str]:
    return [warning.code for warning in warnings]


@pytest.fixture
def samples() -> SampleSet:
    return drawn_set(6, kinds=("bars", "disc"))


def test_good_samples_raise_no_doubt(samples: SampleSet) -> None:
    assert check_pictures(samples.snapshot(), FeatureCache()) == ()


def test_the_same_picture_in_two_classes_comes_first(samples: SampleSet) -> None:
    original = samples.samples("bars")[0]
    # Another file of the same pixels, and one that lost a little.
    exact = samples.add("disc", saved_again(original.content, "BMP"), name="exact.bmp")
    warning = check_pictures(samples.snapshot(), FeatureCache())[0]
    assert warning.code == "pictures.duplicate_across"
    assert set(warning.sample_ids) == {original.id, exact.id}
    assert set(warning.classes) == {"bars", "disc"}
    samples.undo()
    near = samples.add("disc", saved_again(original.content, "JPEG", quality=80))
    warning = check_pictures(samples.snapshot(), FeatureCache())[0]
    assert warning.code == "pictures.alike_across"
    assert set(warning.sample_ids) == {original.id, near.id}


def test_copies_within_a_class_are_listed_with_all_their_ids(samples: SampleSet) -> None:
    original = samples.samples("bars")[0]
    copies = [samples.add("bars", original.content).id for _ in range(2)]
    warning = check_pictures(samples.snapshot(), FeatureCache())[0]
    assert (warning.code, warning.fields["count"]) == ("pictures.duplicate", 3)
    assert set(warning.sample_ids) == {original.id, *copies}


def test_few_none_and_unequal_classes_are_said(samples: SampleSet) -> None:
    samples.add_class("empty")
    samples.add("rare", drawn("nothing else", 0))
    for seed in range(6, 20):
        samples.add("bars", drawn("bars", seed))
    found = check_pictures(samples.snapshot(), FeatureCache())
    assert [(warning.code, warning.classes) for warning in found] == [
        ("pictures.empty_class", ("empty",)),
        ("pictures.few", ("rare",)),
        ("pictures.imbalance", ("disc",)),
    ]


def test_tiny_even_and_blurred_pictures_are_said(samples: SampleSet) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (200, 200), "white").save(buffer, "PNG")
    ramp = np.broadcast_to(np.linspace(0, 255, 200)[:, None, None], (200, 200, 3)).astype(np.uint8)
    soft = io.BytesIO()
    Image.fromarray(ramp).save(soft, "PNG")
    samples.add("bars", buffer.getvalue(), name="even.png")
    samples.add("disc", soft.getvalue(), name="soft.png")
    samples.add("disc", drawn("disc", 90, side=40), name="tiny.png")
    found = check_pictures(samples.snapshot(), FeatureCache())
    assert [(warning.code, warning.fields["name"]) for warning in found] == [
        ("pictures.even", "even.png"),
        ("pictures.blurred", "soft.png"),
        ("pictures.tiny", "tiny.png"),
    ]


def test_a_one_pixel_picture_and_a_broken_one_are_no_reason_to_fail(samples: SampleSet) -> None:
    samples.add("bars", drawn("bars", 3)[:60], name="broken.png")
    pixel = io.BytesIO()
    Image.new("RGB", (1, 1)).save(pixel, "PNG")
    samples.add("bars", pixel.getvalue(), name="pixel.png")
    assert codes(check_pictures(samples.snapshot(), FeatureCache())) == ["pictures.tiny"]


def test_features_confirm_what_was_cropped_a_little() -> None:
    samples = SampleSet()
    picture = Image.open(io.BytesIO(drawn("disc", 1, side=160)))
    for box in ((0, 0, 160, 160), (1, 1, 159, 159)):
        buffer = io.BytesIO()
        picture.crop(box).save(buffer, "PNG")
        samples.add("disc", buffer.getvalue())
    samples.add("disc", drawn("disc", 2, side=160))
    same_way = np.array([[1, 0], [1, 0.01], [0, 1]], np.float32)
    groups = picture_groups(samples.samples(), FeatureCache(), features=same_way)
    assert groups[0] == groups[1] != groups[2]


def test_different_drawings_on_white_are_not_taken_for_copies() -> None:
    samples = drawn_set(30)
    groups = picture_groups(samples.samples(), FeatureCache())
    assert len(np.unique(groups)) == 90
