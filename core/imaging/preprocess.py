"""The preprocessing contract of a vision model: pixels in, the network's input out.

The rule, so that it can be written again in any language:

1. Choose the region. ``center_crop``: a square in the middle of the picture, its side
   ``crop_fraction`` times the shorter side (0.875 for a network of 224 pixels that was trained
   on 256-pixel pictures cut to 224). ``squeeze``: the whole picture, its aspect ratio lost.
   Edges may fall between pixels.
2. Resample the region to ``input_size_px`` squared, straight from the full picture. Output pixel
   ``i`` is centred at ``start + (i + 0.5) * step`` with ``step = length / input_size_px``, where
   pixel ``k`` of the picture is centred at ``k + 0.5``. The filter is bilinear (triangle,
   support 1) or bicubic (Keys, a = -0.5, support 2), stretched by ``step`` where that is above 1
   (antialiasing). Weights reach beyond the region where the picture does, are cut off at its
   edges, and sum to 1, kept with 22 bits after the point. One axis after the other, each
   rounded (half up) and clipped to 0..255: rows first, but columns first where the picture gets
   less tall by more than twice as many pixels as it gets less wide (Pillow 13; it shows in
   rounding and clipping only). This is ``PIL.Image.resize(size, resample, box)`` on uint8.
3. ``value = (pixel - offset) / scale`` in float32, channels R, G, B last.

Cropping and resizing in one call equals "resize the shorter side to input / crop_fraction, then
cut the centre" without rounding that intermediate size, and spends no time outside the crop.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.errors import ModelError

__all__ = ["Preprocessed", "Preprocessing"]

_RESAMPLING = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
}
_RESIZE_RULES = ("center_crop", "squeeze")
_MAX_INPUT_SIZE_PX = 1024


@dataclass(frozen=True, eq=False)
class Preprocessed:
    """A picture as a network's input.

    Attributes
    ----------
    tensor : ndarray of float32, shape (1, s, s, 3)
        One picture, height, width, channels R, G, B.
    crop_box : tuple of float
        (left, top, right, bottom) of what the network sees, as fractions 0..1 of the picture.
    """

    tensor: NDArray[np.float32]
    crop_box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Preprocessing:
    """How pixels become a network's input; travels with the model.

    Parameters
    ----------
    input_size_px : int
        Side of the square that the network takes, 1 to 1024 pixels.
    resize : {"center_crop", "squeeze"}
        A square from the middle, or the whole picture squeezed to a square.
    crop_fraction : float
        Share of the shorter side that the crop keeps, above 0 and at most 1. Without effect on
        "squeeze".
    interpolation : {"bicubic", "bilinear"}
        Antialiased resampling, see the module's description.
    offset, scale : float
        ``value = (pixel - offset) / scale`` for pixels of 0..255; `scale` is not 0.

    Raises
    ------
    ModelError
        With the code ``vision.preprocessing`` if a value is outside its range.
    """

    input_size_px: int
    resize: str = "center_crop"
    crop_fraction: float = 0.875
    interpolation: str = "bicubic"
    offset: float = 127.5
    scale: float = 127.5

    def __post_init__(self) -> None:
        size = self.input_size_px
        if isinstance(size, bool) or not isinstance(size, int):
            raise _wrong("input_size_px", size, "a whole number")
        if not 1 <= size <= _MAX_INPUT_SIZE_PX:
            raise _wrong("input_size_px", size, f"1 to {_MAX_INPUT_SIZE_PX}")
        if self.resize not in _RESIZE_RULES:
            raise _wrong("resize", self.resize, ", ".join(_RESIZE_RULES))
        if self.interpolation not in tuple(_RESAMPLING):  # what is not hashable too
            raise _wrong("interpolation", self.interpolation, ", ".join(_RESAMPLING))
        for name in ("crop_fraction", "offset", "scale"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise _wrong(name, value, "a number")
            if not math.isfinite(value):
                raise _wrong(name, value, "a finite number")
        if not 0 < self.crop_fraction <= 1:
            raise _wrong("crop_fraction", self.crop_fraction, "above 0, at most 1")
        if self.scale == 0:
            raise _wrong("scale", self.scale, "not 0")

    def apply(self, pixels: NDArray[np.uint8]) -> Preprocessed:
        """Return the network's input for one picture.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (h, w, 3)
            RGB.

        Returns
        -------
        Preprocessed
        """
        square, crop_box = self.resized(pixels)
        tensor = (square.astype(np.float32) - np.float32(self.offset)) / np.float32(self.scale)
        return Preprocessed(tensor[np.newaxis], crop_box)

    def resized(
        self, pixels: NDArray[np.uint8]
    ) -> tuple[NDArray[np.uint8], tuple[float, float, float, float]]:
        """Return what the network sees as pixels, before scaling.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (h, w, 3)
            RGB.

        Returns
        -------
        ndarray of uint8, shape (s, s, 3)
            RGB.
        tuple of float
            The crop box, as in `Preprocessed`.
        """
        height, width = pixels.shape[:2]
        left, top, right, bottom = self.crop_box(width, height)
        square = Image.fromarray(pixels).resize(
            (self.input_size_px, self.input_size_px),
            _RESAMPLING[self.interpolation],
            box=(left * width, top * height, right * width, bottom * height),
        )
        return np.asarray(square), (left, top, right, bottom)

    def crop_box(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Return (left, top, right, bottom) of what the network sees, as fractions 0..1."""
        if self.resize == "squeeze":
            return 0.0, 0.0, 1.0, 1.0
        side = min(width, height) * self.crop_fraction
        margin_x = (1 - side / width) / 2
        margin_y = (1 - side / height) / 2
        return margin_x, margin_y, 1 - margin_x, 1 - margin_y

    def to_dict(self) -> dict[str, str | int | float]:
        """Return the contract as plain values, for JSON or TOML."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Preprocessing:
        """Return the contract that `to_dict` wrote, every value checked.

        Parameters
        ----------
        values : mapping
            All fields by name, no others.

        Returns
        -------
        Preprocessing

        Raises
        ------
        ModelError
            If a field is missing, unknown, or outside its range.
        """
        names = [field.name for field in fields(cls)]
        for name in values:
            if name not in names:
                raise _wrong(str(name)[:40], "an unknown field", ", ".join(names))
        for name in names:
            if name not in values:
                raise _wrong(name, "nothing", "a value")
        return cls(**values)  # type: ignore[arg-type] # __post_init__ checks every value


def _wrong(field: str, received: object, expected: str) -> ModelError:
    return ModelError(
        "vision.preprocessing", field=field, received=repr(received)[:60], expected=expected
    )
