"""A speech network that is ready to run, with all that its users need to know about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.audio.browser_fft import BrowserFft
from core.errors import ModelError, Note
from core.inference.flatbuffer import to_litert
from core.inference.litert import LiteRtModel
from core.inference.network import Network, Node
from core.speech.labels import is_noise, is_unknown, word_indices
from core.tfjs.model import LayersModel

__all__ = ["QUIET_FLOOR_DB", "SpeechModel", "SpeechOutputs", "speech_model"]

_HEAD = "NewHeadDense"

QUIET_FLOOR_DB = -100.0
"""Fainter parts of a spectrogram count as this, where a model does not say otherwise.

Measured with the original 18-word weights on unseen speakers: 95 % of words instead of 89 %, and
95 % instead of 24 % for words cut out of their second, because digital silence no longer
outweighs the word in the normalisation.
"""


@dataclass(frozen=True, eq=False)
class SpeechOutputs:
    """What a network says about spectrograms.

    Attributes
    ----------
    scores : ndarray of float32, shape (n, labels)
        The network's output; probabilities where it ends in a softmax.
    logits : ndarray of float32, shape (n, labels), or None
        The values before the softmax; None where the network ends otherwise.
    embedding : ndarray of float32, shape (n, units), or None
        The output of the second-last Dense layer; None where there is only one.
    """

    scores: NDArray[np.float32]
    logits: NDArray[np.float32] | None
    embedding: NDArray[np.float32] | None


@dataclass(frozen=True, eq=False)
class SpeechModel:
    """A speech network with its labels, front end and thresholds. Any thread may run it.

    Parameters
    ----------
    model_id, title : str
    labels : tuple of str
        In the order of the outputs.
    front_end : BrowserFft
        How sound becomes the network's input.
    network : Network
        With softmax, before anything is folded; what exports and retraining start from.
    outputs : mapping of str to str
        Layer of ``"scores"`` and, where there are such, ``"logits"`` and ``"embedding"``.
    litert : LiteRtModel
        The network with these outputs.
    thresholds : mapping of str to float
        Score from which a word counts, 0..1, where the model's makers give one.
    layers : LayersModel or None
        As it was read, for exports; None for a head on another model's trunk.
    source : {"bundled", "user", "download", "upload", "taught"}
    licence : str
    notes : tuple of Note
        What was repaired or guessed while reading.
    """

    model_id: str
    title: str
    labels: tuple[str, ...]
    front_end: BrowserFft
    network: Network
    outputs: Mapping[str, str]
    litert: LiteRtModel
    thresholds: Mapping[str, float] = field(default_factory=dict)
    layers: LayersModel | None = None
    source: str = "upload"
    licence: str = ""
    notes: tuple[Note, ...] = ()

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Shape of one input: (frames, bins, 1)."""
        return (self.front_end.frames, self.front_end.bins, 1)

    @property
    def words(self) -> tuple[str, ...]:
        """The labels that are words, without noise and unknown."""
        return tuple(self.labels[index] for index in self.word_indices)

    @property
    def word_indices(self) -> tuple[int, ...]:
        """Positions of the words among the labels."""
        return word_indices(self.labels)

    @property
    def noise_indices(self) -> tuple[int, ...]:
        """Positions of the labels that stand for noise."""
        return tuple(index for index, label in enumerate(self.labels) if is_noise(label))

    @property
    def unknown_indices(self) -> tuple[int, ...]:
        """Positions of the labels that stand for words that the model does not know."""
        return tuple(index for index, label in enumerate(self.labels) if is_unknown(label))

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return self.network.parameters

    @property
    def size_bytes(self) -> int:
        """Size of the LiteRT model."""
        return self.litert.size_bytes

    @property
    def embedding_units(self) -> int | None:
        """Length of an embedding; None where the model has none."""
        layer = self.outputs.get("embedding")
        return None if layer is None else self.network.output_shape(layer)[0]

    def run(self, features: NDArray[np.float32]) -> SpeechOutputs:
        """Return what the network says about normalised spectrograms.

        Parameters
        ----------
        features : ndarray of float32, shape (n, frames, bins, 1)
            From ``front_end.features`` or ``front_end.normalize``.

        Returns
        -------
        SpeechOutputs

        Raises
        ------
        ModelError
            If the shape or type is another, a value is not finite, or the network answers with
            values that are not finite.
        """
        found = self.litert.run(features)
        scores = found[self.outputs["scores"]]
        if not np.isfinite(scores).all():
            raise ModelError("speech.not_finite", model=self.title)
        logits, embedding = (
            found[self.outputs[name]] if name in self.outputs else None
            for name in ("logits", "embedding")
        )
        return SpeechOutputs(scores, logits, embedding)

    def embed(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the embeddings of normalised spectrograms: the trunk of a new head.

        Parameters
        ----------
        features : ndarray of float32, shape (n, frames, bins, 1)

        Returns
        -------
        ndarray of float32, shape (n, units)

        Raises
        ------
        ModelError
            As `run`, or if the network has no second Dense layer.
        """
        embedding = self.run(features).embedding
        if embedding is None:
            raise ModelError("speech.no_embedding", model=self.title)
        return embedding

    def with_head(
        self,
        kernel: NDArray[np.floating],
        bias: NDArray[np.floating],
        labels: Sequence[str],
        *,
        model_id: str = "taught",
        title: str = "",
        thresholds: Mapping[str, float] | None = None,
    ) -> SpeechModel:
        """Return this model's trunk with ``softmax(embedding @ kernel + bias)`` as its last layer.

        Parameters
        ----------
        kernel : ndarray of float, shape (units, words)
        bias : ndarray of float, shape (words,)
        labels : sequence of str
            One for each output.
        model_id, title : str, optional
        thresholds : mapping of str to float, optional

        Returns
        -------
        SpeechModel

        Raises
        ------
        ModelError
            If the shapes do not fit, or the network has no second Dense layer.
        """
        layer = self.outputs.get("embedding")
        if layer is None:
            raise ModelError("speech.no_embedding", model=self.title)
        weights = {
            "kernel": np.ascontiguousarray(kernel, np.float32),
            "bias": np.ascontiguousarray(bias, np.float32),
        }
        head = (
            Node(f"{_HEAD}/linear", "dense", (layer,), {"activation": None}, weights),
            Node(_HEAD, "softmax", (f"{_HEAD}/linear",)),
        )
        network = Network((*self.network.upto(layer).nodes, *head))
        return speech_model(
            network,
            {"scores": _HEAD, "logits": f"{_HEAD}/linear", "embedding": layer},
            labels=labels,
            front_end=self.front_end,
            model_id=model_id,
            title=title or self.title,
            thresholds=thresholds or {},
            source="taught",
            licence=self.licence,
        )


def speech_model(
    network: Network,
    outputs: Mapping[str, str],
    *,
    labels: Sequence[str],
    front_end: BrowserFft,
    model_id: str,
    title: str,
    thresholds: Mapping[str, float] | None = None,
    layers: LayersModel | None = None,
    source: str = "upload",
    licence: str = "",
    notes: tuple[Note, ...] = (),
) -> SpeechModel:
    """Return a speech model of a network, after the original library's checks of its shapes.

    Parameters
    ----------
    network : Network
    outputs : mapping of str to str
    labels, front_end, model_id, title, thresholds, layers, source, licence, notes
        As in :class:`SpeechModel`; the front end's frames and bins are those of the network.

    Returns
    -------
    SpeechModel

    Raises
    ------
    ModelError
        If the network has several inputs, another kind of input or output, or as many outputs
        as there are not labels.
    """
    if len(network.inputs) != 1:
        raise ModelError("speech.inputs", count=len(network.inputs))
    shape = network.output_shape(network.inputs[0])
    if len(shape) != 3:
        raise ModelError("speech.input_rank", rank=len(shape) + 1)
    if shape[2] != 1:
        raise ModelError("speech.input_channels", shape=str([None, *shape]))
    out = network.output_shape(outputs["scores"])
    if len(out) != 1:
        raise ModelError("speech.output_rank", shape=str([None, *out]))
    if out[0] != len(labels):
        raise ModelError("speech.label_count", outputs=out[0], words=len(labels))
    if (front_end.frames, front_end.bins) != shape[:2]:
        raise ModelError(
            "speech.front_end",
            frames=front_end.frames,
            bins=front_end.bins,
            shape=str([None, *shape]),
        )
    content = to_litert(network, outputs=tuple(outputs.values()))
    return SpeechModel(
        model_id=model_id,
        title=title,
        labels=tuple(labels),
        front_end=front_end,
        network=network,
        outputs=dict(outputs),
        # One thread: two take more processor time for as long a wait, and listeners are several.
        litert=LiteRtModel(content, threads=1),
        thresholds={label: value for label, value in (thresholds or {}).items() if label in labels},
        layers=layers,
        source=source,
        licence=licence,
        notes=notes,
    )
