"""Hostile and broken model files, made by code: what each is, and the code that refuses it."""

from __future__ import annotations

import io
import json
import pickle
import struct
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Files = dict[str, bytes]
Case = tuple[Files, str]  # files by name, the message's code


def dense(name="dense", units=2, **settings) -> dict[str, Any]:
    return {"class_name": "Dense", "config": {"name": name, "units": units, **settings}}


def layer(class_name: str, **settings) -> dict[str, Any]:
    return {"class_name": class_name, "config": {"name": "odd", **settings}}


def sequential(*layers: Any, shape=(None, 3)) -> dict[str, Any]:
    entry = {
        "class_name": "InputLayer",
        "config": {"name": "in", "batch_input_shape": list(shape)},
    }
    return {"class_name": "Sequential", "config": {"name": "model", "layers": [entry, *layers]}}


KERNEL = {"name": "dense/kernel", "shape": [3, 2], "dtype": "float32"}
BIAS = {"name": "dense/bias", "shape": [2], "dtype": "float32"}
SHARD = np.arange(8, dtype="<f4").tobytes()


def document(topology=None, weights=None, paths=("weights.bin",)) -> dict[str, Any]:
    return {
        "format": "layers-model",
        "modelTopology": sequential(dense()) if topology is None else topology,
        "weightsManifest": [
            {"paths": list(paths), "weights": [KERNEL, BIAS] if weights is None else weights}
        ],
    }


def upload(content: Any, shard: bytes = SHARD, shard_name="weights.bin") -> Files:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return {"model.json": text, shard_name: shard}


def good_files() -> Files:
    return upload(document())


def json_cases() -> dict[str, Case]:
    text = json.dumps(document()).encode()
    broken = "model_file.json_broken"
    return {
        "json cut off": (upload(text[:100]), broken),
        "json not utf8": (upload(b'{"a": "\xff\xfe"}'), broken),
        "json nan": (upload(text.replace(b"[3, 2]", b"[NaN, 2]")), broken),
        "json infinity": (upload(text.replace(b"[3, 2]", b"[Infinity, 2]")), broken),
        "json key twice": (upload(b'{"format": 1, "format": 2}'), broken),
        "json number of 9000 digits": (upload(b'{"a": ' + b"9" * 9000 + b"}"), broken),
        "json 500000 lists deep": (upload(b"[" * 500_000 + b"]" * 500_000), "model_file.json_deep"),
        "json 200 objects deep": (
            upload(b'{"a":' * 200 + b"1" + b"}" * 200),
            "model_file.json_deep",
        ),
        "json of three million lists": (
            upload(b'{"a":[' + b"[]," * 3_000_000 + b"1]}"),
            "model_file.json_items",
        ),
        "json of 17 MB": (upload(b'{"a":"' + b"x" * 17_000_000 + b'"}'), "model_file.json_large"),
        "json is a list": (upload([1, 2]), "model_file.topology_missing"),
        "json is a number": (upload(b"7"), "model_file.topology_missing"),
        "model.json alone": ({"model.json": text}, "model_file.shards_missing"),
    }


def manifest_cases() -> dict[str, Case]:
    def weights(**changes: Any) -> Files:
        return upload(document(weights=[{**KERNEL, **changes}, BIAS]))

    def quantized(**entry: Any) -> Files:
        text = json.dumps(
            document(weights=[{**KERNEL, "quantization": {"min": 0, "scale": 1, **entry}}, BIAS])
        )
        return upload(text.replace("Infinity", "1e999").encode())

    def path(*paths: Any) -> Files:
        return upload(document(paths=paths))

    def manifest(value: Any) -> Files:
        return upload({**document(), "weightsManifest": value})

    group, shape = "model_file.manifest_group", "model_file.weight_shape"
    reach, dtype = "model_file.quantization_range", "model_file.weight_dtype"
    many = [{**BIAS, "name": f"w{i}", "shape": []} for i in range(10_001)]
    huge = [{**KERNEL, "name": f"w{i}", "shape": [8192, 8191]} for i in range(2)]
    return {
        "manifest missing": (
            upload({"modelTopology": sequential(dense())}),
            "model_file.manifest_missing",
        ),
        "manifest is an object": (manifest({}), "model_file.manifest_missing"),
        "group is a number": (manifest([1]), group),
        "weights are no list": (manifest([{"paths": [], "weights": {}}]), group),
        "paths are missing": (manifest([{"weights": []}]), group),
        "weight is a string": (
            upload(document(weights=["kernel"])),
            "model_file.manifest_weight",
        ),
        "weight without a name": (weights(name=None), "model_file.manifest_weight"),
        "shape negative": (weights(shape=[-3, -2]), shape),
        "shape of floats": (weights(shape=[3.0, 2]), shape),
        "shape of booleans": (weights(shape=[True, 2]), shape),
        "shape is text": (weights(shape="32"), shape),
        "shape beyond 64 bits": (weights(shape=[2**70, 2]), shape),
        "shape that wraps around": (
            weights(shape=[65536, 65536, 65536, 65536]),
            "model_file.weights_large",
        ),
        "shape of rank 40": (weights(shape=[1] * 40), shape),
        "weights of half a gigabyte": (
            upload(document(weights=huge)),
            "model_file.weights_large",
        ),
        "ten thousand weights": (upload(document(weights=many)), "model_file.too_many_tensors"),
        "dtype string": (weights(dtype="string"), dtype),
        "dtype object": (weights(dtype="O"), dtype),
        "dtype is a list": (weights(dtype=["float32"]), dtype),
        "weight twice": (upload(document(weights=[BIAS, BIAS])), "model_file.weight_twice"),
        "path to the parent": (path("../weights.bin"), "model_file.shard_path"),
        "path is the parent": (path(".."), "model_file.shard_path"),
        "path absolute": (path("/etc/passwd"), "model_file.shard_path"),
        "path on a drive": (path("C:\\weights.bin"), "model_file.shard_path"),
        "path in a folder": (path("a/weights.bin"), "model_file.shard_path"),
        "path is a url": (path("http://127.0.0.1/weights.bin"), "model_file.shard_path"),
        "path with a zero byte": (path("weights.bin\x00.png"), "model_file.shard_path"),
        "path empty": (path(""), "model_file.shard_path"),
        "path is a number": (path(3), group),
        "path twice": (path("weights.bin", "weights.bin"), "model_file.shard_twice"),
        "shard too short": (upload(document(), SHARD[:-1]), "model_file.shard_bytes"),
        "shard too long": (upload(document(), SHARD + b"\0"), "model_file.shard_bytes"),
        "shard misnamed and too short": (
            upload(document(), SHARD[:-4], "other.bin"),
            "model_file.shard_bytes",
        ),
        "shards missing": (path("a.bin", "b.bin"), "model_file.shards_missing"),
        "quantised by infinity": (quantized(dtype="uint8", scale=float("inf")), reach),
        "quantised by zero": (quantized(dtype="uint8", scale=0), reach),
        "quantised backwards": (quantized(dtype="uint16", scale=-1), reach),
        "quantised by text": (quantized(dtype="uint8", scale="1"), reach),
        "quantised from infinity": (quantized(dtype="uint8", min=float("inf")), reach),
        "quantised beyond float32": (quantized(dtype="uint16", scale=1e38), reach),
        "quantised to four bits": (quantized(dtype="uint4"), "model_file.quantization_dtype"),
        "quantised from float64": (
            quantized(dtype="uint8", original_dtype="float64"),
            "model_file.quantization_original",
        ),
    }


def functional(*layers: Any, outputs=(("b", 0, 0),)) -> dict[str, Any]:
    entry = {
        "class_name": "InputLayer",
        "name": "in",
        "config": {"name": "in", "batch_input_shape": [None, 3]},
        "inbound_nodes": [],
    }
    return {
        "class_name": "Functional",
        "config": {
            "name": "model",
            "layers": [entry, *layers],
            "input_layers": [["in", 0, 0]],
            "output_layers": [list(output) for output in outputs],
        },
    }


def relu(name: str, *sources: Any) -> dict[str, Any]:
    return {
        "class_name": "ReLU",
        "name": name,
        "config": {"name": name},
        "inbound_nodes": [[[source, 0, 0, {}] for source in sources]] if sources else [],
    }


def topology_cases() -> dict[str, Case]:
    def model(topology: Any) -> Files:
        return upload(document(topology=topology))

    def odd(class_name: str, **settings: Any) -> Files:
        return model(sequential(layer(class_name, **settings)))

    def nested(levels: int) -> dict[str, Any]:
        inner: dict[str, Any] = dense()
        for level in range(levels):
            inner = {
                "class_name": "Sequential",
                "config": {"name": f"m{level}", "layers": [inner]},
            }
        return inner

    code, custom = "model_file.layer_runs_code", "model_file.layer_custom"
    large, setting = "model_file.setting_large", "model_file.layer_setting"
    keras_call = [{"args": [{"class_name": "__numpy__", "config": {}}], "kwargs": {}}]
    return {
        "graph model": (
            upload({**document(), "format": "graph-model", "modelTopology": {"node": []}}),
            "model_file.graph_model",
        ),
        "no topology": (
            upload({"modelTopology": None, "weightsManifest": []}),
            "model_file.topology_missing",
        ),
        "config is null": (
            model({"class_name": "Sequential", "config": None}),
            "model_file.topology_missing",
        ),
        "layers are text": (
            model({"class_name": "Sequential", "config": {"layers": "Dense"}}),
            "model_file.topology_missing",
        ),
        "no layers": (
            model({"class_name": "Sequential", "config": {"layers": []}}),
            "model_file.no_layers",
        ),
        "class name is a number": (
            model({"class_name": 7, "config": {}}),
            "model_file.layer_entry",
        ),
        "model with code of its own": (
            model({"class_name": "MyModel", "config": {"layers": []}}),
            "model_file.model_class",
        ),
        "layer is a number": (model(sequential(7)), "model_file.layer_entry"),
        "layer without a config": (
            model(sequential({"class_name": "Dense"})),
            "model_file.layer_entry",
        ),
        "layer without a name": (
            model(sequential({"class_name": "ReLU", "config": {}})),
            "model_file.layer_name",
        ),
        "layer with a name of a megabyte": (
            odd("ReLU", name="x" * 1_000_000),
            "model_file.layer_name",
        ),
        "two layers of one name": (
            model(sequential(dense(), dense())),
            "model_file.layer_twice",
        ),
        "two nested layers of one name": (
            model(
                sequential(
                    *(
                        {"class_name": "Sequential", "config": {"name": n, "layers": [dense()]}}
                        for n in "ab"
                    )
                )
            ),
            "model_file.layer_twice",
        ),
        "six thousand layers": (
            model(sequential(*(layer("ReLU", name=f"r{i}") for i in range(6000)))),
            "model_file.too_many_layers",
        ),
        "models nested 60 deep": (model(nested(60)), "model_file.json_deep"),
        "Lambda": (odd("Lambda", function=["4wEA", None, None]), code),
        "Lambda in a nested model": (
            model(
                sequential(
                    {
                        "class_name": "Sequential",
                        "config": {"name": "n", "layers": [layer("Lambda")]},
                    }
                )
            ),
            code,
        ),
        "Lambda in TimeDistributed": (odd("TimeDistributed", layer=layer("Lambda")), code),
        "Lambda in Bidirectional": (odd("Bidirectional", layer=layer("Lambda")), code),
        "TFSMLayer": (odd("TFSMLayer", filepath="/tmp/model"), code),  # noqa: S108
        "TFOpLambda": (odd("TFOpLambda", function="io.read_file"), code),
        "cell of its own": (odd("RNN", cell=layer("MyCell")), "model_file.layer_class"),
        "unknown layer": (odd("EvilLayer"), "model_file.layer_class"),
        "layer of the package os": (
            model(sequential({**layer("ReLU"), "module": "os", "registered_name": "system"})),
            custom,
        ),
        "layer that was registered": (
            model(sequential({**layer("ReLU"), "registered_name": "pkg>ReLU"})),
            custom,
        ),
        "unknown activation": (odd("Activation", activation="eval"), "model_file.activation"),
        "activation that is code": (
            odd("Activation", activation={"class_name": "__lambda__", "config": {"value": "4wEA"}}),
            "model_file.activation",
        ),
        "circle": (
            model(functional(relu("a", "b"), relu("b", "a"))),
            "model_file.graph_circle",
        ),
        "layer that feeds itself": (model(functional(relu("b", "b"))), "model_file.graph_circle"),
        "layer without an input": (model(functional(relu("b"))), "model_file.layer_unused"),
        "input that is not there": (
            model(functional(relu("b", "ghost"))),
            "model_file.layer_unknown_input",
        ),
        "output that is not there": (
            model(functional(relu("b", "in"), outputs=[("ghost", 0, 0)])),
            "model_file.layer_unknown_input",
        ),
        "call that is not there": (
            model(functional(relu("b", "in"), outputs=[("b", 0, 0), ("b", 9, 0)])),
            "model_file.layer_unknown_input",
        ),
        "outputs missing": (
            model(functional(relu("b", "in"), outputs=())),
            "model_file.graph_ends",
        ),
        "joint is a number": (
            model(functional({**relu("b"), "inbound_nodes": [[7]]})),
            "model_file.joint",
        ),
        "joint to a negative call": (
            model(functional({**relu("b"), "inbound_nodes": [[["in", -1, 0, {}]]]})),
            "model_file.joint",
        ),
        "joint that passes an argument": (
            model(functional({**relu("b"), "inbound_nodes": [[["in", 0, 0, {"mask": ["in"]}]]]})),
            "model_file.call_argument",
        ),
        "joint that passes a constant": (
            model(functional({**relu("b"), "inbound_nodes": keras_call})),
            "model_file.call_argument",
        ),
        "input of a billion rows": (
            model(sequential(dense(), shape=(None, 10**9))),
            "model_file.input_shape",
        ),
        "input of a terabyte": (
            model(sequential(dense(), shape=(None, 10**6, 10**6))),
            "model_file.input_shape",
        ),
        "input of text": (
            model(sequential(dense(), shape=(None, "3"))),
            "model_file.input_shape",
        ),
        "repeated 10^12 times": (odd("RepeatVector", n=10**12), large),
        "padded by a billion": (odd("ZeroPadding2D", padding=[[0, 10**9], [0, 0]]), large),
        "enlarged a million times": (odd("UpSampling2D", size=[10**6, 10**6]), large),
        "reshaped to a terabyte": (odd("Reshape", target_shape=[10**6, 10**6]), large),
        "resized to a million": (odd("Resizing", height=10**6, width=10**6), large),
        "setting of ten megabytes": (odd("ReLU", extra="x" * 10_000_000), large),
        "units are text": (model(sequential(dense(units="2"))), setting),
        "units are true": (model(sequential(dense(units=True))), setting),
        "kernel size missing": (odd("Conv2D", filters=2), setting),
        "wrapper around nothing": (odd("TimeDistributed"), setting),
        "units of another model": (
            model(sequential(dense(units=10**9))),
            "model_file.weight_contradicts",
        ),
        "weights of another layer": (
            model(sequential(dense(name="other"))),
            "model_file.weights_missing",
        ),
        "time as the first axis": (odd("LSTM", units=2, time_major=True), "model_file.time_major"),
        "directions that differ": (
            odd("Bidirectional", layer=layer("GRU", units=2), backward_layer=layer("GRU", units=3)),
            "model_file.bidirectional",
        ),
        "merged by a function": (odd("Merge", mode="<lambda>"), "model_file.merge_mode"),
    }


def hdf5(fill: Callable[[h5py.File], None], *, config: Any = "good", **options: Any) -> bytes:
    """Return an .h5 file of the dense model that `fill` has spoilt."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", **options) as file:
        if config == "good":
            config = json.dumps(sequential(dense()))
        if config is not None:
            file.attrs["model_config"] = config
        file.attrs["keras_version"] = "2.2.4"
        group = file.create_group("model_weights/dense")
        group.attrs["weight_names"] = [b"dense/kernel:0", b"dense/bias:0"]
        group["dense/kernel:0"] = np.zeros((3, 2), "f4")
        fill(file)
        if "dense/bias:0" not in group:
            group["dense/bias:0"] = np.zeros(2, "f4")
    return buffer.getvalue()


def hdf5_cases() -> dict[str, Case]:
    def bias(file: h5py.File, *args: Any, **kwargs: Any) -> None:
        file["model_weights/dense/dense"].create_dataset("bias:0", *args, **kwargs)

    def link(target: Any) -> bytes:
        return hdf5(lambda file: file.__setitem__("model_weights/dense/dense/bias:0", target))

    def virtual(file: h5py.File) -> None:
        layout = h5py.VirtualLayout((2,), "f4")
        layout[:] = h5py.VirtualSource("/etc/hostname", "data", (2,))
        file["model_weights/dense/dense"].create_virtual_dataset("bias:0", layout)

    def external(file: h5py.File) -> None:
        bias(file, shape=(2,), dtype="f4", external=[("/etc/passwd", 0, 8)])

    def circle(file: h5py.File) -> None:
        file["model_weights/dense/again"] = file["model_weights"]

    def deep(file: h5py.File) -> None:
        file.create_group("a/" * 100)

    def many_names(file: h5py.File) -> None:
        file["big"] = np.ones(5_000_000, "f4")
        for number in range(40):
            file[f"name{number}"] = file["big"]

    def unwritten(file: h5py.File, shape: tuple[int, ...], **options: Any) -> None:
        file["model_weights/dense/dense"].create_dataset(
            "bias:0", shape=shape, dtype="f4", **options
        )

    def objects(file: h5py.File) -> None:
        bias(file, data=np.array([b"a", b"bb"], object), dtype=h5py.special_dtype(vlen=bytes))

    def compound(file: h5py.File) -> None:
        bias(file, data=np.zeros(2, [("a", "f4"), ("b", "f4")]))

    def references(file: h5py.File) -> None:
        bias(file, data=np.array([file.ref, file.ref], h5py.ref_dtype), dtype=h5py.ref_dtype)

    good = hdf5(lambda file: None)
    lambda_config = json.dumps(sequential(layer("Lambda")))
    broken, kind = "model_file.hdf5_broken", "model_file.hdf5_type"
    files: dict[str, tuple[bytes, str]] = {
        "external link": (link(h5py.ExternalLink("/etc/other.h5", "/")), "model_file.hdf5_link"),
        "soft link": (link(h5py.SoftLink("/model_weights")), "model_file.hdf5_link"),
        "soft link to nothing": (link(h5py.SoftLink("/nowhere")), "model_file.hdf5_link"),
        "virtual dataset": (hdf5(virtual), "model_file.hdf5_external"),
        "external storage": (_hdf5_on_disk(external), "model_file.hdf5_external"),
        "variable-length strings": (hdf5(objects), kind),
        "references": (hdf5(references), kind),
        "compound numbers": (hdf5(compound), kind),
        "fixed strings": (hdf5(lambda f: bias(f, data=np.array([b"ab", b"cd"]))), kind),
        "complex numbers": (hdf5(lambda f: bias(f, data=np.zeros(2, "c8"))), kind),
        "named type": (hdf5(lambda f: f.__setitem__("type", np.dtype("f4"))), kind),
        "rank 20": (hdf5(lambda f: bias(f, data=np.zeros((1,) * 20, "f4"))), kind),
        "gzip bomb": (
            hdf5(lambda f: bias(f, data=np.zeros(50_000_000, "f4"), compression="gzip")),
            "model_file.hdf5_bomb",
        ),
        "a terabyte never written": (
            hdf5(lambda f: unwritten(f, (10**6, 250_000), chunks=(1000, 1000))),
            "model_file.hdf5_large",
        ),
        "200 MB never written": (
            hdf5(lambda f: unwritten(f, (50_000_000,))),
            "model_file.hdf5_bomb",
        ),
        "chunk of 100 MB": (
            hdf5(
                lambda f: unwritten(f, (2,), maxshape=(None,), chunks=(25_000_000,)),
            ),
            "model_file.hdf5_large",
        ),
        "lzf filter": (
            hdf5(lambda f: bias(f, data=np.zeros(2, "f4"), compression="lzf", chunks=(2,))),
            "model_file.hdf5_filter",
        ),
        "forty names for one dataset": (hdf5(many_names), "model_file.hdf5_loop"),
        "groups in a circle": (hdf5(circle), "model_file.hdf5_loop"),
        "groups 100 deep": (hdf5(deep), "model_file.hdf5_loop"),
        "hdf5 cut in half": (good[: len(good) // 2], broken),
        "hdf5 signature alone": (good[:8], broken),
        "hdf5 of noise": (good[:8] + np.random.default_rng(0).bytes(5000), broken),
        "weights alone": (hdf5(lambda f: None, config=None), "model_file.weights_only"),
        "config no json": (hdf5(lambda f: None, config="{"), "model_file.json_broken"),
        "config of 20 MB": (
            hdf5(lambda f: None, config='"' + "x" * 20_000_000 + '"'),
            "model_file.json_large",
        ),
        "config with Lambda": (
            hdf5(lambda f: None, config=lambda_config),
            "model_file.layer_runs_code",
        ),
        "bias of another shape": (
            hdf5(lambda f: bias(f, data=np.zeros(3, "f4"))),
            "model_file.weight_contradicts",
        ),
        "bias beyond int32": (
            hdf5(lambda f: bias(f, data=np.array([2**40, 0]))),
            "model_file.integer_range",
        ),
        "bias beyond float32": (
            hdf5(lambda f: bias(f, data=np.array([1e300, 0]))),
            "model_file.float_range",
        ),
    }
    return {name: ({"model.h5": content}, code) for name, (content, code) in files.items()}


def _hdf5_on_disk(fill: Callable[[h5py.File], None]) -> bytes:
    """Return an .h5 file that HDF5 only writes to a real file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.h5"
        with h5py.File(path, "w") as file:
            file.create_group("model_weights/dense/dense")
            fill(file)
        return path.read_bytes()


def archive(
    files: dict[str, bytes] | list[tuple[Any, bytes]], method=zipfile.ZIP_DEFLATED
) -> bytes:
    buffer = io.BytesIO()
    pairs = files.items() if isinstance(files, dict) else files
    with zipfile.ZipFile(buffer, "w", method) as zipped:
        for member, content in pairs:
            zipped.writestr(member, content)
    return buffer.getvalue()


def zip_cases() -> dict[str, Case]:
    good = good_files()
    link = zipfile.ZipInfo("weights.bin")
    link.external_attr = 0o120777 << 16
    plain = archive(good)
    encrypted = bytearray(plain)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = encrypted.find(signature)
        while start >= 0:
            encrypted[start + offset] |= 1
            start = encrypted.find(signature, start + 1)
    lying = bytearray(archive({**good, "zeros.bin": bytes(100_000_000)}))
    entry = lying.rfind(b"PK\x01\x02")
    struct.pack_into("<I", lying, entry + 24, 10)
    unknown = bytearray(plain)
    struct.pack_into("<H", unknown, unknown.find(b"PK\x01\x02") + 10, 99)
    twice = archive([("model.json", good["model.json"]), ("MODEL.json", good["model.json"])])
    path, bomb = "model_file.zip_path", "model_file.zip_bomb"
    broken = "model_file.zip_broken"
    files: dict[str, tuple[bytes, str]] = {
        "zip to the parent": (archive({**good, "../evil": b""}), path),
        "zip to the parent, backslash": (archive({**good, "..\\evil": b""}), path),
        "zip absolute": (archive({**good, "/etc/evil": b""}), path),
        "zip on a drive": (archive({**good, "C:/evil": b""}), path),
        "zip with a link": (
            archive([("model.json", good["model.json"]), (link, b"/etc/passwd")]),
            "model_file.zip_link",
        ),
        "zip with a name twice": (twice, "model_file.zip_duplicate"),
        "zip encrypted": (bytes(encrypted), "model_file.zip_encrypted"),
        "zip bomb": (archive({**good, "zeros.bin": bytes(200_000_000)}), bomb),
        "zip that lies about its size": (bytes(lying), broken),
        "zip of a gigabyte": (
            archive({**good, **{f"{i}.bin": bytes(100_000_000) for i in range(3)}}),
            "model_file.zip_large",
        ),
        "zip of 5000 files": (
            archive({f"{i}.bin": b"" for i in range(5000)}),
            "model_file.zip_members",
        ),
        "zip with an unknown method": (bytes(unknown), broken),
        "zip cut off": (plain[: len(plain) // 2], broken),
        "zip without a directory": (b"PK\x03\x04" + bytes(100), broken),
        "zip with a broken checksum": (
            archive(good, zipfile.ZIP_STORED).replace(SHARD[:8], SHARD[8:16], 1),
            broken,
        ),
        "zip in a zip": (archive({"inner.zip": plain}), "model_file.no_model"),
        "keras archive in a zip": (
            archive({"model.keras": plain}),
            "model_file.nested_archive",
        ),
        "zip of two models": (
            archive({**good, **{f"b/{name}": content for name, content in good.items()}}),
            "model_file.several_models",
        ),
        "zip of nothing": (archive({}), "model_file.no_model"),
    }
    return {name: ({"model.zip": content}, code) for name, (content, code) in files.items()}


def keras_cases() -> dict[str, Case]:
    def store(fill: Callable[[h5py.File], None] = lambda file: None) -> bytes:
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            variables = file.create_group("layers/dense/vars")
            variables["0"] = np.zeros((3, 2), "f4")
            variables["1"] = np.zeros(2, "f4")
            fill(file)
        return buffer.getvalue()

    def linked(file: h5py.File) -> None:
        del file["layers/dense/vars/1"]
        file["layers/dense/vars/1"] = h5py.ExternalLink("/etc/other.h5", "/")

    def keras(config: Any = None, weights: bytes | None = None) -> bytes:
        text = json.dumps(sequential(dense()) if config is None else config).encode()
        return archive({"config.json": text, "model.weights.h5": weights or store()})

    npz = io.BytesIO()
    np.savez(npz, a=np.array([{}], object))
    config = json.dumps(sequential(dense())).encode()
    files = {
        "keras with Lambda": (
            keras(sequential(layer("Lambda"))),
            "model_file.layer_runs_code",
        ),
        "keras with a module": (
            keras({**sequential(dense()), "module": "subprocess", "registered_name": "Popen"}),
            "model_file.layer_custom",
        ),
        "keras without weights": (
            archive({"config.json": config}),
            "model_file.no_model",
        ),
        "keras with pickled weights": (
            archive({"config.json": config, "model.weights.npz": npz.getvalue()}),
            "model_file.no_model",
        ),
        "keras with weights of noise": (keras(weights=b"noise"), "model_file.hdf5_broken"),
        "keras with an external link": (keras(weights=store(linked)), "model_file.hdf5_link"),
        "keras with weights missing": (
            keras(sequential(dense(), dense("second"))),
            "model_file.weights_missing",
        ),
        "keras config no json": (
            archive({"config.json": b"{", "model.weights.h5": store()}),
            "model_file.json_broken",
        ),
    }
    return {name: ({"model.keras": content}, code) for name, (content, code) in files.items()}


def other_cases() -> dict[str, Case]:
    unknown = "model_file.format_unknown"
    files = {
        "empty": b"",
        "text": b"not a model",
        "noise": np.random.default_rng(1).bytes(100_000),
        "pickle": pickle.dumps({"weights": [1, 2, 3]}),
        "picture": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "tflite": b"\x1c\x00\x00\x00TFL3" + bytes(100),
    }
    return {f"file of {name}": ({"model.h5": content}, unknown) for name, content in files.items()}


def damaged_files(count: int) -> dict[str, Files]:
    """Return good files with a few bytes changed at random; most are still readable or refused."""
    good = {"model.h5": hdf5(lambda file: None), "model.zip": archive(good_files())}
    damaged = {}
    for number in range(count):
        rng = np.random.default_rng(number)
        for name, content in good.items():
            changed = bytearray(content)
            for place in rng.integers(0, len(content), size=rng.choice([1, 2, 8, 64])):
                changed[place] = rng.choice([0, 255, int(rng.integers(256))])
            damaged[f"{name} damaged {number}"] = {name: bytes(changed)}
    return damaged


def all_cases() -> dict[str, Case]:
    return {
        **json_cases(),
        **manifest_cases(),
        **topology_cases(),
        **hdf5_cases(),
        **zip_cases(),
        **keras_cases(),
        **other_cases(),
    }
