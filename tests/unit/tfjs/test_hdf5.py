from __future__ import annotations

import io
import struct

import h5py
import numpy as np
import pytest

from core.errors import ModelError
from core.tfjs.hdf5 import read_hdf5
from core.tfjs.hdf5_process import read_untrusted_hdf5


def make(fill) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        fill(file)
    return buffer.getvalue()


def rich(file):
    file.attrs["text"] = "Größe 大"
    file.attrs["bytes"] = np.bytes_("abc")
    file.attrs["list"] = ["a", "bc"]
    file.attrs["bytes list"] = [b"a", b"bc"]
    file.attrs["number"] = 7
    file.attrs["numbers"] = [1.5, 2.5]
    file.attrs["weight_names0"] = [b"x", b"y"]
    file.attrs["weight_names1"] = [b"z"]
    group = file.create_group("layer/inner")
    group["big_endian"] = np.arange(6, dtype=">f4").reshape(2, 3)
    group["scalar"] = np.int64(5)
    group["empty"] = np.zeros((0, 3), "f4")
    group.create_dataset("packed", data=np.arange(1000.0), compression="gzip", shuffle=True)
    file["optimizer_weights/slot"] = np.zeros(3)


@pytest.mark.parametrize("read", [read_hdf5, read_untrusted_hdf5])
def test_a_file_becomes_plain_memory(read):
    root = read(make(rich), name="a.h5", skip=("optimizer_weights",))
    assert root.text("text") == "Größe 大"
    assert root.text("bytes") == "abc"
    assert root.texts("list") == root.texts("bytes list") == ("a", "bc")
    assert root.texts("weight_names") == ("x", "y", "z")
    assert root.texts("nothing") is None
    assert root.attributes["number"] == 7
    assert root.attributes["numbers"] == (1.5, 2.5)
    assert "optimizer_weights" not in root.groups
    array = root.find("layer/inner/big_endian")
    assert array.dtype.isnative
    assert array.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert root.find("layer/inner/scalar") == 5
    assert root.find("layer/inner/empty").shape == (0, 3)
    assert root.find("layer/inner/packed").tolist() == list(range(1000))
    assert root.find("layer/nowhere/packed") is None
    assert len(list(root.walk())) == 4


def test_both_ways_of_reading_give_the_same_bits():
    bits = np.random.default_rng(0).integers(0, 2**32, 1000, dtype=np.uint32)
    content = make(lambda file: file.__setitem__("w", bits.view(np.float32)))
    for read in (read_hdf5, read_untrusted_hdf5):
        assert read(content, name="a.h5").arrays["w"].view(np.uint32).tolist() == bits.tolist()


def test_the_message_of_the_other_process_arrives():
    content = make(lambda file: file.__setitem__("a", h5py.SoftLink("/b")))
    with pytest.raises(ModelError) as caught:
        read_untrusted_hdf5(content, name="a.h5")
    assert caught.value.code == "model_file.hdf5_link"
    assert caught.value.fields == {"name": "a.h5", "item": "a"}


def test_a_list_of_strings_that_could_swell_is_left_out():
    """A list of many strings may point again and again at the one long string of a file."""

    def fill(file):
        file.attrs["model_config"] = "x" * 1_000_000
        file.attrs["weight_names"] = [f"{i:08d}" for i in range(3000)]
        file["w"] = np.zeros(2, "f4")

    content = bytearray(make(fill))
    long_one = content.find(struct.pack("<I", 1_000_000))
    pointer = bytes(content[long_one : long_one + 16])
    start = content.find(struct.pack("<I", 8))
    swollen = 0
    while start >= 0:
        if content[start + 16 : start + 20] == struct.pack("<I", 8):
            content[start : start + 16] = pointer
            swollen += 1
        start = content.find(struct.pack("<I", 8), start + 4)
    assert swollen > 2000
    root = read_hdf5(bytes(content), name="a.h5")
    assert "weight_names" not in root.attributes
    assert root.arrays["w"].tolist() == [0, 0]
