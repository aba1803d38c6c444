"""Teach a speech network new words from a few takes of each."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from core.audio.decode import decode_audio
from core.errors import Note, UsageError
from core.evaluation import check_classes
from core.speech.examples import Example
from core.speech.labels import UNKNOWN_TAG, is_noise, is_unknown, word_indices
from core.speech.model import SpeechModel
from core.speech.store import load_model
from core.speech.takes import example_from_audio
from core.speech.trunk import TakeFeatures, WordTrunk, listening_front_end
from core.speech.word_score import TakeTable, WordScore, judge_takes

__all__ = ["COPIES", "TaughtWords", "WordScore", "WordTeacher", "score_words", "teach_words"]

# Varied copies of each take: ten tell other people's words apart better than six, 16 no better.
COPIES = 10
_THRESHOLD = 0.7
Take = Example | NDArray[np.floating] | bytes | str


@dataclass(frozen=True, eq=False)
class TaughtWords:
    """A model that was taught, and what is known of it.

    Attributes
    ----------
    model : SpeechModel
    score : WordScore or None
        None where there are too few takes to hold any out.
    seconds : float
    notes : tuple of Note
        What should be known, such as that there is no background noise.
    """

    model: SpeechModel
    score: WordScore | None
    seconds: float
    notes: tuple[Note, ...] = field(default=())


def teach_words(
    examples: Sequence[Example],
    base: SpeechModel,
    *,
    head: str = "linear",
    copies: int = COPIES,
    seed: int = 0,
    kept: TakeFeatures | None = None,
    scored: bool = True,
    trunk: WordTrunk | None = None,
    other_speech: bool = True,
) -> TaughtWords:
    """Teach new words to a base model: no TensorFlow, a fraction of a second.

    Each take and varied copies of it pass through the base's trunk once; a linear head is fitted
    to what comes out.

    Parameters
    ----------
    examples : sequence of Example
    base : SpeechModel
    head : {"linear", "prototype"}, optional
    copies : int, optional
        Varied copies of each take.
    seed : int, optional
    kept : TakeFeatures, optional
        Features of takes known from before.
    scored : bool, optional
        Whether the takes are held out in turn, which also makes the probabilities honest.
    trunk : WordTrunk, optional
        Of the base; made if it is not given.
    other_speech : bool, optional
        Whether the model also learns ``_unknown_`` from speech that comes with the project, so
        that other words and running speech are not taken for the taught ones.

    Returns
    -------
    TaughtWords

    Raises
    ------
    UsageError
        If there are fewer than two words, two words with the same takes, or takes of another
        shape.
    """
    start_s = time.monotonic()
    trunk = trunk or WordTrunk.of(base)
    kept = kept if kept is not None else TakeFeatures()
    digests = _digests(examples)
    takes = _table(examples, digests, trunk, kept, copies, seed, other_speech=other_speech)
    labels = takes.labels
    score = None
    # One take of other speech, such as a false alarm that was labelled, needs no second.
    words = np.array([not is_unknown(labels[at]) for at in takes.targets])
    if scored and takes.comparable[words].all():
        score = judge_takes(takes, digests, head=head, seed=seed)
    with threadpool_limits(1):
        kernel, bias = takes.head(head)
    temperature = score.temperature if score is not None else _unknown_temperature(len(labels))
    thresholds = {labels[at]: _THRESHOLD for at in word_indices(labels)}
    model = trunk.with_head(kernel / temperature, bias / temperature, labels, thresholds=thresholds)
    notes = [] if any(is_noise(label) for label in labels) else [Note("words.note_no_noise")]
    if score is None:
        notes.append(Note("words.note_no_score"))
    return TaughtWords(model, score, time.monotonic() - start_s, tuple(notes))


def score_words(
    examples: Sequence[Example],
    trunk: WordTrunk,
    kept: TakeFeatures,
    *,
    head: str = "linear",
    copies: int = COPIES,
    seed: int = 0,
    other_speech: bool = True,
) -> WordScore:
    """Return how well takes are told apart, each by a head that has not heard it.

    Parameters
    ----------
    examples : sequence of Example
    trunk : WordTrunk
    kept : TakeFeatures
    head, copies, seed, other_speech
        As in :func:`teach_words`.

    Returns
    -------
    WordScore

    Raises
    ------
    UsageError
        As :func:`teach_words`.
    """
    digests = _digests(examples)
    takes = _table(examples, digests, trunk, kept, copies, seed, other_speech=other_speech)
    return judge_takes(takes, digests, head=head, seed=seed)


def _digests(examples: Sequence[Example]) -> list[str]:
    return [hashlib.sha256(example.spectrogram.tobytes()).hexdigest() for example in examples]


def _table(
    examples: Sequence[Example],
    digests: Sequence[str],
    trunk: WordTrunk,
    kept: TakeFeatures,
    copies: int,
    seed: int,
    *,
    other_speech: bool,
) -> TakeTable:
    """Return the features of the takes under their labels: noise, other speech, words."""
    found = list(dict.fromkeys(example.label for example in examples))
    if not word_indices(found):
        raise UsageError("words.no_words")
    check_classes(found, [example.label for example in examples], digests)
    if other_speech and UNKNOWN_TAG not in found:
        found.append(UNKNOWN_TAG)
    labels = tuple(sorted(found, key=lambda label: (not is_noise(label), not is_unknown(label))))
    targets = np.array([labels.index(example.label) for example in examples], np.int64)
    features = trunk.take_features(examples, copies=copies, seed=seed, kept=kept)
    return TakeTable(features, targets, labels, trunk.other_speech if other_speech else None)


def _unknown_temperature(classes: int) -> float:
    """Return a careful temperature where no take could be held out."""
    return 4.0 + classes / 10


class WordTeacher:
    """Teaches words, in the manner of scikit-learn.

    Parameters
    ----------
    base : SpeechModel, optional
        Whose trunk hears; the default model if None.
    head : {"linear", "prototype"}, optional
    copies : int, optional
        Varied copies of each take to learn from.
    seed : int, optional
    other_speech : bool, optional
        Whether ``_unknown_`` is a class too, as in :func:`teach_words`.

    Attributes
    ----------
    classes_ : tuple of str
        After `fit`: noise, other speech, then the words in the order in which they came.
    model_ : SpeechModel
    taught_ : TaughtWords
        The model with its honest score.

    Examples
    --------
    >>> teacher = WordTeacher().fit(takes, words)  # doctest: +SKIP
    >>> teacher.predict_proba(takes[:1])  # doctest: +SKIP
    """

    def __init__(
        self,
        base: SpeechModel | None = None,
        *,
        head: str = "linear",
        copies: int = COPIES,
        seed: int = 0,
        other_speech: bool = False,
    ) -> None:
        self.other_speech = other_speech
        self.base = base
        self.head = head
        self.copies = copies
        self.seed = seed

    def fit(self, takes: Sequence[Take], words: Sequence[str] | None = None) -> WordTeacher:
        """Learn from takes.

        Parameters
        ----------
        takes : sequence
            Examples, samples at 44.1 kHz, the bytes of sound files, or their paths.
        words : sequence of str, optional
            Of each take; the examples' own labels without it.

        Returns
        -------
        WordTeacher
            Itself.

        Raises
        ------
        UsageError, AudioError
            As :func:`teach_words`, or if a take cannot be read.
        """
        base = self.base or load_model(None)
        if words is None:
            labels = [take.label if isinstance(take, Example) else "" for take in takes]
        else:
            labels = list(words)
        if len(labels) != len(takes) or not all(labels):
            raise UsageError("words.labels", takes=len(takes), words=len(labels))
        examples = [
            _as_example(take, label, base) for take, label in zip(takes, labels, strict=True)
        ]
        self._trunk = WordTrunk.of(base)
        self.taught_ = teach_words(
            examples,
            base,
            head=self.head,
            copies=self.copies,
            seed=self.seed,
            trunk=self._trunk,
            other_speech=self.other_speech,
        )
        self.model_ = self.taught_.model
        self.classes_ = self.model_.labels
        return self

    def predict_proba(self, takes: Sequence[Take]) -> NDArray[np.float32]:
        """Return the probabilities of every class for each take, shape (n, classes).

        Raises
        ------
        UsageError
            If nothing was learned yet.
        """
        if not hasattr(self, "model_"):
            raise UsageError("words.not_fitted")
        windows = [self._trunk.window(_as_example(take, "", self.model_)) for take in takes]
        if not windows:
            return np.zeros((0, len(self.classes_)), np.float32)
        return self.model_.run(np.stack(windows)[..., np.newaxis]).scores

    def predict(self, takes: Sequence[Take]) -> list[str]:
        """Return the most likely class of each take."""
        return [self.classes_[at] for at in self.predict_proba(takes).argmax(axis=1)]


def _as_example(take: Take, label: str, base: SpeechModel) -> Example:
    front_end = listening_front_end(base)
    if isinstance(take, Example):
        return take if not label else Example(label, take.spectrogram, take.key_frame)
    if isinstance(take, np.ndarray):
        samples = np.ascontiguousarray(take, np.float32)
    else:
        samples = decode_audio(take, rate_hz=front_end.rate_hz).samples
    return example_from_audio(label, samples, front_end)
