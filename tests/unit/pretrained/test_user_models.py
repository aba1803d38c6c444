from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.errors import ModelError
from core.pretrained.labels import labels
from core.pretrained.user_models import find_user_models, labels_for, path_digest, signature


def put(path: Path, content: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_only_models_are_listed_and_only_one_level_down(tmp_path: Path) -> None:
    for name in ("b.h5", "a.keras", "c.HDF5", "README.md", ".hidden.h5", "labels.txt"):
        put(tmp_path / name)
    put(tmp_path / "web" / "model.json")
    put(tmp_path / "web" / "inner.h5")
    put(tmp_path / "mine" / "keras.h5")
    put(tmp_path / "mine" / "deeper" / "far.h5")
    put(tmp_path / "pictures" / "cat.jpg")
    found = find_user_models([tmp_path, tmp_path / "not there"])
    assert [(model.model_id, model.title) for model in found] == [
        ("user-a", "a"),
        ("user-b", "b"),
        ("user-c", "c"),
        ("user-mine-keras", "mine keras"),
        ("user-web", "web"),
    ]


def test_the_first_folder_wins_a_name_and_the_next_gets_a_number(tmp_path: Path) -> None:
    first, second = put(tmp_path / "1" / "m.h5"), put(tmp_path / "2" / "m.h5")
    found = find_user_models([tmp_path / "1", tmp_path / "2"])
    assert [(model.model_id, model.path) for model in found] == [
        ("user-m", first),
        ("user-m-2", second),
    ]


@pytest.mark.parametrize(
    ("name", "model_id", "title"),
    [
        ("<script>alert(1)<.h5", "user-script-alert-1", "script alert 1"),
        ("**bold** [x](y).h5", "user-bold-x-y", "bold x y"),
        ("我的模型.h5", "user-model", "我的模型"),
        ("~.h5", "user-model", "model"),
        (f"{'long' * 40}.h5", f"user-{'long' * 10}", "long" * 15),
    ],
)
def test_names_are_harmless(name: str, model_id: str, title: str, tmp_path: Path) -> None:
    put(tmp_path / name)
    (found,) = find_user_models([tmp_path])
    assert (found.model_id, found.title) == (model_id, title)


def test_files_that_the_catalogue_lists_are_left_to_it(tmp_path: Path) -> None:
    put(tmp_path / "official.h5")
    assert find_user_models([tmp_path], not_named={"official.h5"}) == ()


def test_a_changed_file_has_another_signature_and_digest(tmp_path: Path) -> None:
    path = put(tmp_path / "m.h5")
    before = signature(path), path_digest(path)
    os.utime(path, ns=(1, 1))
    put(path, "y")
    assert (signature(path), path_digest(path)) != before
    folder = put(tmp_path / "web" / "model.json").parent
    digest = path_digest(folder)
    put(folder / "shard")
    assert path_digest(folder) != digest


def test_a_folder_larger_than_a_model_may_be_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.pretrained.user_models.MAX_FILE_BYTES", 3)
    with pytest.raises(ModelError) as caught:
        path_digest(put(tmp_path / "m.h5", "four"))
    assert caught.value.code == "pretrained.file_large"


def test_labels_beside_the_model_are_used_when_they_fit(tmp_path: Path) -> None:
    path = put(tmp_path / "m.h5")
    assert labels_for(path, classes=2) == ("class 0", "class 1")
    assert labels_for(path, classes=1000) == labels("imagenet")
    put(tmp_path / "labels.txt", "cat\ndog\n")
    assert labels_for(path, classes=2) == ("cat", "dog")
    assert labels_for(path, classes=1000) == labels("imagenet")
    with pytest.raises(ModelError) as caught:
        labels_for(path, classes=3)
    assert caught.value.code == "pretrained.label_count"


def test_the_labels_of_a_folder_lie_in_it(tmp_path: Path) -> None:
    folder = put(tmp_path / "web" / "model.json").parent
    put(tmp_path / "labels.txt", "no\nno\n")
    put(folder / "labels.txt", "cat\ndog\n")
    assert labels_for(folder, classes=2) == ("cat", "dog")
