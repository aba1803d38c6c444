from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from core.errors import ModelError
from core.pretrained.architectures import expected_shapes
from core.pretrained.identify import identify
from core.pretrained.keras_weights import match_weights, read_keras_weights

Arrays = dict[str, np.ndarray]
Writers = dict[str, Callable[..., Path]]


def assert_found(path: Path, arrays: Arrays, *, size_px: int = 224) -> None:
    found = identify(read_keras_weights(path), name=path.name)
    assert (found.architecture.name, found.alpha, found.classes) == ("mobilenet_v1", 0.25, 1000)
    assert found.input_size_px == size_px
    assert list(found.arrays) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array)


def test_weights_of_keras_2_are_found_by_name(
    mobilenet: Arrays, writers: Writers, tmp_path: Path
) -> None:
    assert_found(writers["h5"](tmp_path / "weights.h5", mobilenet), mobilenet)


def test_a_whole_model_says_how_large_its_pictures_are(
    mobilenet: Arrays, writers: Writers, tmp_path: Path
) -> None:
    config = {"config": {"layers": [{"config": {"batch_input_shape": [None, 160, 160, 3]}}]}}
    path = writers["h5"](tmp_path / "model.h5", mobilenet, whole=True, config=config)
    assert_found(path, mobilenet, size_px=160)


def test_keras_3_calls_the_depthwise_kernel_a_kernel(
    mobilenet: Arrays, writers: Writers, tmp_path: Path
) -> None:
    path = writers["h5"](tmp_path / "model.h5", mobilenet, whole=True, suffix="")
    with h5py.File(path, "r+") as file:
        for group in file["model_weights"].values():
            names = list(group.attrs["weight_names"].astype(str))
            for name in names:
                if name.endswith("depthwise_kernel"):
                    group.move(name, name.replace("depthwise_kernel", "kernel"))
            group.attrs["weight_names"] = [n.replace("depthwise_kernel", "kernel") for n in names]
    assert_found(path, mobilenet)


def test_files_with_other_names_are_read_in_their_order(
    mobilenet: Arrays, writers: Writers, tmp_path: Path
) -> None:
    number = iter(range(100))
    path = writers["h5"](tmp_path / "w.h5", mobilenet, rename=lambda _layer: f"l{next(number)}")
    assert_found(path, mobilenet)


def test_a_keras_archive_is_read_by_class_and_number(
    mobilenet: Arrays, writers: Writers, tmp_path: Path
) -> None:
    assert_found(
        writers["keras"](tmp_path / "m.keras", mobilenet, size_px=192), mobilenet, size_px=192
    )


def test_the_weights_file_of_keras_3_is_read(
    mobilenet: Arrays, writers: Writers, tmp_path: Path
) -> None:
    archive = zipfile.ZipFile(writers["keras"](tmp_path / "m.keras", mobilenet))
    with archive:
        (tmp_path / "m.weights.h5").write_bytes(archive.read("model.weights.h5"))
    assert_found(tmp_path / "m.weights.h5", mobilenet)


def test_a_tensorflow_js_folder_is_read_whatever_the_order_of_its_weights(
    mobilenet: Arrays, writers: Writers, tmp_path: Path
) -> None:
    assert_found(writers["tfjs"](tmp_path / "web", mobilenet), mobilenet)


def test_early_mobilenet_v3_names_are_known(writers: Writers, tmp_path: Path) -> None:
    def early(layer: str) -> str:
        for plain in ("squeeze_excite", "expand", "depthwise", "project"):
            layer = layer.replace(f"_{plain}", f"/{plain}")
        return layer.replace("_bn", "/BatchNorm").replace("excite_conv", "excite/Conv")

    shapes = expected_shapes("mobilenet_v3_large", 1.0, 10)
    arrays = {
        name: np.full(shape, number, np.float32)
        for number, (name, shape) in enumerate(shapes.items())
    }
    # In another order, so that only the names can tell.
    shuffled = dict(sorted(arrays.items()))
    path = writers["h5"](tmp_path / "v3.h5", shuffled, rename=early)
    stored = read_keras_weights(path)
    assert "expanded_conv_3/squeeze_excite/Conv" in stored.layers
    found = identify(stored, name="v3.h5")
    assert found.classes == 10
    for name, array in arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array)


@pytest.mark.parametrize(
    ("family", "alpha"),
    [
        ("mobilenet_v1", 0.5),
        ("mobilenet_v1", 0.75),
        ("mobilenet_v1", 1.0),
        ("mobilenet_v2", 0.35),
        ("mobilenet_v2", 1.0),
        ("mobilenet_v2", 1.4),
        ("mobilenet_v3_large", 0.75),
        ("mobilenet_v3_large", 1.0),
    ],
)
@pytest.mark.parametrize("classes", [2, 1000])
def test_the_width_and_the_classes_follow_from_the_shapes(
    family: str, alpha: float, classes: int, writers: Writers, tmp_path: Path
) -> None:
    shapes = expected_shapes(family, alpha, classes)
    arrays = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
    found = identify(read_keras_weights(writers["h5"](tmp_path / "m.h5", arrays)), name="m.h5")
    assert (found.architecture.name, found.alpha, found.classes) == (family, alpha, classes)


def test_the_articles_model_is_the_same_from_both_of_its_files(shared_data: Path) -> None:
    folder = shared_data / "mobilenet_v1_025_224"
    first, second = (
        identify(read_keras_weights(folder / name), name=name) for name in ("keras.h5", "web_model")
    )
    assert (first.alpha, first.classes, first.input_size_px) == (0.25, 1000, 224)
    for name, array in first.arrays.items():
        np.testing.assert_array_equal(second.arrays[name], array)


def refused(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        identify(read_keras_weights(path), name=path.name)
    return caught.value.code


def test_other_networks_are_refused(mobilenet: Arrays, writers: Writers, tmp_path: Path) -> None:
    without_top = {k: v for k, v in mobilenet.items() if not k.startswith("conv_preds")}
    with_more = mobilenet | {"head/kernel": np.ones((1000, 2), np.float32)}
    swapped = dict(mobilenet)
    swapped["conv1_bn/gamma"] = np.ones((2, 4), np.float32)
    infinite = dict(mobilenet)
    infinite["conv1_bn/beta"] = np.full(8, np.inf, np.float32)
    whole_numbers = dict(mobilenet)
    whole_numbers["conv1_bn/beta"] = np.ones(8, np.int32)
    for number, arrays in enumerate((without_top, with_more, swapped, infinite, whole_numbers)):
        path = writers["h5"](tmp_path / f"{number}.h5", arrays)
        assert refused(path) == "pretrained.unknown_architecture"


def test_an_input_that_the_network_cannot_take_is_refused(
    mobilenet: Arrays, writers: Writers, tmp_path: Path
) -> None:
    for size_px in (225, 4096):
        path = writers["keras"](tmp_path / f"{size_px}.keras", mobilenet, size_px=size_px)
        assert refused(path) == "pretrained.input_size"


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 nothing", b"\x89HDF\r\n\x1a\nx"])
def test_files_that_are_no_models_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    path.write_bytes(content)
    assert refused(path).split(".")[0] in ("pretrained", "model_file")


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    assert refused(tmp_path / "gone.h5") == "pretrained.file_unreadable"
    (tmp_path / "folder").mkdir()
    assert refused(tmp_path / "folder") == "pretrained.file_unreadable"
    (tmp_path / "folder" / "model.json").write_text("[]")
    assert refused(tmp_path / "folder") == "pretrained.not_keras"


def test_a_folder_cannot_name_files_outside_itself(
    mobilenet: Arrays, writers: Writers, tmp_path: Path
) -> None:
    folder = writers["tfjs"](tmp_path / "web", mobilenet)
    (folder / "shard2").rename(tmp_path / "shard2")
    document = (folder / "model.json").read_text()
    (folder / "model.json").write_text(document.replace("shard2", "../shard2"))
    assert refused(folder).startswith("model_file.")


def test_links_out_of_a_file_are_not_followed(
    mobilenet: Arrays, writers: Writers, tmp_path: Path
) -> None:
    writers["h5"](tmp_path / "secret.h5", mobilenet)
    path = writers["h5"](tmp_path / "m.h5", mobilenet)
    with h5py.File(path, "r+") as file:
        del file["conv1"]
        file["conv1"] = h5py.ExternalLink("secret.h5", "/conv1")
    assert refused(path).startswith("model_file.")


def test_matching_refuses_other_shapes(mobilenet: Arrays, writers: Writers, tmp_path: Path) -> None:
    stored = read_keras_weights(writers["h5"](tmp_path / "m.h5", mobilenet))
    assert match_weights(stored, expected_shapes("mobilenet_v1", 0.25, 999)) is None
    assert match_weights(stored, expected_shapes("mobilenet_v1", 0.5, 1000)) is None
