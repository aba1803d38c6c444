from __future__ import annotations

import hashlib
import importlib.util
import math
import re

import pytest

from core.pretrained.architectures import ARCHITECTURES, expected_shapes
from core.pretrained.catalog import load_catalog, parse_catalog
from core.pretrained.labels import labels
from core.pretrained.sources import _packaged_path

ENTRY = """
[m]
title = "M"
architecture = "mobilenet_v1"
alpha = 0.25
labels = "imagenet"
parameters = 1
licence = "Apache-2.0"
accuracy_top1 = 0.5
accuracy_source = "somebody"
[m.preprocessing]
input_size_px = 224
resize = "center_crop"
crop_fraction = 1.0
interpolation = "bicubic"
offset = 127.5
scale = 127.5
"""
DOWNLOAD = """
[m.download]
url = "https://host.invalid/folder/m.h5"
size_bytes = 1000
exact_size = false
"""


def test_the_catalogue_lists_the_models_that_the_project_promises() -> None:
    assert list(load_catalog()) == [
        "efficientnet-lite0",
        "mobilenet-v1-025",
        "mobilenet-v1-050",
        "mobilenet-v1-075",
        "mobilenet-v1-100",
        "mobilenet-v2",
        "mobilenet-v3-large",
    ]


def test_every_entry_has_the_parameters_of_its_architecture() -> None:
    for entry in load_catalog().values():
        shapes = expected_shapes(entry.architecture, entry.alpha, len(labels(entry.labels)))
        assert sum(map(math.prod, shapes.values())) == entry.parameters, entry.model_id


def test_every_address_is_an_official_one_over_https_with_a_size_that_fits() -> None:
    for entry in load_catalog().values():
        if entry.download is None:
            continue
        base = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet"
        assert entry.download.url.startswith(base)
        # The rest of the file is HDF5's own book-keeping.
        overhead = entry.download.size_bytes - 4 * entry.parameters
        assert 0 < overhead < 700_000, entry.model_id


def test_the_addresses_are_those_of_the_installed_keras() -> None:
    keras = importlib.util.find_spec("keras")
    assert keras is not None
    assert keras.submodule_search_locations is not None
    folder = keras.submodule_search_locations[0] + "/src/applications"
    for entry in load_catalog().values():
        if entry.download is not None:
            module = entry.architecture.removesuffix("_large").removesuffix("_v1")
            with open(f"{folder}/{module}.py") as file:
                base = re.search(r'"(https://storage[^"]+/)"', file.read())
            assert base is not None
            assert entry.download.url.rsplit("/", 1)[0] + "/" == base[1]


def test_the_installed_package_is_the_one_that_is_pinned() -> None:
    package = load_catalog()["efficientnet-lite0"].package
    assert package is not None
    path = _packaged_path(package)
    assert path is not None
    content = path.read_bytes()
    assert len(content) == package.size_bytes
    assert f"sha256:{hashlib.sha256(content).hexdigest()}" == package.digest


def test_an_estimated_size_leaves_room_and_an_exact_one_does_not() -> None:
    entries = load_catalog()
    estimated, exact = entries["mobilenet-v1-025"].download, entries["mobilenet-v2"].download
    assert estimated is not None
    assert exact is not None
    assert estimated.limit_bytes == estimated.size_bytes * 3 // 2
    assert exact.limit_bytes == exact.size_bytes


def test_an_entry_is_read_with_its_file_name_and_family() -> None:
    entry = parse_catalog(ENTRY + DOWNLOAD)["m"]
    assert (entry.file_name, entry.family, entry.digest) == ("m.h5", "MobileNet V1", None)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (ENTRY, ValueError),
        (ENTRY.replace("alpha = 0.25", "alpha = 0.3") + DOWNLOAD, ValueError),
        (ENTRY.replace('title = "M"', 'colour = "M"') + DOWNLOAD, TypeError),
        (ENTRY.replace("mobilenet_v1", "resnet") + DOWNLOAD, KeyError),
        (ENTRY + DOWNLOAD.replace("exact_size", "exact"), TypeError),
    ],
)
def test_a_senseless_catalogue_is_a_mistake_that_shows(text: str, wrong: type[Exception]) -> None:
    with pytest.raises(wrong):
        parse_catalog(text)


def test_every_architecture_is_reached_by_the_catalogue() -> None:
    assert {entry.architecture for entry in load_catalog().values()} == set(ARCHITECTURES)
