"""Train the head of a speech network as TensorFlow.js does, with TensorFlow, in the worker process.

An epoch is one compiled function for every size of data, traced when the process warms up: Keras'
own ``fit`` takes longer for one batch of so small a head than the whole epoch takes here.
"""

from __future__ import annotations

import time
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.worker_tasks import Report, Stopped

__all__ = ["train_words", "warm_up"]

Arrays = dict[str, NDArray[Any]]


def train_words(
    request: dict[str, Any], arrays: Arrays, report: Report, stopped: Stopped
) -> tuple[dict[str, Any], Arrays]:
    """Train ``NewHeadDense`` by SGD, then, if asked for, the layer before it too.

    Parameters
    ----------
    request : dict
        ``classes``, ``epochs``, ``batch_size``, ``learning_rate``, ``validation_split``,
        ``fine_tuning_epochs``, ``relu``, ``seed``; ``balanced`` for classes that are learned from
        equally often, however many windows they have.
    arrays : dict of str to ndarray
        ``features`` float32 [n, d], what the layer before the head reads; ``targets`` and
        ``takes`` int [n]; ``trunk_kernel``, ``trunk_bias`` of that layer; if wanted ``kernel``
        and ``bias`` to go on from.
    report : callable
        Gets ``{"epoch", "epochs", "loss", "accuracy", "val_loss", "val_accuracy"}``.
    stopped : callable

    Returns
    -------
    answer : dict
        ``epochs`` done, ``seconds``, and ``stopped`` if it was.
    arrays : dict of str to ndarray
        ``kernel``, ``bias``; after fine-tuning ``trunk_kernel``, ``trunk_bias``.
    """
    import keras
    import tensorflow as tf

    start_s = time.monotonic()
    seed = int(request["seed"])
    features = np.ascontiguousarray(arrays["features"], np.float32)
    targets = np.ascontiguousarray(arrays["targets"], np.int64)
    learned, held = _split(targets, arrays["takes"], float(request["validation_split"]), seed)
    trunk = [tf.constant(arrays[name], tf.float32) for name in ("trunk_kernel", "trunk_bias")]
    if "kernel" in arrays:
        head = [tf.constant(arrays[name], tf.float32) for name in ("kernel", "bias")]
    else:
        shape = (int(trunk[0].shape[1]), int(request["classes"]))
        drawn = keras.initializers.GlorotNormal(seed=seed)(shape)
        head = [tf.convert_to_tensor(drawn), tf.zeros(shape[1:])]
    relu = bool(request["relu"])
    generator = np.random.default_rng(seed)
    rows = _balanced(learned, targets) if request["balanced"] else learned
    batch_size, rate = int(request["batch_size"]), float(request["learning_rate"])
    first, further = int(request["epochs"]), int(request["fine_tuning_epochs"])
    # The layer before the head stays as it is, so it is run once; fine-tuning changes it.
    inputs = _hidden(features, *trunk, relu=relu)
    for epoch in range(1, first + further + 1):
        if stopped():
            return _answer(head, trunk, request, epoch - 1, start_s, was_stopped=True)
        order = generator.permutation(rows)
        if epoch <= first:
            head = _epochs()[0](inputs, targets, order, head, rate, batch_size)
        else:
            head, trunk = _epochs()[1](
                features, targets, order, head, trunk, relu, rate, batch_size
            )
            inputs = _hidden(features, *trunk, relu=relu)
        report(_point(inputs, head, targets, learned, held, epoch, first + further))
    return _answer(head, trunk, request, first + further, start_s, was_stopped=False)


def warm_up() -> None:
    """Trace what a training runs."""
    request = {
        "classes": 2,
        "epochs": 1,
        "batch_size": 2,
        "learning_rate": 0.01,
        "validation_split": 0.0,
        "fine_tuning_epochs": 1,
        "relu": True,
        "balanced": False,
        "seed": 0,
    }
    arrays: Arrays = {
        "features": np.zeros((3, 2), np.float32),
        "targets": np.array([0, 1, 1]),
        "takes": np.arange(3),
        "trunk_kernel": np.zeros((2, 2), np.float32),
        "trunk_bias": np.zeros(2, np.float32),
    }
    train_words(request, arrays, lambda update: None, lambda: False)


def _split(
    targets: NDArray[np.int64], takes: NDArray[np.int64], share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows to learn from and those held out; the windows of a take stay together."""
    generator = np.random.default_rng([seed, 1])
    held: list[int] = []
    for label in np.unique(targets):
        own = generator.permutation(np.unique(takes[targets == label]))
        # As the original rounds; a word keeps at least one take.
        kept = max(1, int(np.floor(len(own) * (1 - share) + 0.5)))
        held += [int(take) for take in own[kept:]]
    mask = np.isin(takes, held)
    return np.flatnonzero(~mask), np.flatnonzero(mask)


def _balanced(rows: NDArray[np.int64], targets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return rows of which each class has as many, by repeating those of the smaller ones."""
    parts = [rows[targets[rows] == label] for label in np.unique(targets[rows])]
    most = max(len(part) for part in parts)
    return np.concatenate([np.resize(part, most) for part in parts])


@cache
def _epochs() -> tuple[Any, Any]:
    """Return the compiled epochs: of the head alone, and with the layer before it."""
    import tensorflow as tf

    def loss_of(logits: Any, wanted: Any) -> Any:
        return tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels=wanted, logits=logits)
        )

    def less(values: Any, gradients: Any, rate: Any) -> list[Any]:
        return [value - rate * slope for value, slope in zip(values, gradients, strict=True)]

    def head_epoch(
        inputs: Any, targets: Any, order: Any, head: Any, rate: Any, batch_size: Any
    ) -> Any:
        for start in tf.range(0, tf.size(order), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                tape.watch(head)
                loss = loss_of(
                    tf.gather(inputs, rows) @ head[0] + head[1], tf.gather(targets, rows)
                )
            head = less(head, tape.gradient(loss, head), rate)
        return head

    def both_epoch(
        features: Any,
        targets: Any,
        order: Any,
        head: Any,
        trunk: Any,
        relu: Any,
        rate: Any,
        batch_size: Any,
    ) -> Any:
        for start in tf.range(0, tf.size(order), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                tape.watch([head, trunk])
                hidden = tf.gather(features, rows) @ trunk[0] + trunk[1]
                hidden = tf.where(relu, tf.nn.relu(hidden), hidden)
                loss = loss_of(hidden @ head[0] + head[1], tf.gather(targets, rows))
            head_slopes, trunk_slopes = tape.gradient(loss, [head, trunk])
            head, trunk = less(head, head_slopes, rate), less(trunk, trunk_slopes, rate)
        return head, trunk

    matrix = tf.TensorSpec([None, None], tf.float32)
    layer = [matrix, tf.TensorSpec([None], tf.float32)]
    rows = [tf.TensorSpec([None], tf.int64), tf.TensorSpec([None], tf.int64)]
    numbers = [tf.TensorSpec([], tf.float32), tf.TensorSpec([], tf.int32)]
    flag = tf.TensorSpec([], tf.bool)
    return (
        tf.function(head_epoch, input_signature=[matrix, *rows, layer, *numbers]),
        tf.function(both_epoch, input_signature=[matrix, *rows, layer, layer, flag, *numbers]),
    )


def _hidden(
    features: NDArray[np.float32], kernel: Any, bias: Any, *, relu: bool
) -> NDArray[np.float32]:
    """Return what the head reads."""
    hidden: NDArray[np.float32] = features @ np.asarray(kernel) + np.asarray(bias)
    return np.maximum(hidden, 0) if relu else hidden


def _point(
    inputs: NDArray[np.float32],
    head: list[Any],
    targets: NDArray[np.int64],
    learned: NDArray[np.int64],
    held: NDArray[np.int64],
    epoch: int,
    epochs: int,
) -> dict[str, Any]:
    logits = (inputs @ np.asarray(head[0]) + np.asarray(head[1])).astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(targets)), targets]
    right = logits.argmax(axis=1) == targets
    point: dict[str, Any] = {
        "epoch": epoch,
        "epochs": epochs,
        "loss": float(losses[learned].mean()),
        "accuracy": float(right[learned].mean()),
    }
    if len(held):
        point["val_loss"] = float(losses[held].mean())
        point["val_accuracy"] = float(right[held].mean())
    return point


def _answer(
    head: list[Any],
    trunk: list[Any],
    request: dict[str, Any],
    epoch: int,
    start_s: float,
    *,
    was_stopped: bool,
) -> tuple[dict[str, Any], Arrays]:
    made: Arrays = {"kernel": np.asarray(head[0]), "bias": np.asarray(head[1])}
    if epoch > int(request["epochs"]):
        made |= {"trunk_kernel": np.asarray(trunk[0]), "trunk_bias": np.asarray(trunk[1])}
    answer: dict[str, Any] = {"epochs": epoch, "seconds": time.monotonic() - start_s}
    return ({**answer, "stopped": True} if was_stopped else answer), made
