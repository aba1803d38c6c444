"""Draw the demo set "marks": robots, whole fruits and house windows.

    .venv/bin/python -m models.training.marks

Writes ``models/demo_sets/marks.zip``, the same every time: a folder for each class, as many
tools take it; and ``marks_to_try.zip`` with a few more that no model was trained on. The marks
are generic and drawn here; they follow nobody's trademark: a robot with a square head, a fruit
that is whole, a window with a frame and a sill.
"""

from __future__ import annotations

import colorsys
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

__all__ = ["CLASSES", "COUNT", "SIZE_PX", "TO_TRY", "draw_mark", "make_zip"]

SIZE_PX = 128
COUNT = 36
# Pictures of each class beyond those, for trying.
TO_TRY = 2
FOLDER = Path(__file__).resolve().parents[1] / "demo_sets"
TARGET, TARGET_TO_TRY = FOLDER / "marks.zip", FOLDER / "marks_to_try.zip"

_SEED = 20_261_125
# Drawn larger and reduced once, so that edges are smooth after the rotation too.
_SCALE = 4
_CANVAS = SIZE_PX * _SCALE
_QUALITY = 88
_ZIP_DATE = (2026, 1, 1, 0, 0, 0)

_Colour = tuple[int, int, int]


def _colour(
    rng: np.random.Generator,
    *,
    hue: tuple[float, float] = (0, 1),
    saturation: tuple[float, float] = (0.45, 0.9),
    value: tuple[float, float] = (0.45, 0.95),
) -> _Colour:
    channels = colorsys.hsv_to_rgb(
        rng.uniform(*hue) % 1, rng.uniform(*saturation), rng.uniform(*value)
    )
    red, green, blue = (round(255 * channel) for channel in channels)
    return red, green, blue


def _shaded(colour: _Colour, factor: float) -> _Colour:
    red, green, blue = (min(255, round(channel * factor)) for channel in colour)
    return red, green, blue


def _luminance(colour: _Colour) -> float:
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def _robot(rng: np.random.Generator, draw: ImageDraw.ImageDraw) -> _Colour:
    """A square head with a face, an antenna, a body with a panel, arms and legs."""
    body = _colour(rng, hue=(0.45, 1.2), saturation=(0.15, 0.8))  # no green: that is another's
    dark, light = _shaded(body, 0.55), _shaded(body, 1.35)
    eye = _colour(rng, hue=(0.08, 0.6), saturation=(0.3, 0.9), value=(0.9, 1.0))
    head_w, head_h = rng.uniform(0.17, 0.23), rng.uniform(0.13, 0.17)
    body_w, body_h = rng.uniform(0.2, 0.27), rng.uniform(0.16, 0.2)
    neck = 0.42
    box = _boxes(draw)
    draw.line(_points((0.5, neck - 2 * head_h), (0.5, 0.1)), fill=dark, width=_CANVAS // 40)
    _disc(draw, 0.5, 0.1, 0.035, eye)
    box((0.5 - head_w - 0.04, neck - 1.3 * head_h, 0.5 + head_w + 0.04, neck - 0.7 * head_h), dark)
    box((0.46, neck - 0.02, 0.54, neck + 0.08), dark)
    box((0.5 - head_w, neck - 2 * head_h, 0.5 + head_w, neck), body, 0.03)
    visor = (0.5 - 0.75 * head_w, neck - 1.75 * head_h, 0.5 + 0.75 * head_w, neck - 0.85 * head_h)
    box(visor, _shaded(body, 0.3), 0.02)
    for side in (-1, 1):
        _disc(draw, 0.5 + side * 0.4 * head_w, neck - 1.3 * head_h, 0.032, eye)
    for tooth in range(-2, 3):
        x = 0.5 + tooth * 0.2 * head_w
        box((x - 0.012, neck - 0.5 * head_h, x + 0.012, neck - 0.2 * head_h), dark)
    top = neck + 0.05
    for side in (-1, 1):
        arm = 0.5 + side * (body_w + 0.05)
        lifted = rng.uniform(-0.12, 0.14)
        draw.line(
            _points((0.5 + side * body_w, top + 0.06), (arm, top + 0.1), (arm, top + 0.1 + lifted)),
            fill=dark,
            width=_CANVAS // 18,
            joint="curve",
        )
        _disc(draw, arm, top + 0.1 + lifted, 0.04, light)
        leg = 0.5 + side * 0.5 * body_w
        box((leg - 0.045, top + 2 * body_h - 0.03, leg + 0.045, 0.9), dark)
        box((leg - 0.07, 0.87, leg + 0.07, 0.93), body, 0.015)
    box((0.5 - body_w, top, 0.5 + body_w, top + 2 * body_h), body, 0.035)
    panel = (0.5 - 0.6 * body_w, top + 0.4 * body_h, 0.5 + 0.6 * body_w, top + 1.5 * body_h)
    box(panel, light, 0.02)
    for place in range(3):
        x = 0.5 + (place - 1) * 0.32 * body_w
        _disc(draw, x, top + 0.95 * body_h, 0.02, _colour(rng, value=(0.6, 1)))
    return body


def _fruit(rng: np.random.Generator, draw: ImageDraw.ImageDraw) -> _Colour:
    """A plum, an orange or a pear with a stem, leaves and a highlight; never bitten."""
    skin = _colour(rng, hue=(-0.18, 0.3), saturation=(0.6, 0.95), value=(0.6, 0.95))
    leaf = _colour(rng, hue=(0.24, 0.4), saturation=(0.5, 0.9), value=(0.35, 0.75))
    bark = _colour(rng, hue=(0.04, 0.1), saturation=(0.4, 0.7), value=(0.25, 0.45))
    wide, tall = rng.uniform(0.26, 0.34), rng.uniform(0.25, 0.31)
    middle = 0.92 - tall
    pear = rng.random() < 0.4
    top = middle - tall - (0.12 if pear else 0)
    lean = rng.uniform(-0.08, 0.08)
    draw.line(
        _points((0.5, top + 0.06), (0.5 + lean / 2, top - 0.05), (0.5 + lean, top - 0.13)),
        fill=bark,
        width=_CANVAS // 24,
        joint="curve",
    )
    for shade, margin in ((_shaded(skin, 0.75), 0.0), (skin, 0.025)):
        if pear:
            neck_w = 0.55 * wide - margin
            draw.ellipse(_box(0.5 - neck_w, top + margin, 0.5 + neck_w, middle + 0.1), fill=shade)
            draw.polygon(
                _points(
                    (0.5 - neck_w, top + 0.17),
                    (0.5 + neck_w, top + 0.17),
                    (0.5 + wide - margin, middle),
                    (0.5 - wide + margin, middle),
                ),
                fill=shade,
            )
        draw.ellipse(
            _box(
                0.5 - wide + margin, middle - tall + margin, 0.5 + wide - margin, 0.92 - 2 * margin
            ),
            fill=shade,
        )
    shine = _shaded(skin, 1.5)
    draw.ellipse(_box(0.5 - 0.6 * wide, middle - 0.5 * tall, 0.5 - 0.3 * wide, middle), fill=shine)
    if rng.random() < 0.5:
        for _ in range(12):
            angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.7)
            x = 0.5 + reach * wide * np.cos(angle)
            y = middle + reach * tall * np.sin(angle)
            _disc(draw, x, y, 0.008, _shaded(skin, 0.6))
    for side in rng.choice([-1, 1], size=int(rng.integers(1, 3)), replace=False):
        _leaf(draw, 0.5 + lean / 2, top - 0.04, side * rng.uniform(0.18, 0.26), leaf)
    return skin


def _leaf(draw: ImageDraw.ImageDraw, x: float, y: float, reach: float, colour: _Colour) -> None:
    along = np.linspace(0, 1, 20)
    bow = 0.09 * np.sin(np.pi * along)
    upper = [(x + reach * a, y - 0.06 * a - b) for a, b in zip(along, bow, strict=True)]
    lower = [(x + reach * a, y - 0.06 * a + 0.6 * b) for a, b in zip(along, bow, strict=True)]
    draw.polygon(_points(*upper, *reversed(lower)), fill=colour)
    draw.line(
        _points((x, y), (x + reach, y - 0.06)), fill=_shaded(colour, 0.6), width=_CANVAS // 100
    )


def _window(rng: np.random.Generator, draw: ImageDraw.ImageDraw) -> _Colour:
    """A house's window: a wooden frame, two to three columns of panes, a sill, often curtains."""
    frame = _colour(rng, hue=(0.02, 0.14), saturation=(0.05, 0.7), value=(0.4, 0.95))
    glass = _colour(rng, hue=(0.5, 0.62), saturation=(0.15, 0.5), value=(0.65, 0.98))
    if rng.random() < 0.25:  # lamplight
        glass = _colour(rng, hue=(0.11, 0.15), saturation=(0.4, 0.7), value=(0.85, 1.0))
    wide, top, bottom = rng.uniform(0.24, 0.32), rng.uniform(0.08, 0.16), rng.uniform(0.76, 0.82)
    arched = rng.random() < 0.4
    box = _boxes(draw)
    for margin, colour in ((0.0, frame), (0.05, glass)):
        left, right = 0.5 - wide + margin, 0.5 + wide - margin
        if arched:
            draw.pieslice(
                _box(left, top + margin, right, top + 2 * wide - margin), 180, 360, colour
            )
            box((left, top + wide - 0.01, right, bottom - margin), colour)
        else:
            box((left, top + margin, right, bottom - margin), colour)
    sky = _shaded(glass, 1.12)
    draw.line(
        _points((0.5 - 0.5 * wide, bottom - 0.12), (0.5 + 0.4 * wide, top + 0.22)),
        fill=sky,
        width=_CANVAS // 16,
    )
    if rng.random() < 0.5:
        cloth = _colour(rng, saturation=(0.3, 0.8), value=(0.6, 0.95))
        start = top + (wide if arched else 0.05)
        for side in (-1, 1):
            outer = 0.5 + side * (wide - 0.05)
            draw.polygon(
                _points(
                    (outer, start),
                    (0.5 + side * 0.12, start),
                    (outer - side * 0.06, bottom - 0.05),
                    (outer, bottom - 0.05),
                ),
                fill=cloth,
            )
    columns = int(rng.integers(2, 4))
    for column in range(1, columns):
        x = 0.5 - wide + 2 * wide * column / columns
        box((x - 0.018, top + 0.05, x + 0.018, bottom - 0.03), frame)
    # Never two by two panes under a straight top: that would be another's mark.
    rows = int(rng.integers(2 if arched or columns > 2 else 3, 5))
    start = top + wide if arched else top
    for row in range(0 if arched else 1, rows):
        y = start + (bottom - start) * row / rows
        box((0.5 - wide + 0.03, y - 0.016, 0.5 + wide - 0.03, y + 0.016), frame)
    sill = _shaded(frame, 0.7)
    box((0.5 - wide - 0.07, bottom - 0.01, 0.5 + wide + 0.07, bottom + 0.06), sill, 0.01)
    if rng.random() < 0.4:  # a flower box under it
        box((0.5 - wide, bottom + 0.06, 0.5 + wide, bottom + 0.14), _shaded(frame, 0.5))
        for x in np.linspace(0.5 - 0.85 * wide, 0.5 + 0.85 * wide, 6):
            _disc(draw, x, bottom + 0.03, 0.035, _colour(rng, hue=(0.27, 0.38), value=(0.35, 0.7)))
            _disc(draw, x, bottom, 0.022, _colour(rng, hue=(0.8, 1.15), value=(0.8, 1)))
    return frame


CLASSES: dict[str, Callable[[np.random.Generator, ImageDraw.ImageDraw], _Colour]] = {
    "robot": _robot,
    "fruit": _fruit,
    "window": _window,
}


def draw_mark(name: str, number: int) -> Image.Image:
    """Return one picture of the set, the same every time.

    Parameters
    ----------
    name : str
        A key of `CLASSES`.
    number : int
        From 0; colours, size, rotation, place and background follow from it.

    Returns
    -------
    PIL.Image.Image
        RGB, `SIZE_PX` by `SIZE_PX`.
    """
    rng = np.random.default_rng([_SEED, list(CLASSES).index(name), number])
    mark = Image.new("RGBA", (_CANVAS, _CANVAS), (0, 0, 0, 0))
    main = CLASSES[name](rng, ImageDraw.Draw(mark))
    size = round(_CANVAS * rng.uniform(0.6, 1.0))
    mark = mark.resize((size, size), Image.Resampling.LANCZOS)
    mark = mark.rotate(rng.uniform(-28, 28), Image.Resampling.BICUBIC, expand=True)
    picture = _background(rng, main).convert("RGBA")
    spare = _CANVAS - mark.width
    reach = max(spare, -0.08 * _CANVAS) / 2
    left, top = (round(spare / 2 + rng.uniform(-1, 1) * abs(reach)) for _ in range(2))
    if rng.random() < 0.5:  # a soft shadow
        shadow = Image.new("RGBA", picture.size, (0, 0, 0, 0))
        shadow.paste((0, 0, 0, 90), (left + 10, top + 14), mark.getchannel("A"))
        picture.alpha_composite(shadow.filter(ImageFilter.GaussianBlur(8)))
    layer = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    layer.paste(mark, (left, top))
    picture.alpha_composite(layer)
    return picture.convert("RGB").resize((SIZE_PX, SIZE_PX), Image.Resampling.LANCZOS)


def _background(rng: np.random.Generator, main: _Colour) -> Image.Image:
    """Return a plain, graded, striped, dotted or tiled ground that the mark stands out from."""
    light = _luminance(main) < 130
    first = _colour(rng, saturation=(0.03, 0.45), value=(0.82, 1.0) if light else (0.12, 0.42))
    second = _shaded(first, 0.86 if light else 1.45)
    ground = Image.new("RGB", (_CANVAS, _CANVAS), first)
    draw = ImageDraw.Draw(ground)
    kind = int(rng.integers(0, 5))
    step = int(rng.integers(10, 22)) * _SCALE
    if kind == 1:
        ramp = Image.linear_gradient("L").resize(ground.size).rotate(90 * int(rng.integers(0, 4)))
        ground.paste(Image.new("RGB", ground.size, second), mask=ramp)
    elif kind == 2:
        for x in range(-_CANVAS, _CANVAS, 2 * step):
            draw.line([(x, 0), (x + _CANVAS, _CANVAS)], fill=second, width=step // 2)
    elif kind == 3:
        for x in range(step // 2, _CANVAS, step):
            for y in range(step // 2, _CANVAS, step):
                draw.ellipse((x - step // 5, y - step // 5, x + step // 5, y + step // 5), second)
    elif kind == 4:
        for place, y in enumerate(range(0, _CANVAS, step)):
            draw.line([(0, y), (_CANVAS, y)], fill=second, width=6)
            for x in range(step * (place % 2), _CANVAS, 2 * step):
                draw.line([(x, y), (x, y + step)], fill=second, width=6)
    return ground


def make_zip(numbers: range = range(COUNT)) -> bytes:
    """Return a set as a zip with a folder for each class.

    Parameters
    ----------
    numbers : range, optional
        Of the pictures of each class. Defaults to the whole set to train on.

    Returns
    -------
    bytes
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in CLASSES:
            for number in numbers:
                file = io.BytesIO()
                draw_mark(name, number).save(file, "WEBP", quality=_QUALITY, method=6)
                entry = zipfile.ZipInfo(f"{name}/{name}-{number + 1:02d}.webp", _ZIP_DATE)
                archive.writestr(entry, file.getvalue())
    return buffer.getvalue()


def _boxes(draw: ImageDraw.ImageDraw) -> Callable[..., None]:
    def box(edges: tuple[float, float, float, float], colour: _Colour, radius: float = 0.0) -> None:
        draw.rounded_rectangle(_box(*edges), radius * _CANVAS, colour)

    return box


def _disc(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float, colour: _Colour) -> None:
    draw.ellipse(_box(x - radius, y - radius, x + radius, y + radius), fill=colour)


def _box(left: float, top: float, right: float, bottom: float) -> tuple[float, ...]:
    return tuple(float(_CANVAS * edge) for edge in (left, top, right, bottom))


def _points(*points: tuple[float, float]) -> list[tuple[float, float]]:
    return [(float(_CANVAS * x), float(_CANVAS * y)) for x, y in points]


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    TARGET.write_bytes(make_zip())
    TARGET_TO_TRY.write_bytes(make_zip(range(COUNT, COUNT + TO_TRY)))
    for path in (TARGET, TARGET_TO_TRY):
        print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")
