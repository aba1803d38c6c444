from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile

import h5py
import numpy as np
import pytest

from core.errors import ModelError
from core.tfjs.read import read_model

LAYER = {
    "class_name": "Dense",
    "config": {"name": "dense", "units": 2, "batch_input_shape": [None, 3]},
}
MODEL = {"class_name": "Sequential", "config": {"name": "model", "layers": [LAYER]}}
VALUES = np.arange(8, dtype="<f4")
TFJS = {
    "model.json": json.dumps(
        {
            "modelTopology": MODEL,
            "weightsManifest": [
                {
                    "paths": ["weights.bin"],
                    "weights": [
                        {"name": "dense/kernel", "shape": [3, 2], "dtype": "float32"},
                        {"name": "dense/bias", "shape": [2], "dtype": "float32"},
                    ],
                }
            ],
        }
    ).encode(),
    "weights.bin": VALUES.tobytes(),
}


def h5() -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["model_config"] = json.dumps(MODEL)
        file["model_weights/dense/dense/kernel:0"] = VALUES[:6].reshape(3, 2)
        file["model_weights/dense/dense/bias:0"] = VALUES[6:]
    return buffer.getvalue()


def packed(files, prefix="") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(prefix + name, content)
    return buffer.getvalue()


def check(model):
    found = np.concatenate([array.ravel() for array in model.weights.values()])
    assert found.tobytes() == VALUES.tobytes()


def test_a_folder_is_read(tmp_path):
    for name, content in TFJS.items():
        (tmp_path / name).write_bytes(content)
    check(read_model(tmp_path))
    check(read_model(tmp_path / "model.json"))
    check(read_model(os.fspath(tmp_path)))


def test_a_path_with_spaces_and_letters_of_any_script_is_read(tmp_path):
    folder = tmp_path / "my 模型 folder"
    folder.mkdir()
    (folder / "a b.h5").write_bytes(h5())
    check(read_model(folder))
    check(read_model(folder / "a b.h5"))


def test_uploaded_files_are_read_together():
    check(read_model(TFJS))


def test_a_model_json_that_a_browser_renamed_is_read():
    renamed = {"model (1).json": TFJS["model.json"], "weights.bin": TFJS["weights.bin"]}
    check(read_model({**renamed, "notes.json": b'{"a": 1}'}))


@pytest.mark.parametrize("prefix", ["", "web_model/", "a/b/"])
def test_a_zip_is_read_wherever_the_model_lies_in_it(prefix):
    shadow = {f"__MACOSX/{prefix}._model.json": b"\x00\x05\x16\x07"}
    content = packed({prefix + name: value for name, value in TFJS.items()} | shadow)
    check(read_model(content))
    check(read_model({"model.zip": content}))


def test_an_h5_file_is_known_by_its_content_and_not_by_its_name():
    check(read_model({"model.keras": h5()}))
    check(read_model(h5(), name="anything"))
    check(read_model(packed({"model.h5": h5()})))


def test_an_unpacked_keras_archive_is_read(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(MODEL))
    with h5py.File(tmp_path / "model.weights.h5", "w") as file:
        file["layers/dense/vars/0"] = VALUES[:6].reshape(3, 2)
        file["layers/dense/vars/1"] = VALUES[6:]
    check(read_model(tmp_path))


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("/nowhere/model.h5", "no file or folder"),
        (b"", "no Keras or TensorFlow.js model"),
        (b"GIF89a", "no Keras or TensorFlow.js model"),
        ({}, "holds no Keras or TensorFlow.js model"),
        ({"a.txt": b"", "b.txt": b""}, "holds no Keras or TensorFlow.js model"),
        ({"a.h5": b"", "b.h5": b""}, "holds 2 models"),
    ],
)
def test_what_is_no_model_is_refused(source, sentence):
    with pytest.raises(ModelError, match=sentence):
        read_model(source)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ModelError, match="holds no Keras"):
        read_model(tmp_path)


def test_reading_imports_neither_tensorflow_nor_keras(tmp_path):
    (tmp_path / "model.h5").write_bytes(h5())
    program = (
        "import sys; from core.tfjs.read import read_model; read_model(sys.argv[1]);"
        "print(sorted({'tensorflow', 'keras', 'streamlit'} & set(sys.modules)))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout.strip() == "[]"
