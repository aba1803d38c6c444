"""Files made to break a picture reader are refused with a sentence, before memory is spent."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import ImageError
from core.imaging import MAX_BYTES, decode_image

ROOT = Path(__file__).resolve().parents[2]


def chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def png_of(width: int, height: int, *, bits: int = 8, colour_type: int = 2) -> bytes:
    """Write a solid black PNG of any size, its rows compressed 1:1000."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    channels = {0: 1, 2: 3, 3: 1, 6: 4}[colour_type]
    row = bytes(1 + (width * channels * bits + 7) // 8)
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def png_header(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def bmp_header(width: int, height: int, *, compression: int = 0) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, compression, 0, 1, 1, 256, 0)
    return b"BM" + struct.pack("<IHHI", 2000, 0, 0, 54 + 1024) + info + bytes(1024 + 400)


def bmp_run_length_bomb() -> bytes:
    """One row of 50 million pixels with a jump of 255 rows: 12.75 GB if it were followed."""
    return bmp_header(50_000_000, 1, compression=1)[: 54 + 1024] + b"\0\x02\xff\xff" * 20


def gif_header(width: int, height: int, frame: tuple[int, int]) -> bytes:
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    image = b"," + struct.pack("<HHHHB", 0, 0, *frame, 0) + b"\x02\x02\x4c\x01\0"
    return b"GIF89a" + screen + image + b";"


def webp_header(width: int, height: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    content = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + size + bytes(40)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def webp_of(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(buffer, "WEBP", method=0)
    return buffer.getvalue()


def webp_lossless_header(width: int, height: int) -> bytes:
    bits = (width - 1) | (height - 1) << 14
    content = b"WEBPVP8L" + struct.pack("<I", 60) + b"\x2f" + struct.pack("<I", bits) + bytes(55)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def jpeg_header(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    data = bytearray(buffer.getvalue())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def png_text_bomb() -> bytes:
    """Hold 2 GB of comment in 2 MB, and an image of one pixel."""
    packer = zlib.compressobj(9)
    text = b"".join(packer.compress(bytes(1 << 20)) for _ in range(200)) + packer.flush()
    comment = chunk(b"zTXt", b"Comment\0\0" + text)
    good = png_of(1, 1)
    return good[:33] + comment * 10 + good[33:]


BOMBS: dict[str, tuple[Callable[[], bytes], set[str]]] = {
    "png header 2^31": (lambda: png_header(2**31 - 1, 2**31 - 1), {"image.too_large"}),
    "png header 100 megapixels": (lambda: png_header(10_000, 10_000), {"image.too_large"}),
    "png header 51 megapixels": (lambda: png_header(51_000, 1_000), {"image.too_large"}),
    "png one long row": (lambda: png_header(40_000_000, 1), {"image.side_too_long"}),
    "png solid 60 megapixels": (lambda: png_of(10_000, 6_000), {"image.too_large"}),
    "png one bit 400 megapixels": (
        lambda: png_of(20_000, 20_000, bits=1, colour_type=0),
        {"image.too_large"},
    ),
    "png zero": (lambda: png_header(0, 10), {"image.no_pixels", "image.damaged"}),
    "png comment": (png_text_bomb, {"image.damaged"}),
    "bmp header 2^31": (lambda: bmp_header(2**31 - 1, 2**31 - 1), {"image.too_large"}),
    "bmp header 100 megapixels": (lambda: bmp_header(10_000, 10_000), {"image.too_large"}),
    "bmp upside down": (lambda: bmp_header(10_000, -10_000), {"image.too_large"}),
    "bmp run lengths": (bmp_run_length_bomb, {"image.side_too_long"}),
    "bmp zero": (lambda: bmp_header(0, 0), {"image.no_pixels", "image.damaged"}),
    "gif screen": (lambda: gif_header(65535, 65535, (1, 1)), {"image.too_large"}),
    "gif frame beyond the screen": (
        lambda: gif_header(1, 1, (65535, 65535)),
        {"image.too_large", "image.bomb"},
    ),
    "gif 100 megapixels": (lambda: gif_header(10_000, 10_000, (1, 1)), {"image.too_large"}),
    "gif zero": (lambda: gif_header(0, 0, (0, 0)), {"image.no_pixels", "image.damaged"}),
    "webp canvas": (lambda: webp_header(1 << 24, 1 << 24), {"image.too_large", "image.bomb"}),
    "webp 26 megapixels": (lambda: webp_of(13_000, 2_000), {"image.too_large"}),
    "webp lossless": (
        lambda: webp_lossless_header(16384, 16384),
        {"image.too_large", "image.bomb", "image.damaged"},
    ),
    "jpeg 65535 squared": (lambda: jpeg_header(65535, 65535), {"image.too_large"}),
    "jpeg 64 megapixels": (lambda: jpeg_header(8000, 8000), {"image.too_large"}),
    "jpeg zero": (lambda: jpeg_header(0, 0), {"image.no_pixels", "image.damaged"}),
    "too many bytes": (lambda: b"\xff\xd8\xff" + bytes(MAX_BYTES), {"image.too_many_bytes"}),
}

# Reads pictures from length-prefixed standard input; answers code and growth of its peak memory.
READER = """
import json, resource, sys
sys.path.insert(0, sys.argv[1])
from core.errors import ImageError
from core.imaging import decode_image
from core.imaging.preprocess import Preprocessing
from pathlib import Path
def peak():
    # On Linux getrusage begins with the peak of the process that started this one.
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
data = sys.stdin.buffer.read()
before = peak()
try:
    decode_image(data, min_side_px=512)
    code = "decoded"
except ImageError as error:
    code = error.code
print(json.dumps([code, (peak() - before) / 1e6]))
"""


def read_in_a_process(data: bytes) -> tuple[str, float]:
    """Return the code and how far the peak memory grew, in MB."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", READER, str(ROOT)],
        input=data,
        capture_output=True,
        timeout=120,
        check=True,
    )
    code, growth_mb = json.loads(done.stdout)
    return str(code), float(growth_mb)


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_memory_is_spent(name: str) -> None:
    make, codes = BOMBS[name]
    code, growth_mb = read_in_a_process(make())
    assert code in codes
    assert growth_mb < 100


@pytest.mark.parametrize(
    ("make", "most_mb"),
    [
        (lambda: png_of(7_000, 7_000, colour_type=6), 250),
        (lambda: png_of(7_000, 7_000, bits=16, colour_type=0), 150),
        (lambda: webp_of(5_000, 5_000), 450),
    ],
    ids=["RGBA", "16 bit grey", "WebP"],
)
def test_the_largest_pictures_that_are_allowed_take_little_more_than_their_pixels(
    make: Callable[[], bytes], most_mb: float
) -> None:
    code, growth_mb = read_in_a_process(make())
    assert code == "decoded"
    # So little that it cannot be true would mean that this measures nothing.
    assert 80 < growth_mb < most_mb


def picture_in(file_format: str) -> bytes:
    generator = np.random.default_rng(5)
    rough = generator.integers(0, 255, (24, 32, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(rough).resize((256, 192)).save(buffer, file_format)
    return buffer.getvalue()


DAMAGED = {"image.truncated", "image.damaged"}


def outcome(data: bytes) -> str:
    """Return "decoded" or the code of the refusal; anything else that is raised fails the test."""
    try:
        decode_image(data, min_side_px=64)
    except ImageError as error:
        return error.code
    return "decoded"


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.5, 0.8, 0.95])
def test_a_picture_that_ends_too_early_is_refused(file_format: str, share: float) -> None:
    data = picture_in(file_format)
    with pytest.raises(ImageError) as caught:
        decode_image(data[: int(len(data) * share)])
    assert caught.value.code in DAMAGED
    assert file_format in caught.value.message


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_a_picture_cut_anywhere_is_decoded_or_refused(file_format: str) -> None:
    data = picture_in(file_format)
    for cut in [*range(64), *range(64, len(data), max(1, len(data) // 60))]:
        assert outcome(data[:cut]) in DAMAGED | {
            "decoded",
            "image.empty",
            "image.text",  # "GIF8" alone is a word
            "image.unknown",
        }


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow warns of odd metadata it skips
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_changed_bytes_give_pixels_or_a_sentence_and_nothing_else(file_format: str) -> None:
    good = picture_in(file_format)
    generator = np.random.default_rng(11)
    refused = 0
    for round_number in range(120):
        data = bytearray(good)
        # Half of the damage goes to the header, where sizes and offsets are.
        reach = 128 if round_number % 2 else len(data)
        for position in generator.integers(0, reach, 1 + round_number % 7):
            data[position] = generator.integers(0, 256)
        refused += outcome(bytes(data)) != "decoded"
    assert refused > 5


def progressive() -> bytes:
    buffer = io.BytesIO()
    picture = Image.fromarray(np.random.default_rng(2).integers(0, 255, (60, 60, 3), np.uint8))
    picture.save(buffer, "JPEG", progressive=True)
    return buffer.getvalue()


def test_a_jpeg_of_endless_scans_is_refused_before_it_is_decoded() -> None:
    data = progressive()
    scan = data[data.rindex(b"\xff\xda") : -2]
    assert outcome(data) == "decoded"
    assert outcome(data[:-2] + scan * 30 + data[-2:]) == "decoded"
    assert outcome(data[:-2] + scan * 100 + data[-2:]) == "image.too_many_parts"


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_jpeg_of_endless_metadata_is_refused_before_it_is_joined() -> None:
    data = progressive()
    segment = b"\xff\xe1\x00\x0eExif\0\0abcdef"
    assert outcome(data[:2] + segment * 1000 + data[2:]) == "decoded"
    assert outcome(data[:2] + segment * 3000 + data[2:]) == "image.too_many_parts"


def test_what_follows_a_jpeg_is_not_counted_as_its_parts() -> None:
    # Phones append short films to photos.
    assert outcome(progressive() + b"\xff\xda\x00\x02" * 5000) == "decoded"


@pytest.mark.parametrize("kind", [b"IHDR", b"IDAT", b"IEND"])
def test_a_png_chunk_that_fails_its_check_is_harmless(kind: bytes) -> None:
    data = bytearray(picture_in("PNG"))
    data[data.index(kind) + 5] ^= 0xFF
    # What follows the pixels does not matter to them.
    wanted = {"decoded"} if kind == b"IEND" else {*DAMAGED, "image.too_large"}
    assert outcome(bytes(data)) in wanted


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"", "image.empty"),
        (b"\0\0\0\x18ftypheic" + bytes(200), "image.heic"),
        (b"%PDF-1.7\n" + bytes(200), "image.pdf"),
        (b'<svg onload="alert(1)"/>', "image.svg"),
        (b"<!DOCTYPE svg SYSTEM 'file:///etc/passwd'><svg>&x;</svg>", "image.svg"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "image.text"),
        (b"SIMPLE  =                    T" + b" " * 2850, "image.text"),
        (b"P6\n9999 9999\n255\n", "image.text"),
        (b"II*\0" + bytes(200), "image.other_picture"),
        (b"8BPS\0\x01" + bytes(200), "image.other_picture"),
        (b"PK\x03\x04" + bytes(200), "image.archive"),
        (b"\x80\x04\x95" + bytes(20), "image.unknown"),
    ],
)
def test_formats_outside_the_list_never_reach_a_reader(
    head: bytes, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("a reader was asked")

    for name in ("JPEG", "PNG", "WEBP", "GIF", "BMP"):
        monkeypatch.setitem(decode_image.__globals__["_OPENERS"], name, never)
    with pytest.raises(ImageError) as caught:
        decode_image(head)
    assert caught.value.code == code


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_a_signature_alone_is_no_picture(file_format: str) -> None:
    head = picture_in(file_format)[:18]
    for tail in (b"", bytes(2000), b"\xff" * 2000):
        with pytest.raises(ImageError):
            decode_image(head + tail)


def test_a_picture_with_markup_behind_it_is_just_a_picture() -> None:
    data = picture_in("PNG") + b"<script>alert(1)</script>"
    assert decode_image(data).pixels.shape == (192, 256, 3)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "<script>alert(1)</script>.jpg",
        "**bold** [x](javascript:1)",
        "{name} {0.__class__}",
        "\x1b[2J\x07.png",
        "a" * 5000,
        "",
    ],
)
def test_a_name_is_only_shown_and_never_opened_or_formatted(name: str) -> None:
    from core.vision import ImageClassifier

    # The model is never reached: the bytes are no picture.
    classifier = ImageClassifier(_NoModel())  # type: ignore[arg-type]
    (result,) = classifier.classify_many([(name, b"root:x:0:0")])
    assert result.name == name
    assert result.error is not None
    assert result.error.code == "image.text"
    if name:
        assert name not in result.error.message


class _NoModel:
    from core.imaging import Preprocessing

    preprocessing = Preprocessing(8)
