from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.datasets.project import Project, save_project
from core.datasets.samples import SampleSet
from core.errors import ModelError, UsageError
from core.speech import load_model
from core.speech.examples import Example
from core.speech.teach import teach_words
from core.speech.trunk import listening_front_end
from core.speech.word_files import read_words
from core.speech.word_projects import WordProject, open_word_project, save_word_project
from core.speech.word_samples import example_of, sample_of

DEMO = Path(__file__).parents[3] / "models" / "demo_sets" / "words_zh.zip"


@pytest.fixture(scope="module")
def project() -> WordProject:
    base = load_model(None)
    found = read_words(DEMO.read_bytes(), listening_front_end(base), name=DEMO.name).examples
    chosen: list[Example] = []
    for label in dict.fromkeys(example.label for example in found):
        chosen += [example for example in found if example.label == label][:3]
    samples = SampleSet()
    samples.replace_all(
        list(dict.fromkeys(example.label for example in chosen)),
        [sample_of(example) for example in chosen],
    )
    model = teach_words(chosen, base, copies=1, scored=False, other_speech=False).model
    model = replace(model, thresholds={"上一张": 0.8, "下一张": 0.6})
    return WordProject(samples.snapshot(), model, {"preset": "few"}, {"accuracy": 0.9})


def test_a_project_comes_back_with_takes_model_thresholds_settings_and_results(
    project: WordProject,
) -> None:
    saved = save_word_project(project)
    opened = open_word_project(saved)
    assert [sample.digest for sample in opened.samples.samples] == [
        sample.digest for sample in project.samples.samples
    ]
    assert opened.samples.classes == project.samples.classes
    assert (opened.settings, opened.results) == (project.settings, project.results)
    assert project.model is not None
    assert opened.model is not None
    assert opened.model.labels == project.model.labels
    assert opened.model.title == project.model.title
    assert dict(opened.model.thresholds) == dict(project.model.thresholds)
    assert opened.model.front_end == project.model.front_end
    takes = [example_of(one, opened.model.front_end) for one in opened.samples.samples]
    windows = np.stack([take.spectrogram for take in takes])[..., np.newaxis]
    assert np.abs(opened.model.run(windows).scores - project.model.run(windows).scores).max() < 1e-5
    assert save_word_project(opened) == saved


def test_a_project_without_a_model_opens_too(project: WordProject) -> None:
    opened = open_word_project(save_word_project(replace(project, model=None)))
    assert opened.model is None
    assert len(opened.samples.samples) == len(project.samples.samples)


@pytest.mark.parametrize(
    "held",
    [np.zeros(3, np.float32), np.zeros((2, 2), np.uint8), np.frombuffer(b"PK\x03\x04no", np.uint8)],
    ids=["numbers", "a table", "no archive"],
)
def test_a_project_whose_model_is_damaged_is_refused(
    project: WordProject, held: np.ndarray
) -> None:
    content = save_project(Project("words", project.samples, arrays={"model": held}))
    with pytest.raises(ModelError) as error:
        open_word_project(content, name="mine.zip")
    assert error.value.code == "teach.head_file"
    assert "mine.zip" in error.value.message


def test_a_project_of_pictures_is_no_project_of_words(project: WordProject) -> None:
    with pytest.raises(UsageError) as error:
        open_word_project(save_project(Project("pictures", project.samples)))
    assert error.value.code == "samples.project_kind"
