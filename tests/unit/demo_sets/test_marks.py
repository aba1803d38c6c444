"""The drawn demo set is what its script draws, varied and small."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from models.training.marks import (
    CLASSES,
    COUNT,
    SIZE_PX,
    TARGET,
    TARGET_TO_TRY,
    TO_TRY,
    draw_mark,
    make_zip,
)


def _pictures(data: bytes) -> dict[str, NDArray[np.int16]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {
            name: np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB"), np.int16)
            for name in archive.namelist()
        }


def test_the_script_makes_what_is_committed() -> None:
    # Compared as pictures: another release of the encoder may write other bytes.
    to_try = make_zip(range(COUNT, COUNT + TO_TRY))
    for path, made in ((TARGET, make_zip()), (TARGET_TO_TRY, to_try)):
        committed, drawn = _pictures(path.read_bytes()), _pictures(made)
        assert list(committed) == list(drawn)
        for name, picture in committed.items():
            assert np.abs(picture - drawn[name]).mean() < 1.5, name


def test_the_set_is_small_and_has_thirty_or_more_of_each_class() -> None:
    pictures = _pictures(TARGET.read_bytes())
    assert TARGET.stat().st_size < 600_000
    assert COUNT >= 30
    assert sorted({name.partition("/")[0] for name in pictures}) == sorted(CLASSES)
    assert len(pictures) == COUNT * len(CLASSES)
    assert {picture.shape for picture in pictures.values()} == {(SIZE_PX, SIZE_PX, 3)}


def test_no_two_pictures_are_alike() -> None:
    pictures = _pictures(TARGET.read_bytes()) | _pictures(TARGET_TO_TRY.read_bytes())
    assert len(pictures) == (COUNT + TO_TRY) * len(CLASSES)
    small = np.stack([picture[::8, ::8].ravel() for picture in pictures.values()])
    for place, picture in enumerate(small):
        others = np.delete(small, place, axis=0)
        assert np.abs(others - picture).mean(axis=1).min() > 10


@pytest.mark.parametrize("name", list(CLASSES))
def test_a_picture_is_the_same_every_time(name: str) -> None:
    assert draw_mark(name, 7).tobytes() == draw_mark(name, 7).tobytes()
