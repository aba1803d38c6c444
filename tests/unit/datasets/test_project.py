"""Projects: all comes back, and none of what a stranger claims is believed."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from core.datasets.project import Project, is_project, open_project, save_project
from core.datasets.samples import SPECTROGRAM, Quota, SampleSet
from core.errors import UsageError


def project() -> Project:
    samples = SampleSet()
    samples.add_class("空")
    samples.add("cat <b>", b"\x89PNG\r\n\x1a\n1", name="一.png", meta={"taken": "camera"})
    samples.add("dog", bytes(400), media_type=SPECTROGRAM, meta={"frames": 10, "bins": 10})
    samples.add("cat <b>", b"\x89PNG\r\n\x1a\n1", name="again.png")
    arrays = {
        "dense/kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
        "order": np.array([2, 0, 1]),
        "../../etc": np.zeros((0, 4), np.float32),
    }
    return Project("pictures", samples.snapshot(), {"epochs": 20}, arrays, {"accuracy": 0.5})


def test_all_comes_back() -> None:
    saved = save_project(project())
    opened = open_project(saved, kind="pictures")
    before = project().samples
    assert opened.samples.classes == before.classes
    for one, other in zip(opened.samples.samples, before.samples, strict=True):
        assert (one.label, one.content, one.name, one.media_type, dict(one.meta)) == (
            other.label, other.content, other.name, other.media_type, dict(other.meta),
        )  # fmt: skip
    assert (opened.settings, opened.results) == ({"epochs": 20}, {"accuracy": 0.5})
    assert list(opened.arrays) == list(project().arrays)
    for name, array in project().arrays.items():
        np.testing.assert_array_equal(opened.arrays[name], array)
        assert opened.arrays[name].dtype == array.dtype
    assert save_project(opened) == saved
    assert is_project(saved)
    assert not is_project(b"PK\x03\x04" + bytes(60))


def rewritten(change: Callable[[dict[str, Any], dict[str, bytes]], None]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(save_project(project()))) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    description = json.loads(files.pop("project.json"))
    change(description, files)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("project.json", json.dumps(description))
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def put(*path: Any, value: Any) -> Callable[[dict[str, Any], dict[str, bytes]], None]:
    def change(description: dict[str, Any], files: dict[str, bytes]) -> None:
        at: Any = description
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value

    return change


def with_array(content: bytes) -> bytes:
    return rewritten(lambda _, files: files.update({"arrays/001.npy": content}))


def npy(array: Any, **header: Any) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"shape": (2, 3), "fortran_order": False, "descr": "<f4"} | header
    )
    return buffer.getvalue() + array


def pickled() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"no zip", "project_broken"),
        (save_project(project())[:-40], "project_broken"),
        (rewritten(put("format", value="other")), "project_not"),
        (rewritten(put("version", value=2)), "project_version"),
        (rewritten(put("kind", value="words")), "project_kind"),
        (rewritten(put("kind", value=["x"])), "project_kind"),
        (rewritten(put("classes", value={})), "project_broken"),
        (rewritten(put("classes", value=["cat <b>"])), "project_broken"),
        (rewritten(put("classes", value=[1])), "project_broken"),
        (rewritten(put("samples", value=[7])), "project_broken"),
        (rewritten(put("samples", 0, "file", value="../x")), "project_broken"),
        (rewritten(put("samples", 0, "file", value=["x"])), "project_broken"),
        (rewritten(put("samples", 0, "sha256", value="00")), "project_broken"),
        (rewritten(put("samples", 0, "label", value=None)), "project_broken"),
        (rewritten(put("samples", 0, "label", value="x" * 99)), "label_long"),
        (rewritten(put("samples", 0, "meta", value={"a": []})), "project_broken"),
        (rewritten(put("settings", value=[])), "project_broken"),
        (rewritten(put("arrays", value={"x": "arrays/999.npy"})), "project_broken"),
        (with_array(b""), "project_broken"),
        (with_array(pickled()), "project_broken"),
        (with_array(npy(bytes(23))), "project_broken"),
        (with_array(npy(bytes(24), shape=(1 << 40, 1 << 40))), "project_broken"),
        (with_array(npy(bytes(24), shape=(6,) + (1,) * 9)), "project_broken"),
        (with_array(npy(bytes(24), descr="<c8", shape=(3,))), "project_broken"),
        (with_array(npy(b"\xff" * 24)), "project_broken"),
    ],
)
def test_what_is_damaged_or_lies_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_project(content, kind="pictures")
    assert caught.value.code == f"samples.{code}"


def test_a_project_beyond_the_quota_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        open_project(save_project(project()), quota=Quota(samples=2))
    assert caught.value.code == "samples.many"
