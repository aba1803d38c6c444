"""Teaching from samples to a saved model, with the real network and the real worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.datasets.project import Project, open_project, save_project
from core.datasets.samples import SampleSet
from core.errors import ModelError, TeachdeckError, UsageError
from core.pretrained.store import ModelStore
from core.vision.features import FeatureCache
from core.vision.saved import head_from_project, load_taught_model, save_taught_model
from core.vision.settings import TeachSettings
from core.vision.taught import TaughtImageModel
from core.vision.teach import (
    ImageTeacher,
    StoppedError,
    TaughtRun,
    TeachProgress,
    teach_pictures,
)
from core.vision.why import explain_taught
from core.worker import KerasWorker
from tests.unit.vision.taught_world import KINDS, drawn, drawn_set, store_in

pytestmark = pytest.mark.slow
MODEL = "efficientnet-lite0"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    return store_in(tmp_path_factory.mktemp("teach"))


@pytest.fixture(scope="module")
def worker() -> Iterator[KerasWorker]:
    with KerasWorker() as made:
        made.warm()
        yield made


@pytest.fixture(scope="module")
def cache() -> FeatureCache:
    return FeatureCache()


@pytest.fixture(scope="module")
def samples() -> SampleSet:
    return drawn_set(10)


@pytest.fixture(scope="module")
def reports() -> list[TeachProgress]:
    return []


@pytest.fixture(scope="module")
def run(
    store: ModelStore,
    worker: KerasWorker,
    cache: FeatureCache,
    samples: SampleSet,
    reports: list[TeachProgress],
) -> TaughtRun:
    settings = replace(TeachSettings.default(MODEL), augmentation=1, epochs=20)
    return teach_pictures(
        samples.snapshot(), settings, store=store, worker=worker, cache=cache, report=reports.append
    )


def test_the_default_head_knows_pictures_that_it_has_not_seen(run: TaughtRun) -> None:
    new = [(kind, drawn(kind, seed)) for kind in KINDS for seed in range(50, 58)]
    right = [run.model.predict(content).label == kind for kind, content in new]
    assert np.mean(right) >= 0.9
    assert run.score is not None
    assert run.score.method == "k_fold"
    assert run.score.accuracy >= 0.9
    assert run.score.calibration is not None
    assert run.model.head.temperature == run.score.calibration.temperature


def test_every_class_is_listed_and_the_most_probable_comes_first(run: TaughtRun) -> None:
    answer = run.model.predict(drawn("disc", 99))
    assert {entry.label for entry in answer.predictions} == set(KINDS)
    probabilities = [entry.probability for entry in answer.predictions]
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) == pytest.approx(1, abs=1e-5)


def test_progress_goes_through_the_stages_and_the_curve_holds_out_a_part(
    run: TaughtRun, reports: list[TeachProgress]
) -> None:
    stages = list(dict.fromkeys(entry.stage for entry in reports))
    assert [stage for stage in stages if stage != "queue"] in (
        ["features", "worker", "training", "check", "done"],
        ["features", "training", "check", "done"],
    )
    assert [point.epoch for point in run.curve] == list(range(21))
    assert all(point.val_accuracy is not None for point in run.curve)
    assert [entry.point for entry in reports if entry.point is not None] == list(run.curve)
    assert all(0 <= entry.part <= 1 for entry in reports)


def test_strangers_are_rejected_and_the_threshold_can_be_moved(run: TaughtRun) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 90, 3), np.uint8)
    assert run.model.predict(noise).rejected
    known = run.model.predict(drawn("bars", 71))
    assert not known.rejected
    assert run.model.with_threshold(known.familiarity + 1e-3).predict(drawn("bars", 71)).rejected
    lax = run.model.with_threshold(-1.0)
    assert not lax.predict(noise).rejected
    rejection = lax.head.rejection
    assert rejection is not None
    assert rejection.suggested == run.model.head.rejection.threshold  # type: ignore[union-attr]


def test_the_map_of_a_linear_head_is_exact(run: TaughtRun) -> None:
    answer = run.model.predict(drawn("disc", 5))
    explanation = explain_taught(run.model, answer)
    assert explanation.kind == "cam"
    logits = run.model.head.logits(answer.features[np.newaxis])[0]
    index = answer.predictions[0].index
    assert explanation.class_index == index
    bias = run.model.head.dense[0].bias[index]
    assert explanation.evidence.mean() + bias == pytest.approx(logits[index], abs=1e-3)


def test_a_saved_model_predicts_the_same_and_has_no_pictures_in_it(
    run: TaughtRun, store: ModelStore, samples: SampleSet, tmp_path: Path
) -> None:
    content = save_taught_model(run.model, results={"note": "kept"})
    path = tmp_path / "marks.zip"
    path.write_bytes(content)
    for source in (path, content):
        loaded = load_taught_model(source, store)
        picture = drawn("disc", 3)
        first, second = run.model.predict(picture), loaded.predict(picture)
        np.testing.assert_array_equal(first.probabilities, second.probabilities)
        assert (first.rejected, first.familiarity) == (second.rejected, second.familiarity)
        assert loaded.head.settings == run.model.head.settings
    assert open_project(content).samples.samples == ()
    kept = save_taught_model(run.model, samples=samples.snapshot())
    assert len(open_project(kept).samples.samples) == len(samples.samples())


def test_a_project_without_a_head_or_with_a_damaged_one_says_so(
    run: TaughtRun, store: ModelStore, samples: SampleSet
) -> None:
    with pytest.raises(UsageError) as none:
        load_taught_model(save_project(Project("pictures", samples.snapshot())), store)
    assert none.value.code == "teach.no_head"
    good = open_project(save_taught_model(run.model))
    description = dict(good.results["head"])
    for key, value in (
        ("labels", ["a"]),
        ("labels", "abc"),
        ("labels", ["a", "a", "b"]),
        ("activations", ["softmax"] * 2000),
        ("activations", ["tanh"]),
        ("feature_shape", [1 << 60]),
        ("feature_shape", None),
        ("preprocessing", {"input_size_px": 10**9}),
        ("temperature", 0),
        ("rejection", {"kind": "similarity", "threshold": "0"}),
        ("backbone", 7),
        ("settings", []),
    ):
        broken = replace(good, results={"head": {**description, key: value}})
        with pytest.raises(ModelError) as caught:
            head_from_project(broken)
        assert caught.value.code == "teach.head_file", key
    other = replace(good, results={"head": {**description, "backbone_sha256": "0" * 64}})
    with pytest.raises(ModelError) as caught:
        load_taught_model(save_project(other), store)
    assert caught.value.code == "teach.other_backbone"


def test_a_training_goes_on_where_it_ended(
    run: TaughtRun, store: ModelStore, worker: KerasWorker, cache: FeatureCache, samples: SampleSet
) -> None:
    settings = replace(run.settings, epochs=2, check=False)
    more = teach_pictures(
        samples.snapshot(), settings, store=store, worker=worker, cache=cache, begin=run
    )
    assert more.epochs == 22
    assert [point.epoch for point in more.curve] == list(range(23))
    assert more.curve[-1].loss <= run.curve[-1].loss * 1.5
    # The curve goes on from the head that has not learned what is held out, the model from all.
    assert run.held_back is not None
    assert more.held_back is not None
    assert not np.array_equal(run.held_back["kernel/0"], run.model.head.dense[0].kernel)
    renamed = drawn_set(10)
    renamed.rename_class("disc", "circle")
    with pytest.raises(UsageError) as caught:
        teach_pictures(
            renamed.snapshot(), settings, store=store, worker=worker, cache=cache, begin=run
        )
    assert caught.value.code == "teach.other_form"


def test_stopping_gives_the_head_as_it_is_then(
    store: ModelStore, worker: KerasWorker, cache: FeatureCache, samples: SampleSet
) -> None:
    stop = threading.Event()

    def report(progress: TeachProgress) -> None:
        if progress.point is not None and progress.point.epoch == 3:
            stop.set()

    settings = replace(TeachSettings.default(MODEL), epochs=500)
    run = teach_pictures(
        samples.snapshot(),
        settings,
        store=store,
        worker=worker,
        cache=cache,
        report=report,
        stopped=stop.is_set,
    )
    assert run.stopped
    assert 3 <= run.epochs < 500
    assert run.score is not None
    assert run.score.method == "validation"


def test_stopping_before_anything_was_learned_is_told_apart(
    store: ModelStore, worker: KerasWorker
) -> None:
    with pytest.raises(StoppedError):
        teach_pictures(
            drawn_set(2).snapshot(),
            TeachSettings.default(MODEL),
            store=store,
            worker=worker,
            stopped=lambda: True,
        )


def test_two_sessions_train_at_once_and_see_their_own_samples_only(
    store: ModelStore, worker: KerasWorker
) -> None:
    sets = [drawn_set(5, kinds=KINDS[:2]), drawn_set(6, kinds=KINDS[1:])]
    runs: dict[int, TaughtRun] = {}
    places: list[int] = []

    def teach(at: int) -> None:
        settings = replace(TeachSettings.default(MODEL), epochs=10 + at, check=False)
        runs[at] = teach_pictures(
            sets[at].snapshot(),
            settings,
            store=store,
            worker=worker,
            report=lambda progress: places.append(progress.place),
        )

    threads = [threading.Thread(target=teach, args=(at,)) for at in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert runs[0].model.labels == KINDS[:2]
    assert runs[1].model.labels == KINDS[1:]
    assert [len(runs[at].curve) for at in range(2)] == [11, 12]


def test_the_articles_head_is_taught_on_flattened_maps_of_another_network_too(
    store: ModelStore, worker: KerasWorker, cache: FeatureCache
) -> None:
    settings = replace(TeachSettings.article(MODEL), check=False)
    run = teach_pictures(drawn_set(6).snapshot(), settings, store=store, worker=worker, cache=cache)
    head = run.model.head
    assert (head.layer, head.pooled, head.feature_shape) == ("top_activation", False, (7, 7, 1280))
    assert [layer.kernel.shape for layer in head.dense] == [(62720, 10), (10, 3)]
    assert run.score is None
    assert explain_taught(run.model, run.model.predict(drawn("disc", 1))).kind == "occlusion"


def test_what_cannot_be_taught_is_said_before_training(
    store: ModelStore, worker: KerasWorker, cache: FeatureCache
) -> None:
    same = drawn_set(2, kinds=("disc",))
    for sample in same.samples():
        same.add("also", sample.content)
    empty = drawn_set(2, kinds=("disc", "bars"))
    empty.add_class("empty")
    for samples, code in (
        (SampleSet(), "evaluation.one_class"),
        (drawn_set(3, kinds=("disc",)), "evaluation.one_class"),
        (empty, "evaluation.empty_class"),
        (same, "evaluation.equal_classes"),
    ):
        with pytest.raises(TeachdeckError) as caught:
            teach_pictures(
                samples.snapshot(),
                TeachSettings.default(MODEL),
                store=store,
                worker=worker,
                cache=cache,
            )
        assert caught.value.code == code


def test_the_teacher_keeps_scikit_learns_contract(store: ModelStore, worker: KerasWorker) -> None:
    pictures = [drawn(kind, seed) for kind in KINDS for seed in range(5)]
    labels = [kind for kind in KINDS for _ in range(5)]
    settings = replace(TeachSettings.default(MODEL), check=False)
    teacher = ImageTeacher(settings, store=store, worker=worker)
    with pytest.raises(UsageError):
        teacher.predict_proba(pictures)
    assert teacher.fit(pictures, labels) is teacher
    assert teacher.classes_.tolist() == sorted(KINDS)
    shares = teacher.predict_proba(pictures[:4])
    assert shares.shape == (4, 3)
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-5)
    assert teacher.score(pictures, labels) >= 0.9
    assert isinstance(teacher.model_, TaughtImageModel)
    with pytest.raises(UsageError) as caught:
        teacher.fit(pictures, labels[:-1])
    assert caught.value.code == "teach.lengths"


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 0},
        {"epochs": 1.5},
        {"epochs": True},
        {"learning_rate": float("nan")},
        {"learning_rate": 2.0},
        {"validation_share": 0.9},
        {"seed": -1},
        {"batch_size": 10**9},
        {"layer": ""},
        {"augmentation": 11},
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(UsageError) as caught:
        replace(TeachSettings.default(MODEL), **change)  # type: ignore[arg-type]
    assert caught.value.code == "teach.setting"


def test_settings_survive_json() -> None:
    settings = replace(TeachSettings.article(MODEL), seed=7)
    assert TeachSettings.from_dict({**settings.to_dict(), "unknown": 1}) == settings
