"""Changed copies of a picture that still show the same thing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["augmented"]

_LEAST_CROP = 0.75
_MOST_TURN_DEG = 12.0


def augmented(pixels: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.uint8]:
    """Return a copy, mirrored, cropped, turned a little, and lit and coloured otherwise.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (s, s, 3)
        What the network would see of the picture.
    generator : numpy.random.Generator
        Decides all of it.

    Returns
    -------
    ndarray of uint8, shape (s, s, 3)
    """
    side = pixels.shape[0]
    picture = Image.fromarray(pixels)
    # The colour along the edges fills the corners that a turn leaves open.
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    fill = tuple(int(value) for value in np.median(edge, axis=0))
    picture = picture.rotate(
        float(generator.uniform(-_MOST_TURN_DEG, _MOST_TURN_DEG)),
        Image.Resampling.BILINEAR,
        fillcolor=fill,
    )
    if generator.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    crop = float(generator.uniform(_LEAST_CROP, 1.0)) * side
    left, top = (float(generator.uniform(0, side - crop)) for _ in range(2))
    picture = picture.resize(
        (side, side), Image.Resampling.BICUBIC, box=(left, top, left + crop, top + crop)
    )
    values = np.asarray(picture, np.float32)
    contrast = generator.uniform(0.7, 1.3)
    light = generator.uniform(-25, 25)
    tint = generator.uniform(0.9, 1.1, 3).astype(np.float32)
    values = ((values - 127.5) * np.float32(contrast) + 127.5 + np.float32(light)) * tint
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
