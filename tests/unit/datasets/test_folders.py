"""Folders of classes, on disk and in archives, friendly and hostile."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from core.datasets import folders
from core.datasets.folders import read_picture_folder, read_picture_zip
from core.errors import UsageError


def picture(shade: int = 90, *, kind: str = "PNG", size: tuple[int, int] = (6, 4)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (shade, 40, 200)).save(buffer, kind)
    return buffer.getvalue()


def archive(files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return buffer.getvalue()


def test_the_folder_that_holds_a_picture_is_its_class() -> None:
    report = read_picture_zip(
        archive(
            {
                "set/train/cat/1.png": picture(1),
                "set/train/dog/2.jpg": picture(2, kind="JPEG"),
                "苹果/3.webp": picture(3, kind="WEBP"),
                "🎈 <b>/4.bmp": picture(4, kind="BMP"),
                "owl-12.gif": picture(5, kind="GIF"),
                "big owl (3).png": picture(6),
            }
        )
    )
    found = {sample.name: (sample.label, sample.media_type) for sample in report.samples}
    assert found == {
        "1.png": ("cat", "image/png"),
        "2.jpg": ("dog", "image/jpeg"),
        "3.webp": ("苹果", "image/webp"),
        "4.bmp": ("🎈 <b>", "image/bmp"),
        "owl-12.gif": ("owl", "image/gif"),
        "big owl (3).png": ("big owl", "image/png"),
    }
    assert report.skipped == ()


def test_what_is_no_picture_or_has_no_class_is_named_and_litter_is_not() -> None:
    report = read_picture_zip(
        archive(
            {
                "cat/1.png": picture(),
                "cat/notes.txt": b"hello",
                "cat/more.zip": archive({"a/1.png": picture()}),
                "cat/empty.png": b"",
                "holiday.png": picture(),
                "x" * 80 + "/1.png": picture(),
                "__MACOSX/cat/._1.png": b"litter",
                "cat/.DS_Store": b"litter",
                "cat/Thumbs.db": b"litter",
            }
        )
    )
    assert [sample.name for sample in report.samples] == ["1.png"]
    codes = {name: error.code for name, error in report.skipped}
    assert set(codes) == {
        "cat/notes.txt", "cat/more.zip", "cat/empty.png", "holiday.png", "x" * 80 + "/1.png",
    }  # fmt: skip
    assert codes["holiday.png"] == "samples.no_class_name"
    assert codes["x" * 80 + "/1.png"] == "samples.label_long"
    assert codes["cat/empty.png"] == "image.empty"


@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
def test_names_of_systems_that_do_not_flag_their_encoding_are_read(encoding: str) -> None:
    stand_in = b"ab/1.png"
    name = "苹果/1.png".encode(encoding)
    content = archive({"ab" + "c" * (len(name) - len(stand_in)) + "/1.png": picture()})
    stand_in = ("ab" + "c" * (len(name) - len(stand_in)) + "/1.png").encode()
    assert len(stand_in) == len(name)
    (sample,) = read_picture_zip(content.replace(stand_in, name)).samples
    assert sample.label == "苹果"


def linked() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        entry = zipfile.ZipInfo("cat/1.png")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        made.writestr(entry, "/etc/passwd")
    return buffer.getvalue()


def encrypted() -> bytes:
    content = bytearray(archive({"cat/1.png": picture()}))
    at = content.rfind(b"PK\x01\x02")
    struct.pack_into("<H", content, at + 8, 1)
    struct.pack_into("<H", content, 6, 1)
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "samples.zip_broken"),
        (b"PK\x03\x04 and nothing", "samples.zip_broken"),
        (archive({"cat/1.png": picture()})[:-30], "samples.zip_broken"),
        (archive({"../cat/1.png": picture()}), "samples.zip_path"),
        (archive({"/cat/1.png": picture()}), "samples.zip_path"),
        (archive({"C:\\cat\\1.png": picture()}), "samples.zip_path"),
        (linked(), "samples.zip_link"),
        (encrypted(), "samples.zip_encrypted"),
        (archive({"cat/1.png": picture(), "CAT/1.png": picture()}), "samples.zip_duplicate"),
        (archive({"cat/1.png": picture() + bytes(30_000_000)}), "samples.zip_bomb"),
        (archive({f"c/{n}.png": b"x" for n in range(4_200)}), "samples.zip_members"),
        (archive({"cat/notes.txt": b"hello"}), "samples.zip_no_pictures"),
        (archive({}), "samples.zip_no_pictures"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_hostile_or_useless_archive_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_picture_zip(content, name="upload.zip")
    assert caught.value.code == code


def test_an_archive_over_the_limit_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "MAX_ZIP_BYTES", 10)
    with pytest.raises(UsageError) as caught:
        read_picture_zip(archive({"cat/1.png": picture()}))
    assert caught.value.code == "samples.zip_size"


def test_a_folder_on_disk_is_read_like_an_archive(tmp_path: Path) -> None:
    for name, content in {
        "cat/1.png": picture(1),
        "dog/deep/2.png": picture(2),
        "owl-7.png": picture(3),
        "readme.txt": b"hello",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    report = read_picture_folder(tmp_path)
    assert [sample.label for sample in report.samples] == ["cat", "deep", "owl"]
    assert [name for name, _ in report.skipped] == ["readme.txt"]


def test_a_folder_that_is_missing_empty_or_too_large_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, code in ((tmp_path / "no", "no_folder"), (tmp_path, "folder_no_pictures")):
        with pytest.raises(UsageError) as caught:
            read_picture_folder(folder)
        assert caught.value.code == f"samples.{code}"
    (tmp_path / "cat-1.png").write_bytes(picture())
    monkeypatch.setattr(folders, "MAX_FOLDER_BYTES", 10)
    with pytest.raises(UsageError) as caught:
        read_picture_folder(tmp_path)
    assert caught.value.code == "samples.large"


def test_the_articles_logos_are_thirty_of_each(shared_data: Path) -> None:
    report = read_picture_folder(shared_data / "brand" / "train")
    labels = [sample.label for sample in report.samples]
    assert {label: labels.count(label) for label in labels} == {
        "android": 30,
        "apple": 30,
        "windows": 30,
    }
