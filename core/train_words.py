"""Train the head of a speech network as TensorFlow.js does, with Keras, in the worker process."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.worker_tasks import Report, Stopped

__all__ = ["train_words"]

Arrays = dict[str, NDArray[Any]]


def train_words(
    request: dict[str, Any], arrays: Arrays, report: Report, stopped: Stopped
) -> tuple[dict[str, Any], Arrays]:
    """Train ``NewHeadDense`` by SGD, then, if asked for, the layer before it too.

    Parameters
    ----------
    request : dict
        ``classes``, ``epochs``, ``batch_size``, ``learning_rate``, ``validation_split``,
        ``fine_tuning_epochs``, ``relu``, ``seed``.
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
    keras.utils.set_random_seed(seed)
    features = np.ascontiguousarray(arrays["features"], np.float32)
    targets = np.ascontiguousarray(arrays["targets"], np.int64)
    learned, held = _split(targets, arrays["takes"], float(request["validation_split"]), seed)
    trunk = keras.layers.Dense(
        arrays["trunk_kernel"].shape[1], activation="relu" if request["relu"] else None
    )
    head = keras.layers.Dense(
        int(request["classes"]), kernel_initializer="glorot_normal", name="NewHeadDense"
    )
    model = keras.Sequential([keras.Input((features.shape[1],)), trunk, head])
    trunk.set_weights([arrays["trunk_kernel"], arrays["trunk_bias"]])
    if "kernel" in arrays:
        head.set_weights([arrays["kernel"], arrays["bias"]])
    generator = np.random.default_rng(seed)
    batch_size = int(request["batch_size"])
    total = int(request["epochs"]) + int(request["fine_tuning_epochs"])
    epoch = 0
    for epochs, layers in (
        (int(request["epochs"]), (head,)),
        (int(request["fine_tuning_epochs"]), (trunk, head)),
    ):
        if epochs == 0:
            continue
        variables = [variable for layer in layers for variable in layer.trainable_variables]
        step = _step(tf, model, variables, float(request["learning_rate"]), features.shape[1])
        for _ in range(epochs):
            order = generator.permutation(learned)
            for start in range(0, len(order), batch_size):
                if stopped():
                    return _answer(head, trunk, request, epoch, start_s, was_stopped=True)
                chosen = order[start : start + batch_size]
                step(features[chosen], targets[chosen])
            epoch += 1
            report(_point(model, features, targets, learned, held, epoch, total))
    return _answer(head, trunk, request, epoch, start_s, was_stopped=False)


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


def _step(tf: Any, model: Any, variables: list[Any], rate: float, units: int) -> Any:
    def step(batch: Any, wanted: Any) -> None:
        with tf.GradientTape() as tape:
            logits = model(batch, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(wanted, logits)
            loss = tf.reduce_mean(losses)
        for variable, gradient in zip(
            variables, tape.gradient(loss, [v.value for v in variables]), strict=True
        ):
            variable.assign_sub(rate * gradient)

    return tf.function(
        step,
        input_signature=[
            tf.TensorSpec([None, units], tf.float32),
            tf.TensorSpec([None], tf.int64),
        ],
    )


def _point(
    model: Any,
    features: NDArray[np.float32],
    targets: NDArray[np.int64],
    learned: NDArray[np.int64],
    held: NDArray[np.int64],
    epoch: int,
    epochs: int,
) -> dict[str, Any]:
    kernel, bias, head_kernel, head_bias = model.get_weights()
    hidden = features @ kernel + bias
    if model.layers[0].activation.__name__ == "relu":
        hidden = np.maximum(hidden, 0)
    logits = (hidden @ head_kernel + head_bias).astype(np.float64)
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
    head: Any, trunk: Any, request: dict[str, Any], epoch: int, start_s: float, *, was_stopped: bool
) -> tuple[dict[str, Any], Arrays]:
    kernel, bias = head.get_weights()
    made: Arrays = {"kernel": kernel, "bias": bias}
    if epoch > int(request["epochs"]):
        made["trunk_kernel"], made["trunk_bias"] = trunk.get_weights()
    answer: dict[str, Any] = {"epochs": epoch, "seconds": time.monotonic() - start_s}
    return ({**answer, "stopped": True} if was_stopped else answer), made
