"""Limits for model files that are not trusted, and the JSON and zip readers that keep them."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from typing import Any

from core.errors import ModelError

__all__ = [
    "MAX_COMPRESSION_RATIO",
    "MAX_FILE_BYTES",
    "MAX_JSON_BYTES",
    "MAX_JSON_DEPTH",
    "MAX_LAYERS",
    "MAX_RANK",
    "MAX_TENSORS",
    "MAX_WEIGHT_BYTES",
    "MAX_ZIP_MEMBERS",
    "parse_json",
    "read_zip",
]

MEBIBYTE = 1024 * 1024
MAX_FILE_BYTES = 256 * MEBIBYTE  # one file, and all files of an upload together
MAX_WEIGHT_BYTES = 256 * MEBIBYTE  # all weights of a model in memory
MAX_JSON_BYTES = 16 * MEBIBYTE
MAX_JSON_DEPTH = 100
# A parsed object takes up to 230 bytes and a list item 8 to 60: these two keep it near 100 MB.
_MAX_JSON_OBJECTS = 250_000
_MAX_JSON_ITEMS = 1_500_000
MAX_LAYERS = 5_000
MAX_TENSORS = 10_000
MAX_RANK = 8
MAX_ZIP_MEMBERS = 4_096
_MAX_ZIP_DIRECTORY_BYTES = 2 * MEBIBYTE
# Float weights hardly compress and JSON compresses tenfold; deflate reaches 1,000 on zeros.
MAX_COMPRESSION_RATIO = 100
_FREE_EXPANSION_BYTES = MEBIBYTE
_ZIP_END = b"PK\x05\x06"
_ZIP64_LOCATOR = b"PK\x06\x07"


def parse_json(content: bytes, *, name: str) -> Any:
    """Parse JSON from a file that is not trusted.

    Parameters
    ----------
    content : bytes
        UTF-8, with or without a byte order mark.
    name : str
        The file's name, for the message.

    Returns
    -------
    object
        At most `MAX_JSON_DEPTH` deep, without NaN or infinity, no key twice in an object.

    Raises
    ------
    ModelError
        If the text is too large, too deep or not JSON.
    """
    if len(content) > MAX_JSON_BYTES:
        raise ModelError(
            "model_file.json_large",
            name=name,
            size_mb=len(content) / 1e6,
            limit_mb=MAX_JSON_BYTES / 1e6,
        )
    if (
        content.count(b"{") > _MAX_JSON_OBJECTS
        or content.count(b",") + content.count(b"[") > _MAX_JSON_ITEMS
    ):
        raise ModelError("model_file.json_items", name=name, limit=_MAX_JSON_ITEMS)
    try:
        text = content.decode("utf-8-sig")
        parsed = json.loads(
            text,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object_without_duplicates,
        )
        if "\\ud" in text.lower():
            # Half a surrogate pair is a string that nothing can print or write.
            json.dumps(parsed, ensure_ascii=False).encode()
    except RecursionError:
        raise ModelError("model_file.json_deep", name=name, limit=MAX_JSON_DEPTH) from None
    except ValueError as error:
        raise ModelError("model_file.json_broken", name=name, detail=str(error)[:200]) from None
    _check_depth(parsed, name)
    return parsed


def _refuse_constant(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON number")


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("an object has the same key twice")
    return fields


def _check_depth(parsed: Any, name: str) -> None:
    level = [parsed]
    for _ in range(MAX_JSON_DEPTH):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return
    raise ModelError("model_file.json_deep", name=name, limit=MAX_JSON_DEPTH)


def read_zip(content: bytes, *, name: str) -> dict[str, bytes]:
    """Unpack a zip archive in memory.

    Parameters
    ----------
    content : bytes
    name : str
        The archive's name, for the message.

    Returns
    -------
    dict of str to bytes
        Files by their path in the archive; folders are left out.

    Raises
    ------
    ModelError
        If the archive is damaged, encrypted, too large, holds a name twice, a link or a path that
        leads out of it, or expands far more than a model does. Sizes are counted while reading,
        whatever the headers say.
    """
    _check_zip_directory(content, name)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            _check_zip_members(members, name)
            files: dict[str, bytes] = {}
            left = MAX_FILE_BYTES
            for member in members:
                if not member.is_dir():
                    files[member.filename] = _read_member(archive, member, left, name)
                    left -= len(files[member.filename])
            return files
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        EOFError,
        OSError,
        ValueError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise ModelError("model_file.zip_broken", name=name, detail=str(error)[:200]) from None


def _check_zip_directory(content: bytes, name: str) -> None:
    # ZipFile makes an object of every directory entry before we could count them.
    end = content.rfind(_ZIP_END)
    if end < 0 or len(content) < end + 22:
        raise ModelError("model_file.zip_broken", name=name, detail="no end of directory")
    (directory_bytes,) = struct.unpack_from("<I", content, end + 12)
    zip64 = content[max(0, end - 20) : end].startswith(_ZIP64_LOCATOR)
    if zip64 or directory_bytes > _MAX_ZIP_DIRECTORY_BYTES:
        raise ModelError("model_file.zip_members", name=name, limit=MAX_ZIP_MEMBERS)


def _check_zip_members(members: list[zipfile.ZipInfo], name: str) -> None:
    if len(members) > MAX_ZIP_MEMBERS:
        raise ModelError("model_file.zip_members", name=name, limit=MAX_ZIP_MEMBERS)
    if sum(member.file_size for member in members) > MAX_FILE_BYTES:
        raise ModelError("model_file.zip_large", name=name, limit_mb=MAX_FILE_BYTES / 1e6)
    seen: set[str] = set()
    for member in members:
        path = member.filename
        shown = path[:80]
        parts = path.replace("\\", "/").split("/")
        if path.startswith(("/", "\\")) or ".." in parts or ":" in path or "\x00" in path:
            raise ModelError("model_file.zip_path", name=name, member=shown)
        if (member.external_attr >> 16) & 0o170000 not in (0, 0o100000, 0o040000):
            raise ModelError("model_file.zip_link", name=name, member=shown)
        if member.flag_bits & 0x1:
            raise ModelError("model_file.zip_encrypted", name=name)
        if path.lower() in seen:
            raise ModelError("model_file.zip_duplicate", name=name, member=shown)
        seen.add(path.lower())


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, left: int, name: str) -> bytes:
    allowed = min(
        left, _FREE_EXPANSION_BYTES + MAX_COMPRESSION_RATIO * max(member.compress_size, 0)
    )
    chunks: list[bytes] = []
    total = 0
    with archive.open(member) as stream:
        while chunk := stream.read(MEBIBYTE):
            total += len(chunk)
            if total > allowed:
                raise ModelError("model_file.zip_bomb", name=name, member=member.filename[:80])
            chunks.append(chunk)
    return b"".join(chunks)
