"""What every export of words starts from: a speech model, its name, and its golden sounds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.inference.network import Network
from core.speech.decide import SmoothMode
from core.speech.model import SpeechModel
from core.tfjs.model import LayersModel
from core.vision.exports.layers import layers_model_of

__all__ = ["WordModel", "golden_sound"]

_GOLDEN_SOUNDS = 3
# Layers that carry an activation themselves, as the original's do.
_CARRIERS = frozenset({"Dense", "Conv2D", "DepthwiseConv2D"})


def golden_sound(number: int, count: int) -> NDArray[np.float32]:
    """Return drawn sound: gliding tones in bursts with noise, the same numbers everywhere.

    Whole numbers alone are computed, so that a browser draws the very same.

    Parameters
    ----------
    number : int
        0, 1, 2 ...: each is another sound.
    count : int
        How many samples.

    Returns
    -------
    ndarray of float32, shape (n,)
        Multiples of 1 / 32768.
    """
    n = np.arange(count, dtype=np.int64)
    glide = (n * (5 + 7 * number + (n >> 11)) * 3) % 2048 - 1024
    tone = (n * (41 + 13 * number)) % 512 - 256
    noise = ((n * 40503 + (n >> 3) * n * 13 + 7919 * number) % 1021) - 510
    burst = ((n >> 12) + number) % 3
    drawn = np.where(burst == 0, glide * 4 + tone, np.where(burst == 1, tone * 6, 0)) + noise // 8
    samples: NDArray[np.float32] = (drawn / 32768).astype(np.float32)
    return samples


@dataclass(frozen=True, eq=False)
class WordModel:
    """A speech model that is about to be exported.

    Parameters
    ----------
    speech : SpeechModel
    name : str
        For people; files are named by :attr:`file_stem`.
    mode : SmoothMode
        When the page and the script say that they heard a word.
    """

    speech: SpeechModel
    name: str
    mode: SmoothMode = field(default_factory=SmoothMode)

    @property
    def file_stem(self) -> str:
        """The name with nothing in it that a file system could stumble on."""
        kept = "".join(letter if letter.isalnum() else "-" for letter in self.name)
        return "-".join(part for part in kept.split("-") if part)[:40] or "my-words"

    @property
    def scores(self) -> str:
        """The node whose output are the scores."""
        return self.speech.outputs["scores"]

    @cached_property
    def network(self) -> Network:
        """The network from normalised spectrograms to the scores, and nothing beside it."""
        return self.speech.network.upto(self.scores)

    @cached_property
    def layers(self) -> LayersModel:
        """The network as layers: a Sequential where it is a chain, activations in their layers.

        The original library looks for the second-last Dense layer when somebody teaches on top
        of a model, and takes its output with the activation.
        """
        return _sequential(layers_model_of(self.network, name=self.file_stem))

    @cached_property
    def golden_sounds(self) -> NDArray[np.float32]:
        """Drawn sounds [n, samples] on which every export must answer as this model does."""
        count = self.speech.front_end.window_samples
        return np.stack([golden_sound(number, count) for number in range(_GOLDEN_SOUNDS)])

    @cached_property
    def golden_features(self) -> NDArray[np.float32]:
        """What the network sees of them, [n, frames, bins, 1]."""
        return self.speech.front_end.features(self.golden_sounds)

    @cached_property
    def golden_answers(self) -> NDArray[np.float32]:
        """The scores [n, labels] that belong to them."""
        return self.speech.run(self.golden_features).scores


def _sequential(model: LayersModel) -> LayersModel:
    """Return a Functional with activations merged, as a Sequential where that is possible."""
    layers: list[dict[str, Any]] = []
    weights = dict(model.weights)
    readers: dict[str, int] = {}
    for layer in model.topology["config"]["layers"]:
        for read in _reads(layer):
            readers[read] = readers.get(read, 0) + 1
    chain = True
    for layer in model.topology["config"]["layers"]:
        before = layers[-1] if layers else {}
        activation = _activation(layer)
        follows = bool(layers) and _reads(layer) == [before["name"]]
        if (
            activation
            and follows
            and readers.get(before["name"]) == 1
            and before["class_name"] in _CARRIERS
            and before["config"].get("activation") == "linear"
        ):
            layers[-1] = _renamed(before, layer["name"], activation)
            for key in [key for key in weights if key.startswith(f"{before['name']}/")]:
                weights[f"{layer['name']}/{key.rpartition('/')[2]}"] = weights.pop(key)
        else:
            chain = chain and (follows or not layers)
            layers.append(layer)
    # In the order of the layers, as the original's files are.
    order = {layer["name"]: number for number, layer in enumerate(layers)}
    ordered = sorted(weights, key=lambda key: order[key.rpartition("/")[0]])
    weights = {key: weights[key] for key in ordered}
    config = {**model.topology["config"], "layers": layers}
    if not chain:
        return replace(
            model, topology={"class_name": "Functional", "config": config}, weights=weights
        )
    plain = [{"class_name": one["class_name"], "config": one["config"]} for one in layers]
    topology = {"class_name": "Sequential", "config": {"name": model.name, "layers": plain}}
    return replace(model, topology=topology, weights=weights)


def _reads(layer: dict[str, Any]) -> list[str]:
    return [str(read[0]) for call in layer["inbound_nodes"] for read in call]


def _renamed(layer: dict[str, Any], name: str, activation: str) -> dict[str, Any]:
    config = {**layer["config"], "name": name, "activation": activation}
    return {**layer, "name": name, "config": config}


def _activation(layer: dict[str, Any]) -> str:
    """Return the activation that a layer is, if another layer can carry it."""
    if layer["class_name"] == "ReLU" and "max_value" not in layer["config"]:
        return "relu"
    return str(layer["config"]["activation"]) if layer["class_name"] == "Activation" else ""
