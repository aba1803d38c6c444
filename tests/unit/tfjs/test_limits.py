from __future__ import annotations

import io
import json
import zipfile

import pytest

from core.errors import ModelError
from core.tfjs import limits
from core.tfjs.limits import parse_json, read_zip


def test_json_with_a_byte_order_mark_is_read():
    assert parse_json(b"\xef\xbb\xbf" + '{"名": [1, null]}'.encode(), name="a") == {"名": [1, None]}


def test_json_at_the_depth_limit_is_read_and_one_more_is_refused():
    deepest = "[" * limits.MAX_JSON_DEPTH + "]" * limits.MAX_JSON_DEPTH
    assert parse_json(deepest.encode(), name="a")[0]
    with pytest.raises(ModelError, match="levels deep"):
        parse_json(f"[{deepest}]".encode(), name="a")


@pytest.mark.parametrize("text", ['{"a": "\\ud800"}', '{"a": NaN}', '{"a": 1, "a": 2}', "{"])
def test_json_that_nothing_could_write_back_is_refused(text):
    with pytest.raises(ModelError, match="not readable as JSON"):
        parse_json(text.encode(), name="a")


def test_a_whole_surrogate_pair_is_a_letter():
    assert parse_json(b'"\\ud83d\\ude00"', name="a") == "\U0001f600"


def test_json_in_utf16_is_refused_and_not_guessed():
    with pytest.raises(ModelError, match="not readable as JSON"):
        parse_json(json.dumps({"a": 1}).encode("utf-16"), name="a")


def test_a_zip_is_read_without_its_folders(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("web_model")
        archive.writestr("web_model/model.json", b"{}")
        archive.writestr("web_model/empty.bin", b"")
    assert read_zip(buffer.getvalue(), name="a.zip") == {
        "web_model/model.json": b"{}",
        "web_model/empty.bin": b"",
    }


def test_the_total_size_of_a_zip_is_counted_while_reading(monkeypatch):
    monkeypatch.setattr(limits, "MAX_FILE_BYTES", 1000)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", bytes(600))
        archive.writestr("b", bytes(600))
    with pytest.raises(ModelError, match="unpacks to more"):
        read_zip(buffer.getvalue(), name="a.zip")
