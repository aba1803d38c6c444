"""Teach a speech network new words from a few takes of each."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.audio.decode import decode_audio
from core.errors import Note, UsageError
from core.evaluation import (
    Score,
    assign_folds,
    calibrate,
    check_classes,
    fit_temperature,
    judge,
)
from core.speech.examples import Example
from core.speech.labels import UNKNOWN_TAG, is_noise, is_unknown, word_indices
from core.speech.model import SpeechModel
from core.speech.store import load_model
from core.speech.takes import example_from_audio
from core.speech.trunk import TakeFeatures, WordTrunk, listening_front_end
from core.speech.word_head import Moments, fit_head

__all__ = ["TaughtWords", "WordScore", "WordTeacher", "score_words", "teach_words"]

_COPIES = 6
_MOST_FOLDS = 30
# Confidence that unseen takes cannot show: probabilities stay below about 0.999.
_LEAST_TEMPERATURE = 1.0
_THRESHOLD = 0.75
# Where on the way from other speech to a word the word begins. Half-way is what a discriminant
# does; other people's words then pass for other speech: measured on eight Arabic words, taught by
# one speaker and said by others, 28 % of them. At 0.3 it is 1 %, and two minutes each of English
# and of Chinese running speech still hold no false alarm at the threshold above.
_WORD_BEGINS = 0.3

Take = Example | NDArray[np.floating] | bytes | str


@dataclass(frozen=True)
class WordScore:
    """How well takes are told apart by heads that had not heard them.

    Attributes
    ----------
    score : Score
        Of all takes, noise included.
    accuracy : float or None
        Of the takes of words; None where no word has two takes.
    noise_recall : float or None
    pair : tuple of (str, str, float) or None
        The two words that are mistaken most, and the share of their takes that is told apart.
    temperature : float
        By which logits are divided so that probabilities can be believed.
    """

    score: Score
    accuracy: float | None
    noise_recall: float | None
    pair: tuple[str, str, float] | None
    temperature: float


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
    copies: int = _COPIES,
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
    labels, targets = _targets(examples, other_speech=other_speech)
    features = trunk.take_features(
        examples, copies=copies, seed=seed, kept=kept if kept is not None else TakeFeatures()
    )
    other = trunk.other_speech if other_speech else None
    score = None
    # One take of other speech, such as a false alarm that was labelled, needs no second.
    words = np.array([not is_unknown(labels[at]) for at in targets])
    if scored and _words_with_two(targets)[words].all():
        score = _score(features, targets, labels, examples, other, head=head, seed=seed)
    scale = _scale(features)
    kernel, bias = _head(_moments(features, targets, labels, other, scale), labels, head)
    temperature = score.temperature if score is not None else _unknown_temperature(len(labels))
    kernel = kernel * scale[:, np.newaxis] / temperature
    thresholds = {labels[at]: _THRESHOLD for at in word_indices(labels)}
    model = trunk.with_head(kernel, bias / temperature, labels, thresholds=thresholds)
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
    copies: int = _COPIES,
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
    labels, targets = _targets(examples, other_speech=other_speech)
    features = trunk.take_features(examples, copies=copies, seed=seed, kept=kept)
    other = trunk.other_speech if other_speech else None
    return _score(features, targets, labels, examples, other, head=head, seed=seed)


def _targets(
    examples: Sequence[Example], *, other_speech: bool
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the labels: noise, other speech, words as they came; and each take's place."""
    found = list(dict.fromkeys(example.label for example in examples))
    if not word_indices(found):
        raise UsageError("words.no_words")
    digests = [hashlib.sha256(example.spectrogram.tobytes()).hexdigest() for example in examples]
    check_classes(found, [example.label for example in examples], digests)
    if other_speech and UNKNOWN_TAG not in found:
        found.append(UNKNOWN_TAG)
    labels = tuple(sorted(found, key=lambda label: (not is_noise(label), not is_unknown(label))))
    return labels, np.array([labels.index(example.label) for example in examples], np.int64)


def _moments(
    features: NDArray[np.float32],
    targets: NDArray[np.int64],
    labels: tuple[str, ...],
    other: NDArray[np.float32] | None,
    scale: NDArray[np.float64],
    *,
    without: NDArray[np.bool_] | None = None,
    known: Sequence[Moments] | None = None,
) -> list[Moments]:
    """Return what a head needs to know of each class, in scaled features.

    Of the takes in `without` nothing is learned; a class that has none of them is as in `known`.
    """
    found = []
    for at, label in enumerate(labels):
        own = targets == at
        if known is not None and without is not None and not (own & without).any():
            found.append(known[at])
            continue
        rows = features[own if without is None else own & ~without]
        rows = rows.reshape(-1, features.shape[-1])
        if other is not None and label == UNKNOWN_TAG:
            rows = np.concatenate([rows, other])
        found.append(Moments.of(rows * scale))
    return found


def _head(
    moments: Sequence[Moments], labels: tuple[str, ...], kind: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit a head, and let words begin nearer to other speech."""
    kernel, bias = fit_head(moments, kind)
    words = word_indices(labels)
    if UNKNOWN_TAG in labels and words:
        unknown = labels.index(UNKNOWN_TAG)
        logits = np.stack([one.mean for one in moments]) @ kernel + bias
        # From the mean of one class to that of another, logits change by the squared distance.
        distances = [
            logits[at, at] - logits[at, unknown] + logits[unknown, unknown] - logits[unknown, at]
            for at in words
        ]
        bias = bias.copy()
        bias[unknown] -= (0.5 - _WORD_BEGINS) * float(np.mean(distances))
    return kernel, bias


def _words_with_two(targets: NDArray[np.int64]) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = np.bincount(targets)[targets] > 1
    return mask


def _scale(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return a factor for each feature: means and maxima of a map count alike."""
    half = features.shape[-1] // 2
    power = np.mean(np.square(features, dtype=np.float64), axis=(0, 1))
    scale = np.empty(features.shape[-1])
    for part in (slice(0, half), slice(half, None)):
        scale[part] = 1 / np.sqrt(max(float(power[part].sum()), 1e-12))
    return scale


def _unknown_temperature(classes: int) -> float:
    """Return a careful temperature where no take could be held out."""
    return 4.0 + classes / 10


def _score(
    features: NDArray[np.float32],
    targets: NDArray[np.int64],
    labels: tuple[str, ...],
    examples: Sequence[Example],
    other: NDArray[np.float32] | None,
    *,
    head: str,
    seed: int,
) -> WordScore:
    digests = [example.spectrogram.tobytes() for example in examples]
    groups = np.unique(
        [hashlib.sha256(digest).hexdigest() for digest in digests], return_inverse=True
    )[1].astype(np.int64)
    folds, method = assign_folds(targets, groups, seed=seed)
    if folds.max() >= _MOST_FOLDS:
        folds = folds % _MOST_FOLDS
    known = np.flatnonzero(_words_with_two(targets))
    scale = _scale(features)
    logits = np.full((len(targets), len(labels)), np.nan, np.float32)
    whole = _moments(features, targets, labels, other, scale)
    for fold in np.unique(folds[known]):
        hidden = folds == fold
        held = np.flatnonzero(hidden & _words_with_two(targets))
        if len(np.unique(targets[~hidden])) < len(np.unique(targets)):
            continue
        # Most folds take from one word: what is known of the others stays.
        learned = _moments(features, targets, labels, other, scale, without=hidden, known=whole)
        kernel, bias = _head(learned, labels, head)
        logits[held] = (features[held, 0] * scale) @ kernel + bias
    judged = np.flatnonzero(np.isfinite(logits).all(axis=1))
    if len(judged) == 0:
        raise UsageError("words.too_few")
    temperature = max(
        fit_temperature(_shrunk(logits[judged]), targets[judged]) * _overrun(logits[judged]),
        _LEAST_TEMPERATURE,
    )
    probabilities = _softmax(logits[judged] / temperature)
    score = judge(
        probabilities,
        targets[judged],
        labels=labels,
        sample_ids=[str(at) for at in judged],
        groups=groups[judged],
        method=method,
        folds=len(np.unique(folds[judged])),
        calibration=calibrate(probabilities, targets[judged], temperature=temperature),
    )
    accuracy, noise_recall = _shares(score.confusion, labels)
    return WordScore(score, accuracy, noise_recall, _hardest_pair(score, labels), temperature)


def _overrun(logits: NDArray[np.float32]) -> float:
    """Return by how much logits are larger than what a temperature is looked for at."""
    return max(1.0, float(np.abs(logits - logits.mean(axis=1, keepdims=True)).max()) / 30.0)


def _shrunk(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    return (logits / np.float32(_overrun(logits))).astype(np.float32)


def _softmax(logits: NDArray[np.floating]) -> NDArray[np.float32]:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: NDArray[np.float32] = (shifted / shifted.sum(axis=1, keepdims=True)).astype(np.float32)
    return result


def _shares(
    confusion: Sequence[Sequence[int]], labels: Sequence[str]
) -> tuple[float | None, float | None]:
    """Return the share of word takes, and of noise, that was named rightly."""
    counts = np.array(confusion)
    shares: list[float | None] = []
    noise = [at for at, label in enumerate(labels) if is_noise(label)]
    for rows in (list(word_indices(labels)), noise):
        total = counts[rows].sum() if rows else 0
        shares.append(float(sum(counts[at, at] for at in rows) / total) if total else None)
    return shares[0], shares[1]


def _hardest_pair(score: Score, labels: Sequence[str]) -> tuple[str, str, float] | None:
    """Return the two words that are mistaken for each other most, or are the only two."""
    words = word_indices(labels)
    counts = np.array(score.confusion)
    pairs = [(a, b) for place, a in enumerate(words) for b in words[place + 1 :]]
    if not pairs:
        return None
    first, second = max(pairs, key=lambda pair: counts[pair[0], pair[1]] + counts[pair[1], pair[0]])
    mistaken = counts[first, second] + counts[second, first]
    total = counts[[first, second]].sum()
    if not total or (mistaken == 0 and len(words) > 2):
        return None
    return labels[first], labels[second], float(1 - mistaken / total)


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
        copies: int = _COPIES,
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
