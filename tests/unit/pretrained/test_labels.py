from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ModelError
from core.pretrained.labels import labels, labels_digest, read_labels, translated

# Two classes have the same first name in the source; others are unclear without a word more.
OURS = {134: "crane (bird)", 517: "crane (machine)", 638: "maillot (tights)"}
OURS |= {570: "gas mask", 998: "ear of grain"}


def test_there_are_a_thousand_names_and_no_two_are_the_same() -> None:
    names = labels("imagenet")
    assert len(names) == len(set(names)) == 1000
    assert all(name == name.strip() and name for name in names)


def test_known_classes_stand_at_their_known_places() -> None:
    names = labels("imagenet")
    known = {0: "tench", 1: "goldfish", 2: "great white shark", 105: "koala", 162: "beagle"}
    known |= {207: "golden retriever", 388: "giant panda", 640: "manhole cover", 985: "daisy"}
    assert {index: names[index] for index in known} == known


def test_every_name_is_one_of_the_synonyms_in_the_original_order(shared_data: Path) -> None:
    path = shared_data / "mobilenet_v1_025_224" / "imagenet_classes.txt"
    rows = path.read_text(encoding="utf-8").splitlines()[:1000]
    for index, (name, row) in enumerate(zip(labels("imagenet"), rows, strict=True)):
        assert name in row.strip().split(", ") or OURS.get(index) == name, (index, name, row)


def test_the_chinese_names_are_as_many_and_another_language_is_english() -> None:
    chinese = labels("imagenet", "zh")
    assert len(chinese) == len(set(chinese)) == 1000
    assert all(name == name.strip() and name for name in chinese)
    known = {1: "金鱼", 105: "考拉", 388: "大熊猫", 640: "井盖", 867: "半挂卡车", 999: "卫生纸"}
    assert {index: chinese[index] for index in known} == known
    assert labels("imagenet", "tlh") == labels("imagenet")


def test_a_backbones_names_are_translated_only_where_they_are_ours() -> None:
    assert translated(labels("imagenet"), "zh") == labels("imagenet", "zh")
    assert translated(("cat", "dog"), "zh") == ("cat", "dog")


@pytest.mark.parametrize("name", ["flowers", "../imagenet", "imagenet_zh", ""])
def test_a_set_that_is_not_there_is_told(name: str) -> None:
    with pytest.raises(ModelError) as caught:
        labels(name)
    assert caught.value.code == "pretrained.unknown_labels"


def test_a_users_labels_are_read_without_what_could_hurt(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes("\ufeffcat \n狗\x1b[31m\n\n".encode())
    assert read_labels(path, classes=2) == ("cat", "狗[31m")


def test_a_wrong_number_of_labels_is_told(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("a\nb\n")
    with pytest.raises(ModelError) as caught:
        read_labels(path, classes=3)
    assert caught.value.code == "pretrained.label_count"
    with pytest.raises(ModelError) as caught:
        read_labels(tmp_path / "gone.txt", classes=3)
    assert caught.value.code == "pretrained.file_unreadable"
    path.write_bytes(b"a" * 4_000_001)
    with pytest.raises(ModelError) as caught:
        read_labels(path, classes=1)
    assert caught.value.code == "pretrained.file_large"


def test_the_digest_tells_lists_apart() -> None:
    assert labels_digest(("a", "b")) == labels_digest(["a", "b"])
    assert labels_digest(("a", "b")) != labels_digest(("b", "a"))
