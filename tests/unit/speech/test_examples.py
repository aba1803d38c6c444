"""The file of examples: what the original writes, what we write, and what is refused."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import AudioError, UsageError
from core.speech.examples import Example, read_examples, write_examples


def example(label: str, *, frames: int = 5, seed: int = 0, **fields: Any) -> Example:
    values = np.random.default_rng(seed).normal(size=(frames, 4)).astype(np.float32)
    return Example(label, values, **fields)


def file_of(
    manifest: Any, floats: int = 0, *, version: int = 1, length: int | None = None
) -> bytes:
    text = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    header = struct.pack("<8sII", b"TFJSSCDS", version, len(text) if length is None else length)
    return header + text + bytes(4 * floats)


def entry(**changes: Any) -> dict[str, Any]:
    fields = {"label": "go", "spectrogramNumFrames": 2, "spectrogramFrameSize": 3}
    return fields | changes


def test_what_was_written_comes_back_exactly() -> None:
    audio = np.linspace(-1, 1, 7, dtype=np.float32)
    given = [
        example("上一张", seed=1, key_frame=3),
        example("_background_noise_", seed=2, frames=9),
        example("Zebra", seed=3, audio=audio, rate_hz=44100.0),
        example('say "hi"\n<b>', seed=4, audio=audio[:0], rate_hz=16000.5),
    ]
    content = write_examples(given)
    read = read_examples(content).examples
    assert [entry.label for entry in read] == [
        "Zebra",
        "_background_noise_",
        'say "hi"\n<b>',
        "上一张",
    ]
    by_label = {entry.label: entry for entry in read}
    for one in given:
        same = by_label[one.label]
        np.testing.assert_array_equal(same.spectrogram, one.spectrogram)
        assert (same.key_frame, same.rate_hz) == (one.key_frame, one.rate_hz)
        assert (same.audio is None) == (one.audio is None)
    np.testing.assert_array_equal(by_label["Zebra"].audio, audio)
    assert write_examples(read) == content


def test_the_manifest_is_written_as_javascript_writes_it() -> None:
    content = write_examples([example("下一张", audio=np.zeros(2, np.float32), rate_hz=44100.0)])
    assert content[16:].startswith(
        '[{"label":"下一张","spectrogramNumFrames":5,"spectrogramFrameSize":4,'
        '"rawAudioNumSamples":2,"rawAudioSampleRateHz":44100}]'.encode()
    )


def test_the_recordings_of_others_come_back_byte_for_byte(shared_data: Path) -> None:
    for name, counts in (
        ("data.bin", {"_background_noise_": 10, "上一张": 10, "下一张": 10}),
        ("others/second_voice.bin", {"_background_noise_": 25, "上一张": 25, "下一张": 25}),
    ):
        path = shared_data / "slider" / name
        read = read_examples(path)
        assert read.counts == counts
        assert write_examples(read.examples) == path.read_bytes()


def test_only_the_words_asked_for_are_written() -> None:
    content = write_examples([example("a"), example("b"), example("a", seed=1)], labels=["a"])
    assert read_examples(content).counts == {"a": 2}
    with pytest.raises(UsageError) as caught:
        write_examples([example("a")], labels=["c"])
    assert caught.value.code == "examples.unknown_label"
    with pytest.raises(UsageError) as caught:
        write_examples([])
    assert caught.value.code == "examples.none"


def test_examples_with_values_that_are_no_numbers_are_left_out_and_counted() -> None:
    broken = example("a")
    broken.spectrogram[1, 1] = np.nan
    content = write_examples(
        [broken, example("b"), example("c", audio=np.array([np.inf], "f4"), rate_hz=8000)]
    )
    read = read_examples(content)
    assert read.counts == {"b": 1}
    assert [note.fields["count"] for note in read.notes] == [2]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "examples.not_examples"),
        (b"PK\x03\x04 a zip", "examples.not_examples"),
        (b"TFJSSCD1\x01\x00\x00\x00\x02\x00\x00\x00[]", "examples.not_examples"),
        (b"TFJSSCDS\x01\x00", "examples.cut_off"),
        (file_of([entry()], 6, version=2), "examples.version"),
        (file_of([entry()], 6, length=1 << 31), "examples.cut_off"),
        (file_of([entry()], 6, length=3), "examples.manifest"),
        (file_of([entry()], 6)[:-1], "examples.cut_off"),
        (file_of([entry()], 7), "examples.surplus"),
        (file_of({"label": "go"}), "examples.manifest"),
        (file_of([3]), "examples.manifest"),
        (file_of(b"[" * 5000), "examples.manifest"),
        (file_of(b"\xff\xfe"), "examples.manifest"),
        (file_of([entry(label="")]), "examples.label"),
        (file_of([entry(label=7)]), "examples.label"),
        (file_of([entry(label="x" * 500)]), "examples.label"),
        (file_of(b'[{"label":"\\ud800"}]'), "examples.manifest"),
        (file_of([entry(spectrogramNumFrames=0)]), "examples.field"),
        (file_of([entry(spectrogramNumFrames=-5)]), "examples.field"),
        (file_of([entry(spectrogramNumFrames=1.5)]), "examples.field"),
        (file_of([entry(spectrogramNumFrames=True)]), "examples.field"),
        (file_of(b'[{"label":"a","spectrogramNumFrames":1e999}]'), "examples.field"),
        (file_of([entry(spectrogramNumFrames=10**30)]), "examples.field"),
        (file_of([entry(spectrogramNumFrames=9**6, spectrogramFrameSize=999)]), "examples.cut_off"),
        (file_of([entry(spectrogramFrameSize=None)]), "examples.field"),
        (file_of([entry(spectrogramKeyFrameIndex=2)], 6), "examples.field"),
        (file_of([entry(rawAudioNumSamples=1)], 7), "examples.field"),
        (file_of([entry(rawAudioNumSamples=1, rawAudioSampleRateHz=-1)], 7), "examples.field"),
        (file_of([entry(rawAudioNumSamples=-1, rawAudioSampleRateHz=44100)], 7), "examples.field"),
        (file_of([entry(spectrogramNumFrames=1)] * 20_001), "examples.too_many"),
    ],
)  # fmt: skip
def test_a_file_that_lies_or_is_damaged_is_refused_before_anything_is_made(
    content: bytes, code: str
) -> None:
    with pytest.raises(AudioError) as caught:
        read_examples(content)
    assert caught.value.code == code


def test_an_empty_list_of_examples_is_read() -> None:
    assert read_examples(file_of([])).examples == ()


def test_a_missing_file_is_named_as_missing(tmp_path: Path) -> None:
    with pytest.raises(AudioError) as caught:
        read_examples(tmp_path / "none.bin")
    assert caught.value.code == "examples.no_file"
