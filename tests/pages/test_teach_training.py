"""Trainings on the page "Teach pictures", with the real worker process, without a browser."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from streamlit.testing.v1 import AppTest

from core.errors import TeachdeckError
from core.vision import teaching as teach_module
from pages.components import cached, i18n, teach_learning
from tests.pages.test_teach_page import _fill, _open, _teach, _texts, _until

if TYPE_CHECKING:
    from pages.components.teach_session import TeachSession

pytestmark = pytest.mark.slow


def _train(app: AppTest, *, timeout_s: float = 200) -> TeachSession:
    app.button(key="teach_train").click().run()
    assert not app.exception
    teach = _teach(app)
    _until(lambda: not teach.job.running, timeout_s=timeout_s)
    app.run()
    assert not app.exception
    return teach


@pytest.fixture(autouse=True)
def _worker_ends() -> object:
    yield
    cached.keras_worker().close()


def test_a_training_gives_curves_a_score_and_a_model_and_can_go_on(home: Path) -> None:
    app = _open()
    _fill(app, count=10)
    teach = _train(app)
    assert teach.job.error is None
    first = teach.run
    assert first.epochs == 30
    assert len(first.points) == 31  # the first is before the first step
    assert first.score.count >= 10
    assert app.get("plotly_chart")
    app.button(key="teach_go_on").click().run()
    _until(lambda: not teach.job.running)
    app.run()
    assert teach.run.epochs == 60
    assert [run.number for run in teach.runs] == [1, 2]
    app.button(key=f"teach_use_{id(first)}").click().run()
    assert teach.run is first
    # Killed in mid-training: a sentence, and the next training starts a new process.
    teach.options["default", "", "epochs"] = 500
    app.run()
    app.button(key="teach_train").click().run()
    _until(lambda: len(teach.job.points) > 2)
    os.kill(cached.keras_worker().process_id, signal.SIGKILL)
    _until(lambda: not teach.job.running)
    app.run()
    assert app.error[0].value.startswith(i18n.catalogue("en")["worker.died"].partition("(")[0])
    assert teach.samples.counts() == {"round": 10, "square": 10}
    assert teach.run is first
    # A page that is left and entered again finds its training; stopped, it keeps what it learned.
    teach.options["default", "", "batch_size"] = 1
    app.run()
    app.button(key="teach_train").click().run()
    _until(lambda: len(teach.job.points) > 2)
    app.switch_page("pages/home.py").run()
    app.switch_page("pages/teach_pictures.py").run()
    assert app.button(key="teach_job_stop")
    app.button(key="teach_job_stop").click().run()
    _until(lambda: not teach.job.running)
    app.run()
    assert teach.run.stopped
    assert teach.run.epochs < 500
    assert not app.exception


def test_stopping_while_features_are_computed_loses_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = []

    def slow(*_: object, report: Callable[..., None], stopped: Callable[[], bool], **__: object):
        while not stopped():
            report(teach_module.TeachProgress("features", 0.5))
            reached.append(1)
            time.sleep(0.01)
        raise teach_module.StoppedError

    monkeypatch.setattr(teach_learning, "teach_pictures", slow)
    app = _open()
    teach = _fill(app)
    app.button(key="teach_train").click().run()
    _until(lambda: bool(reached))
    app.button(key="teach_job_stop").click().run()
    _until(lambda: not teach.job.running)
    app.run()
    assert i18n.catalogue("en")["teachtraining.stopped_early"] in _texts(app)
    assert teach.samples.counts() == {"round": 6, "square": 6}
    assert not app.button(key="teach_train").disabled


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_training_that_cannot_be_is_a_sentence(home: Path, language: str) -> None:
    app = _open(language)
    teach = _fill(app)
    teach.add_class()
    app.run()
    teach = _train(app)
    assert isinstance(teach.job.error, TeachdeckError)
    template = i18n.catalogue(language)["evaluation.empty_class"]
    assert app.error[0].value.startswith(template.partition("{")[0][:8])
