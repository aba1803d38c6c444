"""How well a model names the recordings of a folder."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.audio.clip import fit_clip
from core.audio.decode import decode_audio
from core.errors import TeachdeckError, UsageError
from core.speech.labels import UNKNOWN_TAG, is_noise, is_unknown
from core.speech.model import SpeechModel

__all__ = ["Evaluation", "WordScore", "evaluate_folder"]

_BATCH = 64
# Noise is recorded by the minute: every second of it is a clip.
_MAX_NOISE_S = 600.0
_MAX_CLIP_S = 60.0


@dataclass(frozen=True)
class WordScore:
    """How well one word is named.

    Attributes
    ----------
    count : int
        Clips of the word.
    recall : float or None
        Share of them that were named so; None without clips.
    precision : float or None
        Share of the clips that were named so which are of the word; None where none was.
    """

    count: int
    recall: float | None
    precision: float | None


@dataclass(frozen=True)
class Evaluation:
    """How well a model names clips, by the largest of its outputs.

    Attributes
    ----------
    count : int
        Clips that were judged.
    word_accuracy : float or None
        Named rightly, of all clips of words that the model has.
    word_accuracy_macro : float or None
        Mean of the words' recalls: rare words weigh as much as frequent ones.
    unknown_recall : float or None
        Clips of other words that were named unknown; None without such clips, or where the model
        has no label for them.
    unknown_recall_by_word : dict of str to float
    noise_recall : float or None
        Clips of noise that were named noise.
    per_word : dict of str to WordScore
        Of the words that the model has, in the order of its labels.
    failed : tuple of (str, TeachdeckError)
        Files that could not be read, by their path in the folder.
    """

    count: int
    word_accuracy: float | None
    word_accuracy_macro: float | None
    unknown_recall: float | None
    unknown_recall_by_word: dict[str, float]
    noise_recall: float | None
    per_word: dict[str, WordScore]
    failed: tuple[tuple[str, TeachdeckError], ...] = ()


def evaluate_folder(
    model: SpeechModel,
    folder: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Judge a model on a folder that holds one folder of recordings a word.

    Folders named as noise (``_background_noise_``, ``_silence_``, ``Background Noise``) hold noise,
    and those named as none of the model's words hold unknown words. Recordings are of one second;
    shorter ones are set into quiet, of longer ones the loudest second counts, of noise each.

    Parameters
    ----------
    model : SpeechModel
    folder : pathlib.Path
    progress : callable, optional
        Called with the files done and all files.

    Returns
    -------
    Evaluation

    Raises
    ------
    UsageError
        If there is no such folder, or no recordings in it.
    """
    files = _files(folder)
    pairs: Counter[tuple[str, str]] = Counter()
    failed: list[tuple[str, TeachdeckError]] = []
    batch: list[tuple[str, NDArray[np.float32]]] = []

    def judge() -> None:
        if batch:
            features = model.front_end.features(np.stack([clip for _, clip in batch]))
            best = model.run(features).scores.argmax(axis=1)
            pairs.update(
                (word, model.labels[at]) for (word, _), at in zip(batch, best, strict=True)
            )
            batch.clear()

    for number, (word, path) in enumerate(files):
        try:
            for clip in _clips(path, word, model):
                batch.append((word, clip))
                if len(batch) == _BATCH:
                    judge()
        except TeachdeckError as error:
            failed.append((f"{path.parent.name}/{path.name}", error))
        if progress is not None:
            progress(number + 1, len(files))
    judge()
    if not pairs:
        raise UsageError("speech.no_clips", count=len(files))
    return _evaluation(model, pairs, tuple(failed))


def _files(folder: Path) -> list[tuple[str, Path]]:
    """Return every file with its word, in the order of their names."""
    if not folder.is_dir():
        raise UsageError("speech.no_folder", name=str(folder)[-200:])
    files = [
        (unicodedata.normalize("NFC", inner.name), path)
        for inner in sorted(folder.iterdir())
        if inner.is_dir() and not inner.name.startswith(".")
        for path in sorted(inner.iterdir())
        if path.is_file() and not path.name.startswith(".")
    ]
    if not files:
        raise UsageError("speech.no_word_folders", name=str(folder)[-200:])
    return files


def _clips(path: Path, word: str, model: SpeechModel) -> Iterator[NDArray[np.float32]]:
    front_end = model.front_end
    length = front_end.window_samples
    noise = is_noise(word)
    max_s = _MAX_NOISE_S if noise else _MAX_CLIP_S
    samples = decode_audio(path, rate_hz=front_end.rate_hz, max_s=max_s).samples
    if noise and len(samples) >= 2 * length:
        yield from samples[: len(samples) // length * length].reshape(-1, length)
    else:
        yield fit_clip(samples, length)


def _evaluation(
    model: SpeechModel,
    pairs: Counter[tuple[str, str]],
    failed: tuple[tuple[str, TeachdeckError], ...],
) -> Evaluation:
    counts: Counter[str] = Counter()
    named: Counter[str] = Counter()
    for (word, answer), count in pairs.items():
        counts[word] += count
        named[answer] += count
    words = [word for word in model.words if counts[word]]
    others = sorted(word for word in counts if word not in model.words and not is_noise(word))
    noise = [word for word in counts if is_noise(word)]
    right = {word: pairs[word, word] for word in words}
    knows_unknown = bool(model.unknown_indices)
    unknown = {word: pairs[word, UNKNOWN_TAG] for word in others if knows_unknown}
    hushed = sum(
        count for (word, said), count in pairs.items() if is_noise(word) and is_noise(said)
    )
    return Evaluation(
        count=sum(counts.values()),
        word_accuracy=_share(sum(right.values()), sum(counts[word] for word in words)),
        word_accuracy_macro=_mean([right[word] / counts[word] for word in words]),
        unknown_recall=_share(sum(unknown.values()), sum(counts[word] for word in unknown)),
        unknown_recall_by_word={
            word: unknown[word] / counts[word] for word in unknown if not is_unknown(word)
        },
        noise_recall=_share(hushed, sum(counts[word] for word in noise)),
        per_word={
            word: WordScore(
                counts[word],
                _share(pairs[word, word], counts[word]),
                _share(pairs[word, word], named[word]),
            )
            for word in model.words
        },
        failed=failed,
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
