"""Words that were taught on one page turn the slides of another; other speech does not."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from core.audio import decode_audio
from pages.components.sounds import sample_sounds
from tests.browser.word_path import (
    STEPS,
    demo_takes,
    open_slideshow,
    slide_changes,
    teach,
)

pytestmark = pytest.mark.browser

RATE_HZ = 48_000


def test_words_taught_on_one_page_turn_the_slides_of_another(
    speaking: Callable[..., object],
) -> None:
    content, left_out = demo_takes()
    quiet = np.zeros(RATE_HZ, np.float32)
    order = [0, 6, 7, 1, 8]
    words = [left_out[place][0] for place in order]
    takes = [np.concatenate([left_out[place][1], quiet]) for place in order]
    # English words: speech that was never taught.
    other = decode_audio(sample_sounds()["digits"], rate_hz=RATE_HZ).samples
    with speaking(np.concatenate([*takes, other, quiet])) as visit:
        page = visit.open("/teach_words")  # type: ignore[attr-defined]
        teach(page, "words.zip", content)
        open_slideshow(page)
        page.wait_for_timeout(1000 * (len(other) / RATE_HZ + 2.5 * len(order) + 2))
        changes = [1, *(number for number, _ in slide_changes(page))]
        steps = [(after - before + 1) % 6 - 1 for before, after in pairwise(changes)]
        told = [STEPS[word] for word in words] * 3
        # It begins anywhere in the sound: the steps are a part of what was said, over and over.
        assert len(steps) >= len(order) - 1
        assert any(told[begin : begin + len(steps)] == steps for begin in range(len(order))), (
            f"{steps} in {told}"
        )
        assert visit.outside_hosts == set()  # type: ignore[attr-defined]
