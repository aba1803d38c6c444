"""The built-in slides are what their script draws."""

from __future__ import annotations

import numpy as np
from PIL import Image

from models.training.slides import SCENES, SIZE_PX, TARGET, draw_slide


def test_the_script_draws_what_is_committed() -> None:
    assert [path.name for path in sorted(TARGET.iterdir())] == [f"{n}.jpg" for n in range(1, 7)]
    for number in range(len(SCENES)):
        committed = Image.open(TARGET / f"{number + 1}.jpg")
        assert committed.size == SIZE_PX
        drawn = np.asarray(draw_slide(number), np.int16)
        assert np.abs(np.asarray(committed, np.int16) - drawn).mean() < 2


def test_the_slides_are_small_and_told_apart_at_a_glance() -> None:
    assert sum(path.stat().st_size for path in TARGET.iterdir()) < 300_000
    means = [np.asarray(Image.open(path)).mean(axis=(0, 1)) for path in sorted(TARGET.iterdir())]
    for place, mean in enumerate(means):
        assert min(np.abs(mean - other).max() for other in means[:place] + means[place + 1 :]) > 10
