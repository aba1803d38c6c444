"""Pictures of every kind come out as the right RGB pixels."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from core.errors import ImageError
from core.imaging import decode_image

RED = (255, 0, 0)


def encoded(image: Image.Image, file_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def two_halves(width: int = 64, height: int = 32) -> Image.Image:
    """Left half red, right half blue, a white row at the top."""
    image = Image.new("RGB", (width, height), "blue")
    image.paste(RED, (0, 0, width // 2, height))
    image.paste("white", (0, 0, width, height // 4))
    return image


def png(width: int, height: int, bits: int, colour_type: int, rows: bytes, *more: bytes) -> bytes:
    """Write a PNG by hand, for the kinds that Pillow does not write."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    extra = b"".join(chunk(item[:4], item[4:]) for item in more)
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def one_row(samples: np.ndarray[Any, Any]) -> bytes:
    return b"\0" + samples.astype(">u2").tobytes()


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_each_accepted_format_gives_its_pixels(file_format: str) -> None:
    picture = two_halves()
    options = {"quality": 95, "subsampling": 0} if file_format == "JPEG" else {}
    if file_format == "WEBP":
        options = {"lossless": True}
    image = decode_image(encoded(picture, file_format, **options))
    assert image.format == file_format
    assert (image.width, image.height) == (64, 32)
    assert image.pixels.dtype == np.uint8
    assert image.pixels.shape == (32, 64, 3)
    assert image.notes == ()
    difference = np.abs(image.pixels.astype(int) - np.asarray(picture).astype(int))
    # JPEG spreads each hard edge over its block of 8 pixels.
    assert np.median(difference) <= 2
    assert difference.mean() < (8 if file_format == "JPEG" else 0.01)


def test_pixels_cannot_be_written_to() -> None:
    image = decode_image(encoded(two_halves(), "PNG"))
    with pytest.raises(ValueError, match="read-only"):
        image.pixels[0, 0, 0] = 1


def with_orientation(upright: Image.Image, orientation: int) -> Image.Image:
    """Store a picture as a camera held that way would (the inverse of EXIF's turn)."""
    inverse = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    return upright if inverse is None else upright.transpose(inverse)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
def test_exif_orientation_is_honoured(orientation: int, file_format: str) -> None:
    upright = two_halves()
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if file_format == "WEBP" else {"quality": 95, "subsampling": 0}
    stored = with_orientation(upright, orientation)
    image = decode_image(encoded(stored, file_format, exif=exif, **options))
    assert (image.width, image.height) == (64, 32)
    difference = np.abs(image.pixels.astype(int) - np.asarray(upright).astype(int))
    assert np.median(difference) <= 2
    assert difference.mean() < 8


def test_a_reduced_sideways_photo_reports_its_own_size_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = decode_image(encoded(two_halves(1600, 800), "JPEG", exif=exif), max_side_px=200)
    assert (image.width, image.height) == (800, 1600)
    assert image.pixels.shape == (200, 100, 3)


# Pillow warns of it on standard error, which is as it should be.
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_unreadable_exif_is_no_reason_to_refuse() -> None:
    data = encoded(two_halves(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff" + bytes(20))
    assert decode_image(data).pixels.shape == (32, 64, 3)


def test_an_orientation_beyond_eight_is_ignored() -> None:
    exif = Image.Exif()
    exif[0x0112] = 77
    assert decode_image(encoded(two_halves(), "JPEG", exif=exif)).width == 64


@pytest.mark.parametrize(
    ("cmyk", "rgb"),
    [((0, 0, 0, 0), (255, 255, 255)), ((0, 255, 255, 0), RED), ((0, 0, 0, 255), (0, 0, 0))],
)
def test_cmyk_jpeg_is_not_inverted(cmyk: tuple[int, ...], rgb: tuple[int, ...]) -> None:
    image = decode_image(encoded(Image.new("CMYK", (16, 16), cmyk), "JPEG", quality=95))
    assert np.abs(image.pixels[8, 8].astype(int) - rgb).max() <= 3


def test_ycck_jpeg_becomes_rgb() -> None:
    # The same samples with Adobe's transform flag set to YCCK: full Cb and Cr offsets are grey.
    stored = bytearray(encoded(Image.new("CMYK", (16, 16), (0, 127, 127, 0)), "JPEG", quality=95))
    adobe = stored.index(b"Adobe")
    assert stored[adobe + 11] == 0
    stored[adobe + 11] = 2
    pixel = decode_image(bytes(stored)).pixels[8, 8].astype(int)
    assert np.abs(pixel - pixel[0]).max() <= 3


def test_transparency_is_laid_over_white() -> None:
    rgba = Image.new("RGBA", (4, 4), (*RED, 128))
    rgba.putpixel((0, 0), (0, 0, 0, 0))
    pixels = decode_image(encoded(rgba, "PNG")).pixels
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert np.abs(pixels[1, 1].astype(int) - (255, 127, 127)).max() <= 1


def test_grey_with_alpha_is_laid_over_white() -> None:
    pixels = decode_image(encoded(Image.new("LA", (4, 4), (0, 0)), "PNG")).pixels
    assert (pixels == 255).all()


def test_a_transparent_palette_entry_is_white() -> None:
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, *RED])
    palette.putpixel((2, 0), 0)
    pixels = decode_image(encoded(palette, "PNG", transparency=0)).pixels
    assert pixels[0, 2].tolist() == [255, 255, 255]
    assert pixels[1, 1].tolist() == list(RED)


def test_a_palette_with_partial_alpha_is_laid_over_white() -> None:
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([0, 0, 0, *RED])
    pixels = decode_image(encoded(palette, "PNG", transparency=bytes([128, 255]))).pixels
    assert np.abs(pixels.astype(int) - 127).max() <= 1


def test_a_transparent_colour_key_is_white() -> None:
    pixels = decode_image(encoded(two_halves(), "PNG", transparency=RED)).pixels
    assert pixels[20, 5].tolist() == [255, 255, 255]
    assert pixels[20, 60].tolist() == [0, 0, 255]


def test_transparent_gif_is_laid_over_white() -> None:
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([0, 0, 0, *RED])
    palette.putpixel((0, 0), 1)
    pixels = decode_image(encoded(palette, "GIF", transparency=0)).pixels
    assert pixels[0, 0].tolist() == list(RED)
    assert pixels[3, 3].tolist() == [255, 255, 255]


def test_16_bit_grey_is_scaled_not_clipped() -> None:
    grey = Image.fromarray(np.array([[0, 255, 256, 32768, 65535]], np.uint16))
    pixels = decode_image(encoded(grey, "PNG")).pixels
    assert pixels[0, :, 0].tolist() == [0, 0, 1, 128, 255]
    assert (pixels[..., 0] == pixels[..., 2]).all()


def test_16_bit_grey_with_a_transparent_value_is_white_there() -> None:
    data = png(3, 1, 16, 0, one_row(np.array([0, 500, 65535])), b"tRNS" + struct.pack(">H", 500))
    assert decode_image(data).pixels[0, :, 0].tolist() == [0, 255, 255]


def test_16_bit_rgb_is_scaled() -> None:
    data = png(2, 1, 16, 2, one_row(np.array([65535, 32768, 0, 255, 256, 4096])))
    assert decode_image(data).pixels[0].tolist() == [[255, 128, 0], [0, 1, 16]]


def test_16_bit_rgb_with_alpha_is_laid_over_white() -> None:
    data = png(2, 1, 16, 6, one_row(np.array([65535, 0, 0, 65535, 0, 0, 0, 0])))
    assert decode_image(data).pixels[0].tolist() == [[255, 0, 0], [255, 255, 255]]


@pytest.mark.parametrize("file_format", ["PNG", "BMP"])
def test_one_bit_is_black_and_white(file_format: str) -> None:
    image = Image.new("1", (9, 2), 0)
    image.putpixel((3, 1), 1)
    pixels = decode_image(encoded(image, file_format)).pixels
    assert pixels[1, 3].tolist() == [255, 255, 255]
    assert np.unique(pixels).tolist() == [0, 255]


@pytest.mark.parametrize("file_format", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_used_and_said_so(file_format: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if file_format == "WEBP" else {}
    data = encoded(frames[0], file_format, save_all=True, append_images=frames[1:], **options)
    image = decode_image(data)
    assert image.pixels[4, 4].tolist() == list(RED)
    assert [note.code for note in image.notes] == ["image.note_first_frame"]
    assert "first frame" in image.notes[0].message


def test_damage_after_the_first_frame_does_no_harm() -> None:
    frames = [Image.effect_noise((32, 32), 90).convert("RGB") for _ in range(3)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    second = data.index(b"\x21\xf9\x04", data.index(b"\x2c"))
    assert decode_image(data[: second + 12]).pixels.shape == (32, 32, 3)


def test_an_srgb_profile_is_not_worth_a_note() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert decode_image(encoded(two_halves(), "JPEG", icc_profile=profile)).notes == ()


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_another_colour_profile_is_ignored_with_a_note(file_format: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    image = decode_image(encoded(two_halves(), file_format, icc_profile=profile))
    assert [note.code for note in image.notes] == ["image.note_colour_profile"]


@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
@pytest.mark.parametrize("size", [(4000, 3000), (1999, 1501), (3001, 700), (300, 200)])
@pytest.mark.parametrize("bound", [100, 224, 512, 999])
def test_a_reduced_picture_keeps_what_was_promised(
    file_format: str, size: tuple[int, int], bound: int
) -> None:
    data = encoded(Image.new("L", size, 90), file_format)
    by_long_side = decode_image(data, max_side_px=bound).pixels.shape
    assert min(bound, max(size)) <= max(by_long_side)
    by_short_side = decode_image(data, min_side_px=bound).pixels.shape
    assert min(bound, min(size)) <= min(by_short_side[:2])
    whole = decode_image(data)
    assert whole.pixels.shape == (size[1], size[0], 3)
    # A reduced picture is worth it: less than four times as long as it must be.
    assert max(by_long_side) < 4 * bound or max(by_long_side) == max(size)


def test_a_picture_that_is_given_no_bound_is_not_reduced() -> None:
    assert decode_image(encoded(two_halves(2000, 1000), "JPEG")).pixels.shape == (1000, 2000, 3)


def test_reducing_keeps_the_colours_and_the_white_under_transparency() -> None:
    rgba = Image.new("RGBA", (800, 400), (*RED, 255))
    rgba.paste((0, 0, 0, 0), (0, 0, 400, 400))
    pixels = decode_image(encoded(rgba, "PNG"), max_side_px=100).pixels
    assert pixels.shape == (50, 100, 3)
    assert pixels[25, 10].tolist() == [255, 255, 255]
    assert pixels[25, 90].tolist() == list(RED)


def test_a_picture_of_one_pixel_is_a_picture() -> None:
    assert decode_image(encoded(Image.new("RGB", (1, 1), "red"), "PNG")).pixels.shape == (1, 1, 3)


def test_pillow_settings_of_others_are_left_alone() -> None:
    from PIL import ImageFile

    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    decode_image(encoded(two_halves(), "PNG"))
    with pytest.raises(ImageError):
        decode_image(encoded(two_halves(), "PNG")[:100])
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
