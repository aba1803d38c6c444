"""The part of a speech network that new words are taught on, and features of takes kept."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.audio import BrowserFft, normalize
from core.errors import ModelError, UsageError
from core.inference.flatbuffer import to_litert
from core.inference.litert import LiteRtModel
from core.inference.network import Network
from core.inference.node import Node
from core.speech.augment import augment_spectrogram
from core.speech.examples import Example
from core.speech.labels import is_noise
from core.speech.model import QUIET_FLOOR_DB, SpeechModel, speech_model
from core.speech.other_speech import other_speech_windows

__all__ = ["TakeFeatures", "WordTrunk", "listening_front_end"]

_HEAD = "NewHeadDense"
_FEATURES = "taught_features"
_KEPT_TAKES = 1500
# Which of a network's maps are read, counted from the last. Neighbours tell much the same.
_MAPS_BACK = (0, 1, 3)
_ONE_AT_A_TIME = threading.Lock()


def listening_front_end(model: SpeechModel) -> BrowserFft:
    """Return the front end that live listening has: quiet has a floor where the model says none."""
    front_end = model.front_end
    return (
        front_end if front_end.floor_db is not None else replace(front_end, floor_db=QUIET_FLOOR_DB)
    )


class TakeFeatures:
    """Features of takes by their content, so that each take is computed once. One session's."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()

    def get(self, key: bytes) -> NDArray[np.float32] | None:
        """Return what is known of a take."""
        return self._kept.get(key)

    def put(self, key: bytes, features: NDArray[np.float32]) -> None:
        """Keep the features of a take; the oldest go."""
        self._kept[key] = features
        while len(self._kept) > _KEPT_TAKES:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()


@dataclass(frozen=True, eq=False)
class WordTrunk:
    """A speech network without its last layers; its output is what a head reads.

    Use :meth:`of`. Where the network itself pools its last map, the means over time of that map and
    of some before it are the features; where a map has rows of pitch, each row has its own. The
    layer after it was made for the words of the base, the maps are the less so the earlier they
    are: measured, words in other languages by other people are told apart best by several
    together, and words that sound alike by where in pitch they differ. Otherwise the embedding is.

    Attributes
    ----------
    base : SpeechModel
    network : Network
        From the input to `layer`.
    layer : str
    litert : LiteRtModel
    """

    base: SpeechModel
    network: Network
    layer: str
    litert: LiteRtModel

    @classmethod
    def of(cls, base: SpeechModel, *, embedding: bool = False) -> WordTrunk:
        """Return the trunk of a base model.

        Parameters
        ----------
        base : SpeechModel
        embedding : bool, optional
            Take the embedding, as the original library does, whatever the network is.

        Raises
        ------
        ModelError
            If the network has nothing that a head could read.
        """
        pooling = [node for node in base.network.nodes if node.op == "global_average_pool"]
        if pooling and not embedding:
            maps = _maps_before(base.network, pooling[-1].inputs[0])
            means = []
            for place, found in enumerate(maps, start=1):
                frames = base.network.output_shape(found)[0]
                mean, flat = f"taught_mean_{place}", f"taught_rows_{place}"
                over_time = {"pool_size": (frames, 1), "strides": (1, 1), "padding": "valid"}
                means += [
                    Node(mean, "average_pool", (found,), over_time),
                    Node(flat, "flatten", (mean,)),
                ]
            rows = tuple(node.name for node in means if node.op == "flatten")
            nodes = (
                *base.network.upto(maps[-1]).nodes,
                *means,
                *([Node(_FEATURES, "concatenate", rows, {"axis": 0})] if len(rows) > 1 else []),
            )
            network, layer = Network(nodes), nodes[-1].name
        else:
            named = base.outputs.get("embedding")
            if named is None:
                raise ModelError("speech.no_embedding", model=base.title)
            network, layer = base.network.upto(named), named
        return cls(base, network, layer, LiteRtModel(to_litert(network, outputs=(layer,))))

    @property
    def units(self) -> int:
        """Number of features."""
        return self.network.output_shape(self.layer)[0]

    @cached_property
    def other_speech(self) -> NDArray[np.float32]:
        """Features of speech that is no taught word, float32 [n, units]; computed once."""
        with _ONE_AT_A_TIME:
            # Whoever waited finds what the other thread has put there.
            known: NDArray[np.float32] | None = self.__dict__.get("other_speech")
            if known is None:
                windows = other_speech_windows(listening_front_end(self.base))
                known = self.run(windows[..., 0])
                self.__dict__["other_speech"] = known
        return known

    def run(self, spectrograms: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the features of normalised spectrograms [n, frames, bins]: [n, units]."""
        given = np.ascontiguousarray(spectrograms[..., np.newaxis], np.float32)
        return self.litert.run(given)[self.layer]

    def take_features(
        self, examples: Sequence[Example], *, copies: int, seed: int, kept: TakeFeatures
    ) -> NDArray[np.float32]:
        """Return the features of takes, each followed by those of its varied copies.

        Parameters
        ----------
        examples : sequence of Example
            Of the base's shape; longer ones are cut around their loudest column.
        copies : int
        seed : int
            A take's copies depend on it and the take alone.
        kept : TakeFeatures

        Returns
        -------
        ndarray of float32, shape (n, 1 + copies, units)

        Raises
        ------
        UsageError
            If a spectrogram does not fit the base.
        """
        found = np.empty((len(examples), 1 + copies, self.units), np.float32)
        for at, example in enumerate(examples):
            spectrogram = self.window(example)
            noise = is_noise(example.label)
            head = (
                f"{self.base.model_id}/{self.layer}/{self.base.parameters}/{copies}/{seed}/{noise}"
            )
            key = hashlib.sha256(head.encode() + spectrogram.tobytes()).digest()
            features = kept.get(key)
            if features is None:
                generator = np.random.default_rng([seed, int.from_bytes(key[:4], "little")])
                varied = [
                    augment_spectrogram(spectrogram, generator, noise=noise) for _ in range(copies)
                ]
                features = self.run(np.stack([spectrogram, *varied]))
                kept.put(key, features)
            found[at] = features
        return found

    def window(self, example: Example) -> NDArray[np.float32]:
        """Return the one normalised window of a take."""
        frames, bins, _ = self.base.input_shape
        if example.bins != bins or example.frames < frames:
            raise UsageError(
                "words.shape",
                label=example.label,
                received=f"{example.frames} x {example.bins}",
                expected=f"{frames} x {bins}",
            )
        values = example.spectrogram
        if example.frames > frames:
            focus = example.key_frame
            if focus is None:
                focus = int(np.argmax(values.mean(axis=1)))
            start = min(max(focus - frames // 2, 0), example.frames - frames)
            values = values[start : start + frames]
        return normalize(values, epsilon=self.base.front_end.epsilon)

    def with_head(
        self,
        kernel: NDArray[np.floating],
        bias: NDArray[np.floating],
        labels: Sequence[str],
        *,
        title: str = "",
        thresholds: Mapping[str, float] | None = None,
    ) -> SpeechModel:
        """Return a speech model: this trunk and ``softmax(features @ kernel + bias)``."""
        weights = {
            "kernel": np.ascontiguousarray(kernel, np.float32),
            "bias": np.ascontiguousarray(bias, np.float32),
        }
        nodes = (
            *self.network.nodes,
            Node(f"{_HEAD}/linear", "dense", (self.layer,), {"activation": None}, weights),
            Node(_HEAD, "softmax", (f"{_HEAD}/linear",)),
        )
        return speech_model(
            Network(nodes),
            {"scores": _HEAD, "logits": f"{_HEAD}/linear", "embedding": self.layer},
            labels=labels,
            front_end=listening_front_end(self.base),
            model_id="taught",
            title=title or "Taught words",
            thresholds=thresholds or {},
            source="taught",
            licence=self.base.licence,
        )


def _maps_before(network: Network, last: str) -> list[str]:
    """Return some of the maps of a chain of convolutions, earliest first; `last` is one of them."""
    maps = [last]
    node = network.node(last)
    while len(node.inputs) == 1:
        before = node.inputs[0]
        if node.op == "conv2d" and network.node(before).inputs:
            maps.append(before)
        node = network.node(before)
    return [maps[back] for back in reversed(_MAPS_BACK) if back < len(maps)]
