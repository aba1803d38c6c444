from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import ModelError
from core.imaging.preprocess import Preprocessing
from core.inference.flatbuffer import to_litert
from core.inference.litert import LiteRtModel
from core.pretrained import convert as module
from core.pretrained.architectures import ARCHITECTURES
from core.pretrained.convert import Conversion, ConversionCache, convert, golden_input
from core.pretrained.labels import labels
from core.pretrained.truncate import FEATURE_MAP, FEATURES

Arrays = dict[str, np.ndarray]
PREPROCESSING = Preprocessing(input_size_px=96)


@pytest.fixture(scope="session")
def conversion() -> Conversion:
    architecture = ARCHITECTURES["mobilenet_v1"]
    return Conversion("0" * 64, architecture, 0.25, 1000, PREPROCESSING, labels("imagenet"))


@pytest.fixture
def cache(tmp_path: Path, conversion: Conversion, mobilenet: Arrays) -> ConversionCache:
    cache = ConversionCache(tmp_path / "cache")
    assert cache.load(conversion) is None
    assert not cache.holds(conversion)
    assert cache.save(conversion, *convert(conversion, mobilenet))
    assert cache.holds(conversion)
    return cache


def test_the_logits_are_the_classifier_on_the_embedding(
    conversion: Conversion, mobilenet: Arrays
) -> None:
    converted, _content = convert(conversion, mobilenet)
    assert converted.classifier_kernel is not None
    assert converted.classifier_bias is not None
    out = converted.model.run(golden_input(0, 96))
    expected = out["embedding"] @ converted.classifier_kernel + converted.classifier_bias
    np.testing.assert_allclose(out["logits"], expected, atol=1e-4)
    np.testing.assert_allclose(out["embedding"], out["feature_map"].mean((1, 2)), atol=1e-5)
    np.testing.assert_allclose(out["probabilities"].sum(), 1, atol=1e-5)
    assert out["feature_map"].shape == (1, 3, 3, 256)


def test_a_cached_model_is_the_same_model(
    cache: ConversionCache, conversion: Conversion, mobilenet: Arrays
) -> None:
    first, _content = convert(conversion, mobilenet)
    second = cache.load(conversion)
    assert second is not None
    picture = golden_input(5, 96)
    for name, values in first.model.run(picture).items():
        np.testing.assert_array_equal(second.model.run(picture)[name], values)
    np.testing.assert_array_equal(second.classifier_kernel, first.classifier_kernel)


def folder(cache: ConversionCache, conversion: Conversion) -> Path:
    return cache._folder / conversion.key


def test_the_contract_names_what_others_need(
    cache: ConversionCache, conversion: Conversion
) -> None:
    contract = json.loads((folder(cache, conversion) / "contract.json").read_text())
    assert contract["preprocessing"] == PREPROCESSING.to_dict()
    assert [pair["input"] for pair in contract["golden"]] == [0, 1]
    assert contract["golden"][0]["logits"] != contract["golden"][1]["logits"]


def test_a_model_that_predicts_something_else_is_not_used(
    cache: ConversionCache, conversion: Conversion
) -> None:
    path = folder(cache, conversion) / "contract.json"
    contract = json.loads(path.read_text())
    contract["golden"][0]["logits"][7] += 0.1
    path.write_text(json.dumps(contract))
    assert cache.load(conversion) is None


@pytest.mark.parametrize("name", ["model.tflite", "classifier.npz", "contract.json"])
def test_a_damaged_or_missing_file_is_not_used(
    cache: ConversionCache, conversion: Conversion, name: str
) -> None:
    path = folder(cache, conversion) / name
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert cache.load(conversion) is None
    path.unlink()
    assert cache.load(conversion) is None


@pytest.mark.parametrize("contract", ["{}", "[]", "null", '{"golden": []}'])
def test_a_senseless_contract_is_not_used(
    cache: ConversionCache, conversion: Conversion, contract: str
) -> None:
    (folder(cache, conversion) / "contract.json").write_text(contract)
    assert cache.load(conversion) is None


def test_other_labels_or_preprocessing_make_the_cache_stale(
    cache: ConversionCache, conversion: Conversion
) -> None:
    from dataclasses import replace

    assert cache.load(replace(conversion, labels=conversion.labels[::-1])) is None
    other = replace(PREPROCESSING, offset=0.0)
    assert cache.load(replace(conversion, preprocessing=other)) is None
    assert cache.load(conversion) is not None


def test_other_weights_and_versions_have_other_places(
    conversion: Conversion, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    key = conversion.key
    assert replace(conversion, weights_sha256="1" * 64).key != key
    assert replace(conversion, preprocessing=Preprocessing(input_size_px=128)).key != key
    monkeypatch.setattr(module, "CONVERSION_VERSION", 2)
    assert conversion.key != key


def test_saving_again_replaces_all_and_leaves_no_drafts(
    cache: ConversionCache, conversion: Conversion, mobilenet: Arrays
) -> None:
    (folder(cache, conversion) / "contract.json").write_text("damaged")
    assert cache.save(conversion, *convert(conversion, mobilenet))
    assert cache.load(conversion) is not None
    assert os.listdir(cache._folder) == [conversion.key]


def test_a_cache_that_cannot_be_written_says_so(
    tmp_path: Path, conversion: Conversion, mobilenet: Arrays
) -> None:
    (tmp_path / "taken").write_text("a file")
    cache = ConversionCache(tmp_path / "taken")
    assert cache.save(conversion, *convert(conversion, mobilenet)) is False
    assert cache.load(conversion) is None


def test_weights_that_are_missing_or_misshapen_are_named(
    conversion: Conversion, mobilenet: Arrays
) -> None:
    without = {name: array for name, array in mobilenet.items() if name != "conv_dw_3_bn/gamma"}
    with pytest.raises(ModelError, match="conv_dw_3_bn/gamma") as caught:
        convert(conversion, without)
    assert caught.value.code == "pretrained.weight_missing"
    with pytest.raises(ModelError, match=r"\[8\]") as caught:
        convert(conversion, mobilenet | {"conv1_bn/beta": np.zeros(9, np.float32)})
    assert caught.value.code == "pretrained.weight_shape"


def test_golden_inputs_are_pictures_that_never_change() -> None:
    first, second = golden_input(0, 64), golden_input(1, 64)
    assert first.shape == (1, 64, 64, 3)
    assert first.dtype == np.float32
    assert first.min() == -1
    assert first.max() == 127 / 128
    assert not np.array_equal(first, second)
    assert first[0, 5, 7, 1] * 128 + 128 == (7 * 3 + 5 * 7) % 256


@pytest.mark.parametrize(
    ("layer", "pooled", "shape"),
    [("embedding", True, (256,)), ("conv_pw_13_relu", True, (256,)), ("conv_dw_7_relu", False, ())],
)
def test_a_cut_network_makes_what_the_whole_one_makes_there(
    tmp_path: Path,
    conversion: Conversion,
    mobilenet: Arrays,
    layer: str,
    pooled: bool,
    shape: tuple[int, ...],
) -> None:
    cut = replace(conversion, layer=layer, pooled=pooled)
    assert cut.key != conversion.key
    converted, content = convert(cut, mobilenet)
    cache = ConversionCache(tmp_path / "cut")
    assert cache.save(cut, converted, content)
    cached = cache.load(cut)
    assert cached is not None
    picture = golden_input(3, 96)
    outputs = cached.model.run(picture)
    network = module.build_network(conversion, mobilenet)
    expected = LiteRtModel(to_litert(network, outputs=[layer])).run(picture)[layer]
    if expected.ndim == 4 and pooled:
        np.testing.assert_allclose(outputs[FEATURE_MAP], expected, atol=1e-5)
        expected = expected.mean((1, 2))
    np.testing.assert_allclose(outputs[FEATURES], expected, atol=1e-5)
    assert outputs[FEATURES].shape[1:] == (shape or network.output_shape(layer))


def test_a_layer_that_is_not_there_or_cannot_be_pooled_is_named(
    conversion: Conversion, mobilenet: Arrays
) -> None:
    for layer, code in (
        ("conv_pw_14_relu", "network.unknown_layer"),
        ("logits", "teach.layer_flat"),
    ):
        with pytest.raises(ModelError) as caught:
            convert(replace(conversion, layer=layer, pooled=True), mobilenet)
        assert caught.value.code == code
