"""The process that trains: queue, progress, stop, and what happens when it dies."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import TeachdeckError, UsageError
from core.worker import Job, KerasWorker
from core.worker_tasks import TASKS

pytestmark = pytest.mark.slow
RNG = np.random.default_rng(0)
LABELS = np.arange(30) % 3
FEATURES = (RNG.normal(size=(30, 6)) + 3 * np.eye(6)[LABELS]).astype(np.float32)


@pytest.fixture(scope="module")
def worker() -> Iterator[KerasWorker]:
    with KerasWorker() as made:
        yield made


def train(worker: KerasWorker, *, arrays: dict[str, Any] | None = None, **changes: Any) -> Job:
    request = {
        "classes": 3,
        "hidden_units": 4,
        "epochs": 3,
        "batch_size": 8,
        "learning_rate": 0.01,
        **changes,
    }
    return worker.submit(
        "train_head", request, {"features": FEATURES, "labels": LABELS, **(arrays or {})}
    )


def test_a_training_reports_its_curve_and_returns_its_weights(worker: KerasWorker) -> None:
    rows = np.arange(30)
    job = train(
        worker,
        epochs=40,
        arrays={"train": rows[:24], "validation": rows[24:], "folds": rows % 5},
    )
    answer, arrays = job.result(300)
    assert answer["epochs"] == 40
    epochs = [update for update in job.updates() if "epoch" in update]
    assert [update["epoch"] for update in epochs] == list(range(41))
    assert epochs[-1]["loss"] < epochs[0]["loss"] / 2
    assert {"accuracy", "val_loss", "val_accuracy", "batches"} <= set(epochs[-1])
    assert [update["fold"] for update in job.updates() if "fold" in update] == [0, 1, 2, 3, 4, 5]
    shapes = {name: array.shape for name, array in arrays.items()}
    assert shapes == {
        "kernel/0": (6, 4),
        "bias/0": (4,),
        "kernel/1": (4, 3),
        "bias/1": (3,),
        "fold_logits": (30, 3),
    }
    hidden = np.maximum(FEATURES[:24] @ arrays["kernel/0"] + arrays["bias/0"], 0)
    right = (hidden @ arrays["kernel/1"] + arrays["bias/1"]).argmax(1) == LABELS[:24]
    assert right.mean() == pytest.approx(epochs[-1]["accuracy"])
    assert (arrays["fold_logits"].argmax(1) == LABELS).mean() > 0.8


def test_an_augmented_copy_is_never_learned_from_while_its_original_is_held_out(
    worker: KerasWorker,
) -> None:
    # Noise labels: only whoever has seen a row's copy can name it.
    features = RNG.normal(size=(20, 30)).astype(np.float32)
    labels = RNG.integers(0, 3, 20)
    arrays = {
        "features": np.concatenate([features] * 3),
        "labels": np.tile(labels, 3),
        "folds": np.concatenate([np.arange(20) % 5, np.full(40, -1)]),
        "origin": np.tile(np.arange(20), 3),
    }
    job = train(worker, epochs=60, arrays=arrays, hidden_units=0)
    logits = job.result(300)[1]["fold_logits"]
    assert np.isnan(logits[20:]).all()
    assert (logits[:20].argmax(1) == labels).mean() < 0.75


def test_what_was_held_out_for_the_curve_is_learned_in_the_end(worker: KerasWorker) -> None:
    part = {"train": np.arange(24), "validation": np.arange(24, 30)}
    held_back = train(worker, arrays=part).result(300)[1]
    made = train(worker, arrays=part, refit=True).result(300)[1]
    whole = train(worker).result(300)[1]
    for name, value in held_back.items():
        np.testing.assert_array_equal(made[f"held_back/{name}"], value)
        np.testing.assert_array_equal(made[name], whole[name])
    assert "held_back/kernel/0" not in train(worker, refit=True).result(300)[1]


def test_a_training_goes_on_from_weights_and_the_curve_too(worker: KerasWorker) -> None:
    first = train(worker, hidden_units=0).result(300)[1]
    begin = {name: array for name, array in first.items() if "/" in name}
    job = train(worker, hidden_units=0, first_epoch=3, learning_rate=0.0, arrays=begin)
    again = job.result(300)[1]
    np.testing.assert_array_equal(again["kernel/0"], first["kernel/0"])
    assert [update["epoch"] for update in job.updates() if "epoch" in update] == [4, 5, 6]


def test_equal_seeds_give_equal_heads(worker: KerasWorker) -> None:
    one, two, other = (train(worker, seed=seed).result(300)[1] for seed in (5, 5, 6))
    np.testing.assert_array_equal(one["kernel/0"], two["kernel/0"])
    assert not np.array_equal(one["kernel/0"], other["kernel/0"])


def test_one_training_runs_and_the_others_know_their_place(worker: KerasWorker) -> None:
    running = train(worker, epochs=100_000)
    waiting = [train(worker), train(worker)]
    running.wait(300, updates=0)
    assert (running.state, running.place) == ("running", 0)
    assert [job.place for job in waiting] == [1, 2]
    waiting[0].stop()
    assert (waiting[0].state, waiting[1].place) == ("stopped", 1)
    with pytest.raises(UsageError) as caught:
        waiting[0].result()
    assert caught.value.code == "worker.withdrawn"
    running.stop()
    answer, arrays = running.result(60)
    assert running.state == "stopped"
    assert answer["stopped"]
    assert np.isfinite(arrays["kernel/0"]).all()
    assert waiting[1].result(60)[0]["epochs"] == 3


def test_a_killed_process_is_said_and_the_next_job_gets_a_new_one(worker: KerasWorker) -> None:
    job = train(worker, epochs=100_000)
    job.wait(300, updates=0)
    assert worker.process_id is not None
    os.kill(worker.process_id, signal.SIGKILL)
    with pytest.raises(TeachdeckError) as caught:
        job.result(60)
    assert caught.value.code == "worker.died"
    assert job.state == "failed"
    assert train(worker).result(300)[0]["epochs"] == 3


def test_a_task_that_fails_says_why_and_the_process_lives_on(worker: KerasWorker) -> None:
    before = worker.process_id
    job = train(worker, arrays={"labels": np.arange(7)})
    with pytest.raises(TeachdeckError) as caught:
        job.result(300)
    assert caught.value.code == "worker.failed"
    assert train(worker).result(300)[0]["epochs"] == 3
    assert before in (None, worker.process_id)


def test_only_known_tasks_are_done_and_the_queue_ends(worker: KerasWorker) -> None:
    with pytest.raises(UsageError):
        worker.submit("os:system", {})
    assert all(value.startswith("core.") for value in TASKS.values())
    running = train(worker, epochs=100_000)
    waiting: list[Job] = []
    with pytest.raises(UsageError) as caught:
        waiting.extend(train(worker) for _ in range(100))
    assert caught.value.code == "worker.queue_full"
    for job in [*waiting, running]:
        job.stop()
    while worker.queued:
        worker._queue[0].stop()
    running.wait(60)


def test_the_process_ends_when_nobody_needs_it(worker: KerasWorker) -> None:
    train(worker).result(300)
    pid = worker.process_id
    assert pid is not None
    end = time.monotonic() + 20
    while worker.state != "ready" and time.monotonic() < end:
        time.sleep(0.01)
    worker.idle_s = 0.0
    with worker._wake:
        worker._wanted_until = 0.0
        worker._wake.notify_all()
    end = time.monotonic() + 20
    while worker.state != "off" and time.monotonic() < end:
        time.sleep(0.05)
    assert worker.state == "off"
    # It is off before its process has been waited for.
    while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
        time.sleep(0.05)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
