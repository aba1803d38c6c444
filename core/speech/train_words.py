"""Teach words as the original library does: its head, its windows, its optimiser, with Keras.

What the frozen layers make of every window is computed once by LiteRT; Keras in the worker process
trains the head on it and, where fine-tuning is asked for, the layer before the head as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError, Note, UsageError
from core.inference.flatbuffer import to_litert
from core.inference.litert import LiteRtModel
from core.inference.network import Network
from core.speech.examples import Example
from core.speech.labels import is_noise, word_indices
from core.speech.model import SpeechModel
from core.speech.other_speech import other_speech_examples
from core.speech.teach import TaughtWords
from core.speech.trunk import listening_front_end
from core.speech.windows import cut_windows, hop_frames, mix_noise
from core.worker import Job, KerasWorker

__all__ = ["TfjsSettings", "TfjsTraining", "start_tfjs_training", "teach_as_tfjs"]

_THRESHOLD = 0.5
# Measured: with fewer windows other languages are taken for words, more are hardly better.
_LEAST_OTHER_SPEECH = 240
_TIMEOUT_S = 900.0


@dataclass(frozen=True)
class TfjsSettings:
    """The options of the original's ``train``.

    Parameters
    ----------
    epochs : int, optional
        20 is the original's default, 30 the article's choice.
    batch_size : int, optional
    learning_rate : float, optional
        Of plain SGD.
    window_hop_ratio : float, optional
        Of takes longer than a window: the share of it between windows.
    augment_by_mixing_noise_ratio : float or None, optional
        Adds a copy of every window of a word with so much noise.
    validation_split : float, optional
        0 to below 1; takes, not windows, are held out.
    fine_tuning_epochs : int, optional
        With the layer before the head, afterwards.
    seed : int, optional
    other_speech : bool, optional
        Whether ``_unknown_`` is learned too, from speech that comes with the project; words and
        noise are then learned from as often. The original has only what its user records.
    """

    epochs: int = 30
    batch_size: int = 32
    learning_rate: float = 0.01
    window_hop_ratio: float = 0.25
    augment_by_mixing_noise_ratio: float | None = None
    validation_split: float = 0.0
    fine_tuning_epochs: int = 0
    seed: int = 0
    other_speech: bool = True

    def __post_init__(self) -> None:
        limits = {
            "epochs": (1, 1000),
            "batch_size": (1, 4096),
            "fine_tuning_epochs": (0, 1000),
            "learning_rate": (1e-7, 10.0),
            "window_hop_ratio": (0.01, 1.0),
            "validation_split": (0.0, 0.9),
        }
        for name, (least, most) in limits.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise UsageError(
                    "words.setting", setting=name, value=str(value)[:40], least=least, most=most
                )


@dataclass(eq=False)
class TfjsTraining:
    """A training in the worker. Any thread may read it.

    Attributes
    ----------
    job : Job
        Its reports have ``epoch``, ``epochs``, ``loss``, ``accuracy`` and, where takes are held
        out, ``val_loss`` and ``val_accuracy``.
    """

    job: Job
    _base: SpeechModel
    _labels: tuple[str, ...]
    _embedding: str

    def model(self, timeout_s: float | None = None) -> SpeechModel:
        """Return the trained model once it is there; a stopped training gives what it has.

        Raises
        ------
        TeachdeckError
            If the training failed.
        """
        _, arrays = self.job.result(timeout_s)
        base = self._base
        if "trunk_kernel" in arrays:
            base = _with_dense(base, self._embedding, arrays["trunk_kernel"], arrays["trunk_bias"])
        thresholds = {self._labels[at]: _THRESHOLD for at in word_indices(self._labels)}
        model = base.with_head(
            arrays["kernel"], arrays["bias"], self._labels, thresholds=thresholds
        )
        return replace(model, front_end=listening_front_end(base))


def start_tfjs_training(
    examples: Sequence[Example],
    base: SpeechModel,
    settings: TfjsSettings,
    worker: KerasWorker,
    *,
    weights: SpeechModel | None = None,
) -> TfjsTraining:
    """Queue a training as the original's.

    Parameters
    ----------
    examples : sequence of Example
    base : SpeechModel
    settings : TfjsSettings
    worker : KerasWorker
    weights : SpeechModel, optional
        A model trained before on the same words, to go on from its head.

    Returns
    -------
    TfjsTraining

    Raises
    ------
    UsageError
        If there are fewer than two words or a take does not fit.
    ModelError
        If the base has no embedding.
    """
    named = base.outputs.get("embedding")
    if named is None:
        raise ModelError("speech.no_embedding", model=base.title)
    if len({example.label for example in examples}) < 2:
        raise UsageError("evaluation.one_class", count=len({e.label for e in examples}))
    frames, bins, _ = base.input_shape
    if settings.other_speech:
        front_end = listening_front_end(base)
        spoken = other_speech_examples(front_end, max(_LEAST_OTHER_SPEECH, 4 * len(examples)))
        examples = [*examples, *spoken]
    for example in examples:
        if example.bins != bins or example.frames < frames:
            raise UsageError(
                "words.shape",
                label=example.label,
                received=f"{example.frames} x {example.bins}",
                expected=f"{frames} x {bins}",
            )
    windows = cut_windows(
        examples, frames=frames, hop=hop_frames(settings.window_hop_ratio, frames)
    )
    ratio = settings.augment_by_mixing_noise_ratio
    if ratio:
        windows = mix_noise(windows, ratio, seed=settings.seed)
    dense = _dense_before(base.network, named)
    read = dense.inputs[0]
    litert = LiteRtModel(to_litert(base.network.upto(read), outputs=(read,)))
    arrays: dict[str, NDArray[Any]] = {
        "features": litert.run(windows.features)[read],
        "targets": windows.targets,
        "takes": windows.takes,
        "trunk_kernel": dense.weights["kernel"],
        "trunk_bias": dense.weights["bias"],
    }
    if weights is not None and weights.labels == windows.labels:
        arrays |= _head_of(weights, units=dense.weights["kernel"].shape[1])
    request = {
        "classes": len(windows.labels),
        "epochs": settings.epochs,
        "batch_size": settings.batch_size,
        "learning_rate": settings.learning_rate,
        "validation_split": settings.validation_split,
        "fine_tuning_epochs": settings.fine_tuning_epochs,
        "balanced": settings.other_speech,
        "relu": base.network.node(named).op == "relu"
        or dense.attributes.get("activation") == "relu",
        "seed": settings.seed,
    }
    job = worker.submit("train_words", request, arrays)
    return TfjsTraining(job, base, windows.labels, named)


def teach_as_tfjs(
    examples: Sequence[Example],
    base: SpeechModel,
    settings: TfjsSettings,
    *,
    worker: KerasWorker | None = None,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> TaughtWords:
    """Train as the original does and wait for it.

    Parameters
    ----------
    examples : sequence of Example
    base : SpeechModel
    settings : TfjsSettings
    worker : KerasWorker, optional
        One that ends with the training if it is not given.
    progress : callable, optional
        Gets every report.

    Returns
    -------
    TaughtWords
        Without a score.
    """
    start_s = time.monotonic()
    if worker is None:
        with KerasWorker() as own:
            return teach_as_tfjs(examples, base, settings, worker=own, progress=progress)
    training = start_tfjs_training(examples, base, settings, worker)
    known = 0
    while not training.job.wait(_TIMEOUT_S, updates=known):
        updates = training.job.updates(known)
        if not updates:
            raise ModelError("worker.slow", seconds=_TIMEOUT_S)
        known += len(updates)
        if progress is not None:
            for update in updates:
                progress(update)
    model = training.model()
    noted = () if any(is_noise(label) for label in model.labels) else ("words.note_no_noise",)
    notes = tuple(Note(code) for code in noted)
    return TaughtWords(model, None, time.monotonic() - start_s, notes)


def _head_of(model: SpeechModel, *, units: int) -> dict[str, NDArray[Any]]:
    """Return the weights of a model's last dense layer, if it reads what the new head will."""
    dense = [node for node in model.network.nodes if node.op == "dense"]
    if not dense or dense[-1].weights["kernel"].shape[0] != units:
        return {}
    return {name: dense[-1].weights[name] for name in ("kernel", "bias")}


def _dense_before(network: Network, named: str) -> Any:
    """Return the dense node whose activation is the embedding."""
    node = network.node(named)
    while node.op != "dense":
        node = network.node(node.inputs[0])
    return node


def _with_dense(
    base: SpeechModel, named: str, kernel: NDArray[np.float32], bias: NDArray[np.float32]
) -> SpeechModel:
    dense = _dense_before(base.network, named)
    tuned = replace(dense, weights={"kernel": kernel, "bias": bias})
    nodes = tuple(tuned if node.name == dense.name else node for node in base.network.nodes)
    return replace(base, network=Network(nodes))
