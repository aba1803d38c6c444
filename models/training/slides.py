"""Draw the built-in slides: one valley at six times of the day.

    .venv/bin/python -m models.training.slides

Writes ``models/demo_sets/slides/1.jpg`` to ``6.jpg``, the same every time.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

__all__ = ["SCENES", "SIZE_PX", "TARGET", "draw_slide", "main"]

SIZE_PX = (1280, 720)
TARGET = Path(__file__).resolve().parents[1] / "demo_sets" / "slides"
_SCALE = 2
_SEED = 20_261_125
_QUALITY = 86
_RIDGES = 5

_Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Scene:
    """One time of the day.

    Attributes
    ----------
    zenith, horizon : tuple of int
        The sky above and below.
    far, near : tuple of int
        The hills, from the farthest to the nearest.
    light : tuple of int
        Of the sun or moon.
    place : tuple of float
        Where it stands, as fractions of width and height.
    radius : float
        Of it, as a fraction of the height.
    stars : int
    lit : bool
        Whether windows are lit in the village.
    """

    zenith: _Colour
    horizon: _Colour
    far: _Colour
    near: _Colour
    light: _Colour
    place: tuple[float, float]
    radius: float
    stars: int = 0
    lit: bool = False


SCENES = (
    Scene((74, 86, 140), (247, 190, 160), (150, 132, 160), (40, 48, 78),
          (255, 226, 180), (0.44, 0.50), 0.055, 24),
    Scene((92, 160, 214), (222, 238, 240), (150, 186, 196), (38, 92, 84),
          (255, 246, 214), (0.36, 0.30), 0.050),
    Scene((52, 132, 208), (190, 226, 240), (128, 178, 190), (30, 104, 70),
          (255, 252, 232), (0.52, 0.17), 0.046),
    Scene((96, 146, 190), (252, 214, 140), (170, 160, 150), (84, 84, 50),
          (255, 232, 150), (0.68, 0.34), 0.055),
    Scene((60, 48, 98), (242, 116, 82), (136, 78, 104), (40, 24, 52),
          (255, 174, 104), (0.80, 0.57), 0.075, 40, lit=True),
    Scene((8, 14, 38), (38, 56, 96), (34, 50, 82), (6, 12, 26),
          (238, 240, 226), (0.66, 0.22), 0.045, 260, lit=True),
)  # fmt: skip
"""Dawn, morning, noon, afternoon, sunset and night."""


def draw_slide(number: int) -> Image.Image:
    """Return one slide.

    Parameters
    ----------
    number : int
        0 to 5, a position in `SCENES`.

    Returns
    -------
    PIL.Image.Image
        RGB, `SIZE_PX`. The hills are the same in all six.
    """
    scene = SCENES[number]
    rng = np.random.default_rng(_SEED)
    width, height = (side * _SCALE for side in SIZE_PX)
    picture = _sky(scene, width, height)
    draw = ImageDraw.Draw(picture)
    _stars(draw, scene, width, height)
    picture = _light(picture, scene, width, height)
    draw = ImageDraw.Draw(picture)
    for ridge in range(_RIDGES):
        part = ridge / (_RIDGES - 1)
        crest = _crest(rng, width, height, part)
        corners = [(float(x), float(y)) for x, y in enumerate(crest)]
        colour = _between(scene.far, scene.near, part)
        draw.polygon([*corners, (width, height), (0, height)], fill=colour)
        if ridge == _RIDGES - 2:
            _village(draw, rng, scene, crest, colour)
    return picture.resize(SIZE_PX, Image.Resampling.LANCZOS)


def _between(first: _Colour, second: _Colour, part: float) -> _Colour:
    red, green, blue = (round(a + part * (b - a)) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _sky(scene: Scene, width: int, height: int) -> Image.Image:
    part = np.linspace(0, 1, height)[:, np.newaxis] ** 1.3
    column = np.array(scene.zenith) * (1 - part) + np.array(scene.horizon) * part
    pixels = np.repeat(column[:, np.newaxis], width, axis=1)
    return Image.fromarray(pixels.round().astype(np.uint8))


def _stars(draw: ImageDraw.ImageDraw, scene: Scene, width: int, height: int) -> None:
    rng = np.random.default_rng(_SEED + 1)
    for _ in range(scene.stars):
        x, y = rng.uniform(0, width), rng.uniform(0, 0.5 * height)
        radius = rng.uniform(0.8, 2.2)
        bright = _between(scene.zenith, (255, 255, 255), rng.uniform(0.5, 1.0))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=bright)


def _light(picture: Image.Image, scene: Scene, width: int, height: int) -> Image.Image:
    x, y = scene.place[0] * width, scene.place[1] * height
    radius = scene.radius * height
    glow = Image.new("L", picture.size)
    shine = ImageDraw.Draw(glow)
    for size, strength in ((3.2, 46), (2.0, 80)):
        reach = size * radius
        shine.ellipse((x - reach, y - reach, x + reach, y + reach), fill=strength)
    glow = glow.filter(ImageFilter.GaussianBlur(radius))
    ImageDraw.Draw(glow).ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return Image.composite(Image.new("RGB", picture.size, scene.light), picture, glow)


def _crest(rng: np.random.Generator, width: int, height: int, part: float) -> NDArray[np.float64]:
    x = np.linspace(0, 1, width)
    y = np.full(width, 0.50 + 0.36 * part)
    for octave in range(5):
        waves = (1.3 + 0.8 * part) * 2**octave
        y += 0.075 / 1.9**octave * np.sin(2 * np.pi * (waves * x + rng.uniform()))
    return y * height


def _village(
    draw: ImageDraw.ImageDraw,
    rng: np.random.Generator,
    scene: Scene,
    crest: NDArray[np.float64],
    ground: _Colour,
) -> None:
    wall = _between(ground, scene.horizon, 0.35)
    roof = _between(scene.near, (150, 60, 48), 0.35)
    window = (255, 214, 120) if scene.lit else _between(wall, scene.near, 0.6)
    for house in range(9):
        side = rng.uniform(26, 44) * _SCALE
        x = (0.14 + 0.055 * house + rng.uniform(-0.012, 0.012)) * len(crest)
        foot = float(crest[int(x)]) + 0.5 * side
        top = foot - 1.1 * side
        draw.rectangle((x, top, x + side, foot), fill=wall)
        corners = [(x - 0.12 * side, top), (x + 0.5 * side, top - 0.55 * side)]
        draw.polygon([*corners, (x + 1.12 * side, top)], fill=roof)
        for column in (0.18, 0.58):
            left = x + column * side
            box = (left, top + 0.2 * side, left + 0.24 * side, top + 0.48 * side)
            draw.rectangle(box, fill=window)


def main() -> None:
    """Write the six slides."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for number in range(len(SCENES)):
        buffer = io.BytesIO()
        draw_slide(number).save(buffer, "JPEG", quality=_QUALITY, optimize=True)
        (TARGET / f"{number + 1}.jpg").write_bytes(buffer.getvalue())


if __name__ == "__main__":
    main()
