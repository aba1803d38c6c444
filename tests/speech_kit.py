"""Speech models and sounds that the tests make themselves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.inference.network import Network
from core.inference.node import Node
from core.speech.model import SpeechModel, speech_model

RATE_HZ = 44_100
WORDS = ("_background_noise_", "_unknown_", "down", "left", "right", "up")
CHINESE = ("Background Noise", "上一张", "下一张")

_CONVOLUTIONS = ((2, 8, 1, 8), (2, 4, 8, 32), (2, 4, 32, 32), (2, 4, 32, 32))
_POOL_STRIDES = ([2, 2], [2, 2], [2, 2], [1, 2])


def model_files(
    labels: Sequence[str] = WORDS, *, units: int = 64, seed: int = 0, legacy: bool = True
) -> dict[str, bytes]:
    """Return model.json, metadata.json and two shards of a network with the original's layers.

    Weights are random and wide, so that different sounds get different words.
    """
    rng = np.random.default_rng(seed)
    layers: list[dict] = []
    weights: dict[str, NDArray[np.float32]] = {}
    for number, (shape, strides) in enumerate(zip(_CONVOLUTIONS, _POOL_STRIDES, strict=True), 1):
        name = f"conv2d_{number}"
        config = {
            "name": name,
            "filters": shape[3],
            "kernel_size": list(shape[:2]),
            "strides": [1, 1],
            "padding": "valid",
            "data_format": "channels_last",
            "activation": "relu",
            "use_bias": True,
        }
        if number == 1:
            config["batch_input_shape"] = [None, 43, 232, 1]
            config["dtype"] = "float32"
        layers.append({"class_name": "Conv2D", "config": config})
        pool = {
            "name": f"max_pooling2d_{number}",
            "pool_size": [2, 2],
            "strides": strides,
            "padding": "valid",
            "data_format": "channels_last",
        }
        layers.append({"class_name": "MaxPooling2D", "config": pool})
        fan_in = np.prod(shape[:3])
        weights[f"{name}/kernel"] = rng.normal(0, np.sqrt(2 / fan_in), shape)
        weights[f"{name}/bias"] = rng.normal(0, 0.1, shape[3])
    layers.append({"class_name": "Flatten", "config": {"name": "flatten_1"}})
    layers.append({"class_name": "Dropout", "config": {"name": "dropout_1", "rate": 0.25}})
    sizes = (704, units, len(labels))
    for number, activation in ((1, "relu"), (2, "softmax")):
        if number == 2:
            layers.append({"class_name": "Dropout", "config": {"name": "dropout_2", "rate": 0.5}})
        config = {
            "name": f"dense_{number}",
            "units": sizes[number],
            "activation": activation,
            "use_bias": True,
        }
        layers.append({"class_name": "Dense", "config": config})
        shape = sizes[number - 1 : number + 1]
        scale = np.sqrt(2 / shape[0])
        weights[f"dense_{number}/kernel"] = rng.normal(0, scale, shape)
        weights[f"dense_{number}/bias"] = rng.normal(0, 0.1, shape[1])
    content = b"".join(array.astype("<f4").tobytes() for array in weights.values())
    specs = [
        {"name": name, "shape": list(array.shape), "dtype": "float32"}
        for name, array in weights.items()
    ]
    half = len(content) // 2 + 6  # inside a tensor, as the original's shards are cut
    paths = ["group1-shard1of2", "group1-shard2of2"]
    document = {
        "modelTopology": {
            "keras_version": "2.2.2",
            "backend": "tensorflow",
            "model_config": {"class_name": "Sequential", "config": layers},
        },
        "weightsManifest": [{"paths": paths, "weights": specs}],
    }
    key = "words" if legacy else "wordLabels"
    metadata: dict[str, object] = {key: list(labels), "frameSize": 232}
    if not legacy:
        metadata = {"tfjsSpeechCommandsVersion": "0.4.0", "modelName": "TMv2", key: list(labels)}
    return {
        "model.json": json.dumps(document).encode(),
        "metadata.json": json.dumps(metadata, ensure_ascii=False).encode(),
        paths[0]: content[:half],
        paths[1]: content[half:],
    }


def write_model(folder: Path, **options: object) -> Path:
    """Write the files of `model_files` and return their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in model_files(**options).items():
        (folder / name).write_bytes(content)
    return folder


def pooled_model(base: SpeechModel, *, seed: int = 0) -> SpeechModel:
    """Return two words taught on mean and maximum of the last convolution: no chain of layers."""
    rng = np.random.default_rng(seed)
    last_map, plain = "max_pooling2d_4", {"keepdims": False}
    weights = {"kernel": rng.normal(0, 0.5, (64, 2)).astype(np.float32)}
    nodes = (
        *base.network.upto(last_map).nodes,
        Node("mean", "global_average_pool", (last_map,), plain),
        Node("maximum", "global_max_pool", (last_map,), plain),
        Node("both", "concatenate", ("mean", "maximum"), {"axis": 0}),
        Node("out/linear", "dense", ("both",), {"activation": None}, weights),
        Node("out", "softmax", ("out/linear",)),
    )
    return speech_model(
        Network(nodes),
        {"scores": "out", "logits": "out/linear", "embedding": "both"},
        labels=CHINESE[1:],
        front_end=base.front_end,
        model_id="pooled",
        title="Pooled",
    )


def babble(seconds: float, *, seed: int = 0, gated: bool = False) -> NDArray[np.float32]:
    """Return sound like speech: gliding harmonics in bursts, in a little noise.

    Gated, it is digital silence between the bursts, as some telephones send.
    """
    rng = np.random.default_rng(seed)
    count = int(seconds * RATE_HZ)
    samples = rng.normal(0, 0 if gated else 0.0005, count)
    at = int(0.2 * RATE_HZ)
    while at < count:
        length = int(rng.uniform(0.15, 0.6) * RATE_HZ)
        time_s = np.arange(length) / RATE_HZ
        pitch = rng.uniform(90, 240) * (1 + rng.uniform(-0.3, 0.3) * time_s)
        phase = 2 * np.pi * np.cumsum(pitch) / RATE_HZ
        formant = rng.uniform(3, 14)
        voice = sum(
            np.exp(-((harmonic - formant) ** 2) / 18) * np.sin(harmonic * phase)
            for harmonic in range(1, 20)
        )
        burst = 0.1 * voice * np.hanning(length) + rng.normal(0, 0.01, length)
        end = min(count, at + length)
        samples[at:end] += burst[: end - at]
        at = end + int(rng.uniform(0.1, 0.9) * RATE_HZ)
    return samples.astype(np.float32)
