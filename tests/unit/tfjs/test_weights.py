from __future__ import annotations

import numpy as np
import pytest

from core.errors import ModelError
from core.tfjs.quantize import dequantize, quantize
from core.tfjs.weights import decode_group, encode_weights, parse_manifest


@pytest.fixture
def weights():
    rng = np.random.default_rng(0)
    return {
        "conv/kernel": rng.normal(size=(3, 3, 2, 4)).astype(np.float32),
        "conv/bias": rng.normal(size=4).astype(np.float32),
        "steps/count": np.array(-7, np.int32),
        "mask/flags": np.array([True, False, True]),
        "empty/kernel": np.zeros((0, 5), np.float32),
    }


def decode(manifest, files):
    decoded = {}
    for group in parse_manifest(manifest):
        decoded.update(decode_group(group, b"".join(files[path] for path in group.paths)))
    return decoded


@pytest.mark.parametrize("shard_bytes", [1, 3, 7, 64, 311, 4_194_304])
def test_any_cut_into_shards_keeps_every_bit(weights, shard_bytes):
    manifest, files = encode_weights(weights, shard_bytes=shard_bytes)
    total = sum(w.nbytes for w in weights.values())
    assert len(files) == -(-total // shard_bytes)
    assert all(len(content) == shard_bytes for content in list(files.values())[:-1])
    decoded = decode(manifest, files)
    assert list(decoded) == list(weights)
    for name, array in weights.items():
        assert decoded[name].dtype == array.dtype
        assert decoded[name].shape == array.shape
        assert decoded[name].tobytes() == array.tobytes()


def test_bits_that_are_no_number_survive():
    bits = np.array([0x7FC00001, 0x80000000, 0x00000001, 0xFF800000], np.uint32)
    manifest, files = encode_weights({"a/kernel": bits.view(np.float32)})
    assert decode(manifest, files)["a/kernel"].view(np.uint32).tolist() == bits.tolist()


def test_shards_are_named_as_the_converter_names_them(weights):
    manifest, _ = encode_weights(weights, shard_bytes=200)
    assert manifest[0]["paths"] == ["group1-shard1of2.bin", "group1-shard2of2.bin"]


def test_an_empty_group_has_no_files(weights):
    manifest, files = encode_weights(weights, groups=[[], list(weights)])
    assert manifest[0] == {"paths": [], "weights": []}
    assert list(files) == ["group2-shard1of1.bin"]
    assert len(decode(manifest, files)) == len(weights)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16"])
def test_quantised_weights_come_back_as_the_formula_says(weights, dtype):
    manifest, files = encode_weights(weights, quantization=dict.fromkeys(weights, dtype))
    decoded = decode(manifest, files)
    expected = dequantize(*quantize(weights["conv/kernel"], dtype))
    assert decoded["conv/kernel"].tobytes() == expected.tobytes()
    assert decoded["steps/count"] == -7
    assert "quantization" not in manifest[0]["weights"][2]


def test_weights_of_the_optimiser_are_left_out(weights):
    manifest, files = encode_weights(weights)
    manifest[0]["weights"][0]["group"] = "optimizer"
    decoded = decode(manifest, files)
    assert "conv/kernel" not in decoded
    assert decoded["conv/bias"].tobytes() == weights["conv/bias"].tobytes()


def test_arrays_do_not_share_memory_with_the_file(weights):
    manifest, files = encode_weights(weights)
    decoded = decode(manifest, files)
    decoded["conv/bias"][0] = 5
    assert decode(manifest, files)["conv/bias"][0] == weights["conv/bias"][0]


def test_a_weight_of_a_type_that_manifests_lack_is_refused():
    with pytest.raises(ModelError, match="float64"):
        encode_weights({"a/kernel": np.zeros(2)})


def test_a_leading_dot_in_a_path_is_dropped():
    (group,) = parse_manifest([{"paths": ["./model.weights.bin"], "weights": []}])
    assert group.paths == ("model.weights.bin",)


def test_shard_names_without_an_ending_are_read():
    (group,) = parse_manifest([{"paths": ["group1-shard1of2"], "weights": []}])
    assert group.paths == ("group1-shard1of2",)
