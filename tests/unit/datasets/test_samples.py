"""A set of samples under every change that people make, and back again."""

from __future__ import annotations

import hashlib
import threading

import pytest

from core.datasets.labels import MAX_LABEL_LENGTH, clean_label
from core.datasets.samples import FLAC, SPECTROGRAM, NewSample, Quota, SampleSet
from core.errors import UsageError


@pytest.fixture
def samples() -> SampleSet:
    made = SampleSet()
    made.add_many([NewSample("cat", b"c1", "c1.png"), NewSample("cat", b"c2")])
    made.add_many([NewSample("dog", b"d1")])
    return made


def code_of(error: pytest.ExceptionInfo[UsageError]) -> str:
    return error.value.code


def test_a_sample_keeps_its_content_name_kind_and_hash() -> None:
    samples = SampleSet()
    clip = samples.add("up", b"fLaC....", name="take\n1.flac", meta={"rate_hz": 44100})
    assert clip.media_type == FLAC
    assert clip.digest == hashlib.sha256(b"fLaC....").hexdigest()
    assert clip.name == "take?1.flac"
    assert clip.meta["rate_hz"] == 44100
    bare = samples.add("up", b"\0" * 8, media_type=SPECTROGRAM, meta={"frames": 1})
    assert bare.media_type == SPECTROGRAM
    assert samples.get(clip.id) is clip
    assert samples.add("up", clip.content).id != clip.id


def test_every_change_can_be_undone_and_made_again(samples: SampleSet) -> None:
    states = [samples.snapshot()]
    first = samples.samples("cat")[0].id
    for change in (
        lambda: samples.add_class("bird"),
        lambda: samples.rename_class("cat", "tiger"),
        lambda: samples.move([first], "bird"),
        lambda: samples.move_class("bird", 0),
        lambda: samples.remove([first]),
        lambda: samples.remove_class("tiger"),
        lambda: samples.add("fish", b"f"),
        lambda: samples.replace_all(["x", "y"], [NewSample("x", b"x")]),
    ):
        change()
        states.append(samples.snapshot())
    for state in reversed(states[:-1]):
        assert samples.undo()
        assert (samples.classes, samples.samples()) == (state.classes, state.samples)
    for state in states[1:]:
        assert samples.redo()
        assert (samples.classes, samples.samples()) == (state.classes, state.samples)
    assert not samples.redo()


def test_a_new_change_ends_what_could_be_redone(samples: SampleSet) -> None:
    samples.undo()
    assert samples.can_redo
    samples.add_class("bird")
    assert not samples.can_redo


def test_the_version_grows_with_every_change_and_undo(samples: SampleSet) -> None:
    before = samples.version
    samples.add_class("bird")
    samples.undo()
    assert samples.version == before + 2
    samples.remove(["nobody"])
    samples.move_class("cat", 0)
    assert samples.rename_class("cat", " cat ") == "cat"
    assert samples.version == before + 2


def test_many_samples_are_added_all_or_none(samples: SampleSet) -> None:
    before = samples.snapshot()
    with pytest.raises(UsageError) as caught:
        samples.add_many([NewSample("cat", b"x"), NewSample("cat", b"")])
    assert code_of(caught) == "samples.empty"
    assert samples.snapshot() == before


@pytest.mark.parametrize(
    ("quota", "code"),
    [
        (Quota(samples=3), "samples.many"),
        (Quota(bytes=5), "samples.large"),
        (Quota(classes=1), "samples.many_classes"),
        (Quota(sample_bytes=1), "samples.sample_large"),
    ],
)
def test_the_quota_holds(quota: Quota, code: str) -> None:
    samples = SampleSet(quota)
    with pytest.raises(UsageError) as caught:
        samples.add_many(NewSample(f"class {n % 2}", b"12") for n in range(4))
    assert code_of(caught) == code
    assert samples.samples() == ()


def test_undo_remembers_no_more_bytes_than_the_set_may_hold() -> None:
    samples = SampleSet(Quota(bytes=10))
    for number in range(8):
        sample = samples.add("a", bytes([number]) * 8)
        samples.remove([sample.id])
    undone = 0
    while samples.undo():
        undone += 1
    assert 0 < undone <= 4


def test_what_is_removed_makes_room() -> None:
    samples = SampleSet(Quota(samples=1))
    samples.add("a", b"1")
    samples.remove_class("a")
    samples.add("b", b"2")
    assert samples.counts() == {"b": 1}


@pytest.mark.parametrize(
    "name",
    ["中文 名称", "👩‍👩‍👧 family", "<b>bold</b>", "a/b\\..", "x" * MAX_LABEL_LENGTH, "$$:red[x]"],
)
def test_names_of_any_script_are_kept_as_they_are(name: str) -> None:
    assert clean_label(name) == name


def test_names_are_equal_however_they_are_typed(samples: SampleSet) -> None:
    assert clean_label(" Cafe\u0301 \n  noir ") == "Café noir"
    with pytest.raises(UsageError) as caught:
        samples.add_class(" cat ")
    assert code_of(caught) == "samples.label_taken"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "samples.label_empty"),
        (" \u3000\n", "samples.label_empty"),
        ("x" * (MAX_LABEL_LENGTH + 1), "samples.label_long"),
        ("bell\x07", "samples.label_characters"),
        ("\u202egnp.exe", "samples.label_characters"),
        ("half \ud83d", "samples.label_characters"),
    ],
)
def test_names_that_cannot_be_shown_are_refused(samples: SampleSet, name: str, code: str) -> None:
    for act in (samples.add_class, lambda n: samples.rename_class("cat", n)):
        with pytest.raises(UsageError) as caught:
            act(name)
        assert code_of(caught) == code
        caught.value.message.encode()


def test_what_is_not_there_is_said(samples: SampleSet) -> None:
    for act in (
        lambda: samples.remove_class("bird"),
        lambda: samples.rename_class("bird", "b"),
        lambda: samples.move_class("bird", 0),
    ):
        with pytest.raises(UsageError) as caught:
            act()
        assert code_of(caught) == "samples.no_class"
    with pytest.raises(UsageError):
        samples.get("nobody")


def test_threads_that_add_at_once_lose_nothing() -> None:
    samples = SampleSet()

    def add(number: int) -> None:
        for turn in range(25):
            samples.add(f"class {number}", bytes([number, turn]))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(samples.counts().values()) == [25] * 4
    assert samples.version == 100


def test_clearing_leaves_nothing_to_undo(samples: SampleSet) -> None:
    samples.clear()
    assert (samples.classes, samples.samples(), samples.can_undo) == ((), (), False)
