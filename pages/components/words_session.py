"""One visitor's takes and model on the page "Teach words"."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import streamlit as st

from core.audio.decode import decode_audio
from core.audio.microphone import RATE_HZ
from core.datasets.labels import clean_label
from core.datasets.project import is_project
from core.datasets.samples import Sample, SampleSet
from core.errors import AudioError, Note, TeachdeckError, UsageError
from core.speech import ScoreTrack, SpeechModel, load_model
from core.speech.examples import Example
from core.speech.exports import Export
from core.speech.labels import BACKGROUND_NOISE_TAG, is_noise, is_unknown
from core.speech.takes import check_take, check_takes, cut_at_pauses, cut_noise, example_from_audio
from core.speech.teach import COPIES, WordScore, teach_words
from core.speech.train_words import TfjsSettings, TfjsTraining, start_tfjs_training
from core.speech.trunk import TakeFeatures, WordTrunk, listening_front_end
from core.speech.word_files import read_words
from core.speech.word_projects import WordProject, open_word_project
from core.speech.word_samples import example_of, sample_of
from pages.components import cached
from pages.components.i18n import t
from pages.components.mic import microphone_of
from pages.components.take_pictures import TakePictures

__all__ = ["MIC_KEY", "WordsSession", "shown_label", "words_session"]

_DEMO = Path(__file__).resolve().parents[2] / "models" / "demo_sets" / "words_zh.zip"
MIC_KEY = "words_live"
_LONGEST_SINGLE_S = 1.7
_MOST_TAKES_QUICK = 600
_MODEL_KEY = "taught_words"


def shown_label(label: str) -> str:
    """Return a word as the page shows it: noise and other speech have names in its language."""
    if is_unknown(label):
        return t("wordspage.other_speech")
    return t("wordspage.noise") if is_noise(label) else label


@dataclass(frozen=True)
class Brought:
    """What came of a file that was brought: takes, or why there are none."""

    name: str
    takes: int
    problem: TeachdeckError | None


@st.cache_resource(show_spinner=False)
def _base() -> SpeechModel:
    return load_model(None)


@st.cache_resource(show_spinner=False)
def _trunk() -> WordTrunk:
    trunk = WordTrunk.of(_base())

    def work() -> None:
        try:
            # Three seconds, which the first take would wait for.
            _ = trunk.other_speech
        except Exception:
            # A visitor's own teaching will meet the same fault and show it.
            logging.getLogger(__name__).exception("other speech could not be read")

    threading.Thread(target=work, name="other-speech", daemon=True).start()
    return trunk


class WordsSession:
    """All that belongs to one visitor.

    For the script's thread; but a run may begin while the thread of the last one is still
    changing the takes, as when a microphone reports itself. `follow` and changes wait for it.
    """

    def __init__(self) -> None:
        self._busy = threading.RLock()
        self.samples = SampleSet()
        self.base, self.trunk = _base(), _trunk()
        # None until another was chosen.
        self.base_id: str | None = None
        self.front_end = listening_front_end(self.base)
        self.features = TakeFeatures()
        self.problem: TeachdeckError | None = None
        self.notes: list[Note] = []
        self.brought: Brought | None = None
        self.skipped: tuple[tuple[str, TeachdeckError], ...] = ()
        self.model: SpeechModel | None = None
        self.trained_as_tfjs = False
        self.score: WordScore | None = None
        self.teach_notes: tuple[Note, ...] = ()
        self.not_yet: TeachdeckError | None = None
        self.doubts: dict[str, list[Note]] = {}
        self.thresholds: dict[str, float] = {}
        self.tracks: list[ScoreTrack] = []
        self.training: TfjsTraining | None = None
        self.recordings = 0
        self.pages: dict[str, int] = {}
        self.pictures = TakePictures()
        self.export: Export | None = None
        self.exported: tuple[str, SpeechModel] | None = None
        self._taken: TfjsTraining | None = None
        self._opened: WordProject | None = None
        self._seen = -1
        self._known: dict[str, Example] = {}
        self._checked: dict[str, tuple[Note, ...]] = {}

    def use_base(self, base: SpeechModel, base_id: str) -> None:
        """Teach on another base model from now on; the takes stay.

        Raises
        ------
        TeachdeckError
            If it cannot be one; everything stays as it was.
        """
        front_end = listening_front_end(base)
        if front_end.rate_hz != RATE_HZ:
            raise UsageError("words.base_rate", rate_hz=front_end.rate_hz, expected_hz=RATE_HZ)
        trunk = WordTrunk.of(base)
        self.base, self.trunk, self.front_end, self.base_id = base, trunk, front_end, base_id
        self.features.clear()
        self._known.clear()
        self.pictures = TakePictures()
        self._seen = -1

    # Takes.

    @property
    def followed(self) -> int:
        """The version of the takes that was taught last."""
        return self._seen

    def change(self, act: Callable[..., object], *arguments: object) -> None:
        """Change the takes, or keep why that could not be done."""
        with self._busy:
            self.problem, self.notes, self.skipped, self.brought = None, [], (), None
            try:
                act(*arguments)
            except TeachdeckError as error:
                self.problem = error

    def example(self, sample: Sample) -> Example:
        """Return a take as what is taught, with the label that it has now."""
        key = f"{sample.digest}/{sample.media_type}"
        if key not in self._known:
            self._known[key] = example_of(sample, self.front_end)
        return replace(self._known[key], label=sample.label)

    def examples(self) -> list[Example]:
        """Return all takes."""
        return [self.example(sample) for sample in self.samples.samples()]

    def record(self, label: str, content: bytes) -> None:
        """Add what was recorded or uploaded: one take, several, or pieces of noise."""

        def add() -> None:
            sound = decode_audio(content, rate_hz=self.front_end.rate_hz, max_s=300)
            word = clean_label(label)
            self._add(word, self._takes_of(word, sound.samples))

        self.change(add)

    def record_live(
        self, label: str, samples: np.ndarray, *, wanted_s: float = 0.0, replaces: str = ""
    ) -> None:
        """Add one take, or pieces of noise, from the microphone's own sound.

        Parameters
        ----------
        label : str
        samples : ndarray of float32, shape (n,)
            At 44.1 kHz; the word is looked for in it.
        wanted_s : float, optional
            How long it should be; much less of it means that the sound was interrupted.
        replaces : str, optional
            The id of the take that goes once this one is there.
        """

        def add() -> None:
            word = clean_label(label)
            got_s = len(samples) / self.front_end.rate_hz
            if got_s < 0.9 * wanted_s:
                raise AudioError("words.interrupted", received_s=got_s, expected_s=wanted_s)
            if is_noise(word):
                made = cut_noise(samples, self.front_end, label=word)
            else:
                made = [example_from_audio(word, samples, self.front_end)]
            self._add(word, made)
            if any(sample.id == replaces for sample in self.samples.samples(word)):
                self.samples.remove([replaces])

        self.change(add)

    def _add(self, word: str, made: list[Example]) -> None:
        if not made:
            raise AudioError("words.silent", label=shown_label(word))
        self.samples.add_many([sample_of(example) for example in made])
        if len(made) > 1:
            self.notes = [Note("words.note_cut", {"count": len(made)})]

    def _takes_of(self, word: str, samples: np.ndarray) -> list[Example]:
        if is_noise(word):
            return cut_noise(samples, self.front_end, label=word)
        if len(samples) > _LONGEST_SINGLE_S * self.front_end.rate_hz:
            parts = cut_at_pauses(samples, self.front_end.rate_hz)
            if len(parts) > 1:
                return [example_from_audio(word, samples[a:b], self.front_end) for a, b in parts]
        return [example_from_audio(word, samples, self.front_end)]

    def load_demo(self) -> None:
        """Add the demo set."""
        self.bring(_DEMO.name, _DEMO.read_bytes(), add=False)
        self.brought = None

    def bring(self, name: str, content: bytes, *, add: bool = True) -> None:
        """Take in a data.bin, a zip of word folders or a project."""

        def act() -> None:
            if is_project(content):
                self._open(open_word_project(content, name=name))
                return
            found = read_words(content, self.front_end, name=name)
            given = [sample_of(example) for example in found.examples]
            if add:
                self.samples.add_many(given)
            else:
                # Words first: they are what one looks for.
                labels = sorted(dict.fromkeys(sample.label for sample in given), key=is_noise)
                self.samples.replace_all(labels, given)
            self.notes, self.skipped = list(found.notes), found.skipped

        with self._busy:
            before = len(self.samples.samples()) if add and not is_project(content) else 0
            self.change(act)
            self.brought = Brought(name, len(self.samples.samples()) - before, self.problem)

    def project(self) -> WordProject:
        """Return all that is taught here, as a project file keeps it."""
        settings = {"preset": "tfjs" if self.trained_as_tfjs else "few"}
        results = {} if self.score is None else {"accuracy": self.score.accuracy}
        return WordProject(self.samples.snapshot(), self.model, settings, results)

    def _open(self, project: WordProject) -> None:
        given = [
            sample_of(example_of(sample, self.front_end), name=sample.name)
            for sample in project.samples.samples
        ]
        self.samples.replace_all(project.samples.classes, given)
        self._opened = project

    def checks(self, sample: Sample) -> tuple[Note, ...]:
        """Return what may be wrong with a take."""
        if sample.digest not in self._checked:
            example = self.example(sample)
            noise = is_noise(sample.label)
            found = () if example.audio is None else check_take(example.audio, noise=noise)
            self._checked[sample.digest] = found
        return (*self._checked[sample.digest], *self.doubts.get(sample.id, ()))

    def delete_recordings(self) -> None:
        """Forget every recording, what was computed from them, and the model taught on them."""
        with self._busy:
            self._forget()

    def _forget(self) -> None:
        fresh = WordsSession()
        fresh._busy, fresh.recordings = self._busy, self.recordings + 1
        if self.training is not None:
            self.training.job.stop()
        for name in ("words_ear", "words_tried", "words_tried_key"):
            st.session_state.pop(name, None)
        kept = st.session_state.pop("words_moments", None)
        if kept is not None:
            kept.forget()
        for name in ("words_played", "words_moment_played", "words_order"):
            st.session_state.pop(name, None)
        microphone_of(MIC_KEY).listen(None)
        microphone_of(MIC_KEY).forget(sound=True)
        self.samples.clear()
        self.features.clear()
        self.__dict__.update(fresh.__dict__)
        st.session_state.pop(_MODEL_KEY, None)

    # Teaching.

    def follow(self) -> None:
        """Teach anew where the takes have changed, and take in a training that has ended."""
        with self._busy:
            self._follow()

    def _follow(self) -> None:
        self._finish_training()
        version = self.samples.version
        if version == self._seen:
            return
        self._seen = version
        self._teach()
        opened, self._opened = self._opened, None
        if opened is not None and opened.model is not None:
            # Scores and doubts follow from the takes; the model is the one that was saved.
            self.use(opened.model, as_tfjs=opened.settings.get("preset") == "tfjs")

    def _teach(self) -> None:
        self.score, self.not_yet, self.teach_notes, self.doubts = None, None, (), {}
        samples = self.samples.samples()
        if not samples:
            self.use(None)
            return
        if len(samples) > _MOST_TAKES_QUICK:
            samples = samples[-_MOST_TAKES_QUICK:]
        examples = [self.example(sample) for sample in samples]
        try:
            taught = teach_words(examples, self.base, kept=self.features, trunk=self.trunk)
        except TeachdeckError as error:
            self.not_yet = error
            self.use(None)
            return
        self.score, self.teach_notes = taught.score, taught.notes
        plain = self.trunk.take_features(examples, copies=COPIES, seed=0, kept=self.features)[:, 0]
        for doubt in check_takes(examples, plain):
            self.doubts.setdefault(samples[doubt.position].id, []).append(doubt.note)
        self.use(taught.model)

    def use(self, model: SpeechModel | None, *, as_tfjs: bool = False) -> None:
        """Make a model the one that is tried, taken away and offered to the slideshow."""
        self.model, self.trained_as_tfjs, self.tracks = model, as_tfjs, []
        if model is None:
            st.session_state.pop(_MODEL_KEY, None)
            return
        self.thresholds = dict(model.thresholds)
        st.session_state[_MODEL_KEY] = model

    def set_thresholds(self, thresholds: dict[str, float]) -> None:
        """Give words other thresholds; they travel with the model."""
        if self.model is not None:
            self.thresholds = {**self.thresholds, **thresholds}
            self.model = replace(self.model, thresholds=dict(self.thresholds))
            st.session_state[_MODEL_KEY] = self.model

    def train(self, settings: TfjsSettings, *, go_on: bool = False) -> None:
        """Begin a training as the original's, from where the last one ended if wanted."""

        def act() -> None:
            weights = self.model if go_on and self.trained_as_tfjs else None
            self.training = start_tfjs_training(
                self.examples(), self.base, settings, cached.keras_worker(), weights=weights
            )

        self.change(act)

    def _finish_training(self) -> None:
        training = self.training
        if training is None or training is self._taken or not training.job.finished:
            return
        self._taken = training
        try:
            self.use(training.model(), as_tfjs=True)
        except TeachdeckError as error:
            self.problem = error

    def word_labels(self) -> tuple[str, ...]:
        """Return the words that there are takes of, and noise in any case."""
        words = [label for label in self.samples.classes if not is_noise(label)]
        return (*words, BACKGROUND_NOISE_TAG)


def words_session() -> WordsSession:
    """Return this visitor's session, made when it is first wanted."""
    place = "teach_words_session"
    if place not in st.session_state:
        st.session_state[place] = WordsSession()
    found: WordsSession = st.session_state[place]
    return found
