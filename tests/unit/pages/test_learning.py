"""Trainings in threads, and the charts of how they went."""

from __future__ import annotations

import math
import time

import pytest

from core.errors import UsageError
from pages.components.learning_charts import Curve, confusion_map, learning_curves, reliability
from pages.components.learning_job import LearningJob, Point, start_job
from pages.components.learning_panel import curves_of


def _ended(job: LearningJob) -> LearningJob:
    end_s = time.monotonic() + 10
    while job.running and time.monotonic() < end_s:
        time.sleep(0.005)
    assert not job.running
    return job


def test_a_job_ends_with_what_its_work_returns() -> None:
    job = LearningJob(3)
    start_job(job, lambda job: job.epochs * 2, name="test")
    assert _ended(job).result == 6
    assert job.stage == "done"
    assert job.seconds >= 0


def test_a_stopped_job_ends_at_its_next_step_without_a_result() -> None:
    job = LearningJob(3)

    def work(job: LearningJob) -> str:
        while True:
            job.at("training", 0.5)
            time.sleep(0.002)

    start_job(job, work, name="test")
    job.stop.set()
    assert _ended(job).stage == "stopped"
    assert job.result is None


def test_an_error_is_kept_for_the_page() -> None:
    job = LearningJob(3)

    def work(job: LearningJob) -> None:
        raise UsageError("samples.gone")

    start_job(job, work, name="test")
    assert _ended(job).error is not None
    assert job.stage == "failed"


def test_a_fault_of_the_program_gets_a_reference(caplog: pytest.LogCaptureFixture) -> None:
    job = LearningJob(3)
    start_job(job, lambda job: 1 / 0, name="test")
    assert _ended(job).reference in caplog.text
    assert job.stage == "failed"


def test_curves_show_what_was_held_out_only_where_something_was() -> None:
    point = Point(0.5, 1.0, math.nan, math.nan)
    assert [curve.held_out for curve in curves_of([point])] == [False]
    held_out = Point(0.5, 1.0, 0.4, 1.2)
    assert [curve.held_out for curve in curves_of([held_out])] == [False, True]


def test_the_axis_of_epochs_has_its_final_length_at_once() -> None:
    figure = learning_curves([Curve("training", [0.5], [1.0])], epochs=40)
    assert list(figure.layout.xaxis.range) == [-0.5, 40.5]
    assert [trace.name for trace in figure.data] == ["training", "training"]


def test_the_first_epoch_may_be_measured_after_it_was_learned() -> None:
    figure = learning_curves([Curve("training", [0.5, 1.0], [1.0, 0.1])], epochs=2, first=1)
    assert list(figure.data[0].x) == [1, 2]


def test_names_with_markup_are_shown_letter_by_letter() -> None:
    figure = confusion_map([[3, 0], [1, 2]], ["<b>cat</b>", "dog"])
    assert figure.layout.xaxis.ticktext[0] == "&lt;b&gt;cat&lt;/b&gt;"
    assert {annotation.text for annotation in figure.layout.annotations} == {
        "<b>3</b>",
        "0",
        "1",
        "<b>2</b>",
    }


def test_reliability_is_drawn_in_percent() -> None:
    figure = reliability([0.5, 0.9], [0.4, 1.0], [10, 40])
    assert list(figure.data[1].x) == [50, 90]
    assert list(figure.data[1].y) == [40, 100]
