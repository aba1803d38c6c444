"""Trains: seeded, with checkpoints, resumable, from batches that another process makes."""

from __future__ import annotations

import json
import multiprocessing as mp
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.training.speech.network import build

__all__ = ["Plan", "train"]


@dataclass(frozen=True)
class Plan:
    """How long and how to train.

    Parameters
    ----------
    network : str
        A key of ``ARCHITECTURES``.
    steps : int
        Batches.
    batch : int
        Windows in a batch.
    rate : float
        Highest learning rate; it rises over `warm` steps, holds, and falls to nearly nothing.
    warm : int
        Steps.
    hold : float
        Share of the steps before the rate falls.
    decay : float
        Weight decay.
    smoothing : float
        Of the labels.
    average : float
        Of the weights: each step, so much of the running average is kept.
    seed : int
        For weights and batches.
    start_from : str
        Weights to begin with, or ``""``.
    without : tuple of str
        Speakers to leave out.
    mix : str
        A key of ``MIXES``.
    checkpoint_s : float
        Seconds between checkpoints.
    """

    network: str = "fine"
    steps: int = 3000
    batch: int = 128
    rate: float = 2e-3
    warm: int = 150
    hold: float = 0.6
    decay: float = 2e-2
    smoothing: float = 0.05
    average: float = 0.998
    seed: int = 7
    start_from: str = ""
    without: tuple[str, ...] = field(default=())
    mix: str = "clips"
    checkpoint_s: float = 540.0


def _feed(folder: Path, plan: Plan, first: int, stride: int, queue: Any) -> None:
    from models.training.speech.batches import Batches

    source = Batches(folder, seed=plan.seed, size=plan.batch, without=plan.without, mix=plan.mix)
    for step in range(first, plan.steps, stride):
        inputs, targets = source.batch(step)
        queue.put((inputs.astype(np.float16), targets))


def _stream(
    folder: Path, plan: Plan, first: int, feeders: int
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    context = mp.get_context("spawn")
    # One queue a feeder keeps the order, so a resumed run sees what it would have seen.
    queues = [context.Queue(maxsize=6) for _ in range(feeders)]
    workers = [
        context.Process(
            target=_feed, args=(folder, plan, first + place, feeders, queues[place]), daemon=True
        )
        for place in range(feeders)
    ]
    for worker in workers:
        worker.start()
    try:
        for step in range(first, plan.steps):
            inputs, targets = queues[(step - first) % feeders].get(timeout=600)
            yield inputs.astype(np.float32), targets
    finally:
        for worker in workers:
            worker.terminate()


def _rate(plan: Plan, step: int) -> float:
    if step < plan.warm:
        return plan.rate * (step + 1) / plan.warm
    start = plan.hold * plan.steps
    share = max(0.0, (step - start) / max(plan.steps - start, 1))
    return plan.rate * (0.01 + 0.99 * (1 - share))


def train(
    folder: Path,
    run: Path,
    plan: Plan,
    *,
    feeders: int = 1,
    watch: Callable[[Any], str] | None = None,
    keep: Collection[int] = (),
) -> Path:
    """Train a network, or go on where a run with the same plan stopped.

    Parameters
    ----------
    folder : pathlib.Path
        With the banks.
    run : pathlib.Path
        Gets ``plan.json``, ``log.txt``, ``state.npz`` and at the end ``average.weights.h5``.
    plan : Plan
        How.
    feeders : int
        Processes that make batches.
    watch : callable, optional
        Given the model with averaged weights at each checkpoint; what it returns is logged.
    keep : collection of int
        Steps whose averaged weights are kept in a file of their own.

    Returns
    -------
    pathlib.Path
        The averaged weights.
    """
    import keras
    import tensorflow as tf

    run.mkdir(parents=True, exist_ok=True)
    settings = json.dumps(asdict(plan), indent=1)
    state_path, plan_path = run / "state.npz", run / "plan.json"
    if state_path.exists() and plan_path.read_text() != settings:
        raise SystemExit(f"{run} holds a run with another plan: give it another name")
    plan_path.write_text(settings)
    keras.utils.set_random_seed(plan.seed)
    model = build(plan.network)
    if plan.start_from:
        model.load_weights(plan.start_from)
    optimizer = keras.optimizers.AdamW(plan.rate, weight_decay=plan.decay, clipnorm=5.0)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    optimizer.build(model.trainable_variables)
    average = [tf.Variable(value) for value in model.weights]
    first = 0
    variables = [*model.weights, *optimizer.variables, *average]
    if state_path.exists():
        with np.load(state_path) as saved:
            first = int(saved["step"])
            for place, variable in enumerate(variables):
                variable.assign(saved[f"v{place}"])
        if first >= plan.steps:
            return run / "average.weights.h5"
    else:
        for held, value in zip(average, model.weights, strict=True):
            held.assign(value)
    loss_of = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=plan.smoothing)

    @tf.function(reduce_retracing=True)
    def step_of(inputs: Any, targets: Any, kept: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of(targets, model(inputs, training=True))
        slopes = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(slopes, model.trainable_variables, strict=True))
        for held, value in zip(average, model.weights, strict=True):
            held.assign(kept * held + (1 - kept) * value)
        return loss

    averaged = build(plan.network)

    def use_average() -> Any:
        for variable, value in zip(averaged.weights, average, strict=True):
            variable.assign(value)
        return averaged

    def save(step: int, losses: list[float], began: float) -> None:
        partial = run / "part.npz"
        values = {f"v{place}": variable.numpy() for place, variable in enumerate(variables)}
        np.savez(partial, step=step, **values)
        partial.replace(state_path)
        use_average().save_weights(run / "average.weights.h5")
        note = watch(averaged) if watch else ""
        line = f"step {step} loss {np.mean(losses):.4f} {time.time() - began:.0f} s {note}"
        with (run / "log.txt").open("a") as log:
            log.write(line + "\n")
        print(line, flush=True)

    began = saved_at = time.time()
    losses: list[float] = []
    step = first
    for inputs, targets in _stream(folder, plan, first, feeders):
        # Early averages would drag the random start along.
        kept = min(plan.average, (1 + step) / (10 + step))
        optimizer.learning_rate.assign(_rate(plan, step))
        loss = step_of(tf.constant(inputs), tf.constant(targets), tf.constant(kept, tf.float32))
        losses.append(float(loss))
        step += 1
        if step in keep:
            use_average().save_weights(run / f"step_{step}.weights.h5")
        if time.time() - saved_at > plan.checkpoint_s:
            save(step, losses, began)
            losses, saved_at = [], time.time()
    save(step, losses or [float("nan")], began)
    return run / "average.weights.h5"
