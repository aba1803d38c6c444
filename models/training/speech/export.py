"""Writes a trained network as the files of ``models/speech``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.inference.flatbuffer import to_litert
from core.inference.from_keras import network_from_keras
from core.tfjs.model import Config, LayersModel, Origin
from core.tfjs.write_layers import LayersOptions, layers_model_files
from models.training.speech.labels import LABELS
from models.training.speech.network import ARCHITECTURES, Convolution
from models.training.speech.spectra import BINS, FRAMES

__all__ = ["FRONT_END", "export", "folded", "litert", "topology"]

# Of Keras' BatchNormalization.
_EPSILON = 1e-3
# Sound fainter than the rounding noise of 16 bits is raised to it: without this, a window that
# is half digital silence would be normalised by the silence alone.
FRONT_END = {"floor_db": -140.0}
_INPUT = "conv2d_1_input"
_GOLDEN_ATOL = 1e-3
# Makes embeddings as long as the original's, about 50: heads that are trained on them with the
# original's learning rate then learn as fast. A power of two, so that no answer changes by a bit.
_EMBEDDING_SCALE = np.float32(8)


def folded(network: str, weights: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[Any]]:
    """Fold batch normalisation into the convolutions.

    Parameters
    ----------
    network : str
        A key of ``ARCHITECTURES``.
    weights : mapping of str to ndarray
        By Keras' paths, such as ``"conv_1/kernel"`` and ``"norm_1/gamma"``.

    Returns
    -------
    dict of str to ndarray
        By the original's names: ``conv2d_1/kernel`` … ``dense_2/bias``.
    """
    out: dict[str, NDArray[Any]] = {}
    for place in range(1, len(ARCHITECTURES[network][0]) + 1):
        norm = {
            key: weights[f"norm_{place}/{key}"].astype(np.float64)
            for key in ("gamma", "beta", "moving_mean", "moving_variance")
        }
        scale = norm["gamma"] / np.sqrt(norm["moving_variance"] + _EPSILON)
        kernel = weights[f"conv_{place}/kernel"].astype(np.float64) * scale
        out[f"conv2d_{place}/kernel"] = kernel.astype(np.float32)
        bias = norm["beta"] - norm["moving_mean"] * scale
        out[f"conv2d_{place}/bias"] = bias.astype(np.float32)
    for ours, theirs in (("embedding", "dense_1"), ("words", "dense_2")):
        for key in ("kernel", "bias"):
            out[f"{theirs}/{key}"] = np.asarray(weights[f"{ours}/{key}"], np.float32)
    out["dense_1/kernel"] *= _EMBEDDING_SCALE
    out["dense_1/bias"] *= _EMBEDDING_SCALE
    out["dense_2/kernel"] /= _EMBEDDING_SCALE
    return out


def topology(network: str) -> Config:
    """Return the folded network's topology in TensorFlow.js' own style.

    Parameters
    ----------
    network : str
        A key of ``ARCHITECTURES``.

    Returns
    -------
    dict
        A Sequential of Conv2D, GlobalAveragePooling2D and Dense layers.
    """
    convolutions, embedding = ARCHITECTURES[network]
    layers: list[Config] = [
        {
            "class_name": "InputLayer",
            "config": {
                "batch_input_shape": [None, FRAMES, BINS, 1],
                "dtype": "float32",
                "sparse": False,
                "name": _INPUT,
            },
        }
    ]
    layers += [_conv2d(one, place) for place, one in enumerate(convolutions, start=1)]
    layers.append(
        {
            "class_name": "GlobalAveragePooling2D",
            "config": _plain("global_average_pooling2d_1") | {"data_format": "channels_last"},
        }
    )
    layers += [_dense("dense_1", embedding, "relu"), _dense("dense_2", len(LABELS), "softmax")]
    return {"class_name": "Sequential", "config": {"name": "teachdeck_18w", "layers": layers}}


def _plain(name: str) -> Config:
    return {"name": name, "trainable": True, "dtype": "float32"}


def _learned(activation: str) -> Config:
    return {
        "activation": activation,
        "use_bias": True,
        "kernel_initializer": {
            "class_name": "GlorotUniform",
            "config": {"seed": None},
        },
        "bias_initializer": {"class_name": "Zeros", "config": {}},
        "kernel_regularizer": None,
        "bias_regularizer": None,
        "activity_regularizer": None,
        "kernel_constraint": None,
        "bias_constraint": None,
    }


def _conv2d(one: Convolution, place: int) -> Config:
    config = _plain(f"conv2d_{place}") | {
        "filters": one.filters,
        "kernel_size": list(one.kernel),
        "strides": list(one.strides),
        "padding": one.padding,
        "data_format": "channels_last",
        "dilation_rate": [1, 1],
    }
    return {"class_name": "Conv2D", "config": config | _learned("relu")}


def _dense(name: str, units: int, activation: str) -> Config:
    config = _plain(name) | {"units": units}
    return {"class_name": "Dense", "config": config | _learned(activation)}


def litert(network: str, weights: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the folded network as a LiteRT file.

    Parameters
    ----------
    network : str
        A key of ``ARCHITECTURES``.
    weights : mapping of str to ndarray
        As :func:`folded` returns them.

    Returns
    -------
    bytes
        With the outputs ``dense_2`` (probabilities), ``dense_2/linear`` (logits) and ``dense_1``
        (the embedding).
    """
    return to_litert(
        network_from_keras(topology(network), weights),
        outputs=("dense_2", "dense_2/linear", "dense_1"),
    )


def export(
    folder: Path,
    network: str,
    weights: Mapping[str, NDArray[np.float32]],
    *,
    thresholds: Mapping[str, float],
    golden: NDArray[np.float32],
    facts: Mapping[str, Any],
) -> None:
    """Write the model's files.

    Parameters
    ----------
    folder : pathlib.Path
        Gets ``model.json``, its shards, ``metadata.json``, ``model.tflite``, ``golden.npz``.
    network : str
        A key of ``ARCHITECTURES``.
    weights : mapping of str to ndarray
        By Keras' paths.
    thresholds : mapping of str to float
        By word.
    golden : ndarray of shape (k, 43, 232, 1), float32
        Inputs whose outputs are kept with the model.
    facts : mapping
        More for ``metadata.json``.
    """
    from core.inference.litert import LiteRtModel

    plain = folded(network, weights)
    model = LayersModel(
        topology=topology(network),
        weights=plain,
        origin=Origin("tfjs_layers_model", generated_by="Teachdeck"),
    )
    content = litert(network, plain)
    outputs = LiteRtModel(content, threads=1).run(golden)
    files = layers_model_files(model, LayersOptions())
    metadata = {
        "words": list(LABELS),
        "wordLabels": list(LABELS),
        "frameSize": BINS,
        "title": "Teachdeck 18 words",
        "licence": "Apache-2.0",
        "frontEnd": FRONT_END,
        "thresholds": {word: round(float(value), 3) for word, value in thresholds.items()},
        **facts,
    }
    files["metadata.json"] = json.dumps(metadata, indent=1, ensure_ascii=False).encode()
    files["model.tflite"] = content
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("group*.bin"):
        old.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    np.savez_compressed(
        folder / "golden.npz",
        features=golden,
        logits=outputs["dense_2/linear"],
        probabilities=outputs["dense_2"],
    )
