"""One colour map for heat: even steps of lightness, readable by the colour-blind and in grey."""

from __future__ import annotations

import numpy as np

__all__ = ["VIRIDIS"]

# Nine even steps of viridis (N. Smith and S. van der Walt, dedicated to the public, CC0).
_ANCHORS = np.array(
    [
        (68, 1, 84),
        (71, 45, 123),
        (59, 82, 139),
        (44, 114, 142),
        (33, 145, 140),
        (40, 174, 128),
        (94, 201, 98),
        (173, 220, 48),
        (253, 231, 37),
    ]
)

VIRIDIS = (
    np.stack(
        [
            np.interp(np.linspace(0, 1, 256), np.linspace(0, 1, len(_ANCHORS)), channel)
            for channel in _ANCHORS.T
        ],
        axis=1,
    )
    .round()
    .astype(np.uint8)
)
"""ndarray of uint8, shape (256, 3): RGB from dark violet (0) over green to yellow (255)."""
