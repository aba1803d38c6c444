"""Doubts about pictures: copies, few, unequal, blurred, tiny."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter, UnidentifiedImageError

from core.datasets.folders import read_picture_folder, read_picture_zip
from core.datasets.pictures import SampleWarning, check_pictures, picture_groups
from core.datasets.samples import NewSample, SampleSet
from core.vision.features import FeatureCache

MARKS = Path(__file__).resolve().parents[3] / "models" / "demo_sets" / "marks.zip"


@pytest.fixture(scope="module")
def marks() -> list[NewSample]:
    return list(read_picture_zip(MARKS.read_bytes()).samples)


def set_of(*samples: NewSample) -> SampleSet:
    made = SampleSet()
    made.add_many(samples)
    return made


def changed(
    sample: NewSample, change: Callable[[Image.Image], Image.Image], label: str = ""
) -> NewSample:
    picture = Image.open(io.BytesIO(sample.content)).convert("RGB")
    buffer = io.BytesIO()
    change(picture).save(buffer, "PNG")
    return NewSample(label or sample.label, buffer.getvalue(), f"changed {sample.name}")


def greys(samples: SampleSet) -> NDArray[np.float32]:
    """Stand in for what a network sees: small, centred pictures."""
    rows = []
    for sample in samples.samples():
        try:
            picture = Image.open(io.BytesIO(sample.content)).convert("L").resize((24, 24))
        except UnidentifiedImageError:
            picture = Image.new("L", (24, 24))
        rows.append(np.asarray(picture, np.float32).reshape(-1))
    centred = np.stack(rows)
    return centred - centred.mean(axis=1, keepdims=True)


def doubts(samples: SampleSet) -> tuple[SampleWarning, ...]:
    return check_pictures(samples.snapshot(), FeatureCache(), features=greys(samples))


def kinds(samples: SampleSet) -> list[str]:
    warnings = doubts(samples)
    return [warning.code.rpartition(".")[2] for warning in warnings]


def groups_of(samples: SampleSet) -> list[int]:
    groups = picture_groups(samples.samples(), FeatureCache(), features=greys(samples))
    return [int(number) for number in groups]


def test_the_demo_set_raises_no_doubt(marks: list[NewSample]) -> None:
    samples = set_of(*marks)
    assert kinds(samples) == []
    assert len(set(groups_of(samples))) == len(marks)


def test_equal_pixels_are_found_whatever_the_file(marks: list[NewSample]) -> None:
    others = [mark for mark in marks if mark.label != marks[0].label]
    copy = changed(marks[0], lambda picture: picture)
    wrong = changed(marks[0], lambda picture: picture, others[0].label)
    within = set_of(*marks, copy)
    assert kinds(within) == ["duplicate"]
    across = set_of(*marks, copy, wrong)
    (warning,) = doubts(across)
    assert warning.code == "pictures.duplicate_across"
    assert set(warning.classes) == {marks[0].label, others[0].label}
    assert len(warning.sample_ids) == 3
    groups = groups_of(across)
    assert groups[0] == groups[-1] == groups[-2]
    assert len(set(groups)) == len(marks)


@pytest.mark.parametrize(
    "change",
    [
        lambda picture: picture.resize((110, 110)),
        lambda picture: ImageEnhance.Brightness(picture).enhance(1.05),
    ],
    ids=["scaled", "brightened"],
)
def test_a_copy_that_was_changed_a_little_is_nearly_equal(
    marks: list[NewSample], change: Callable[[Image.Image], Image.Image]
) -> None:
    samples = set_of(*marks, changed(marks[5], change))
    assert kinds(samples) == ["alike"]
    groups = groups_of(samples)
    assert groups[5] == groups[-1]


def test_small_and_unequal_classes_are_said(marks: list[NewSample]) -> None:
    by_label: dict[str, list[NewSample]] = {}
    for mark in marks:
        by_label.setdefault(mark.label, []).append(mark)
    first, second, third = by_label.values()
    assert "few" in kinds(set_of(*first, *second[:9], *third[:4]))
    assert kinds(set_of(*first, *second[:5])) == ["imbalance"]
    empty = set_of(*first)
    empty.add_class("empty")
    assert kinds(empty) == ["empty_class"]


def test_blurred_and_tiny_pictures_are_said(marks: list[NewSample]) -> None:
    blurred = changed(marks[3], lambda picture: picture.filter(ImageFilter.GaussianBlur(9)))
    tiny = changed(marks[60], lambda picture: picture.resize((20, 20)))
    dot = changed(marks[70], lambda picture: picture.resize((1, 1)))
    found = kinds(set_of(*marks[:3], *marks[4:60], *marks[61:], blurred, tiny, dot))
    assert found.count("tiny") == 2
    assert found.count("blurred") == 1


def test_what_cannot_be_decoded_is_grouped_by_its_content() -> None:
    broken = [NewSample("a", b"no picture"), NewSample("b", b"no picture"), NewSample("a", b"nor")]
    first, second, third = groups_of(set_of(*broken))
    assert first == second != third


def test_people_s_logos_hold_copies_and_no_false_ones_across_classes(shared_data: Path) -> None:
    samples = set_of(*read_picture_folder(shared_data / "brand" / "train").samples)
    found = kinds(samples)
    assert found.count("duplicate") >= 1
    assert not [kind for kind in found if kind == "duplicate_across"]
