"""Long sound for the streaming figures: running speech without the words, and words with gaps."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import soundfile
from numpy.typing import NDArray

from models.training.speech.audio import RATE_HZ, trimmed
from models.training.speech.corpus import FORTUNES, MINED_TEXTS, Corpus
from models.training.speech.labels import TARGETS
from models.training.speech.noises import TRAINED_PART
from models.training.speech.synthesis import speak_many, vary
from models.training.speech.texts import jargon_text, running_texts
from models.training.speech.voices import Voice, all_voices

__all__ = [
    "EVALUATION_TEXTS",
    "WordStream",
    "build_negatives",
    "negative_files",
    "negatives_list",
    "unknown_stream",
    "word_streams",
]

# None of these files was read for training.
EVALUATION_TEXTS = (
    "computers definitions art humorists literature miscellaneous news platitudes politics sports "
    "work drugs ethnic food kids linux love magic medicine pets songs-poems riddles zippy"
)
HELD_OUT_VOICES = 24
GAP_S = (0.3, 1.2)


@dataclass(frozen=True)
class WordStream:
    """Words with gaps in noise, and when each of them ends.

    Parameters
    ----------
    sound : ndarray of shape (samples,), float32
        At 16 kHz.
    words : tuple of (str, float, float)
        Word, start and end in seconds, in the order of time.
    """

    sound: NDArray[np.float32]
    words: tuple[tuple[str, float, float], ...]


def _negative_voices(seed: int, reading: int) -> list[Voice]:
    held_out = [voice for voice in all_voices() if not voice.training]
    recorded = [voice for voice in all_voices() if voice.engine != "espeak-ng"]
    chosen = Random(seed + reading).sample(held_out, HELD_OUT_VOICES)  # noqa: S311 - not a secret
    # By fours, so that each of them keeps to the texts for thresholds or to those that measure.
    turn = 4 * reading % len(recorded)
    return [*chosen, *recorded[turn:], *recorded[:turn]]


def _one_voice(job: tuple[Path, int, Voice, list[str], float]) -> tuple[str, float]:
    folder, place, voice, sentences, wanted_s = job
    random = Random(place)  # noqa: S311 - not a secret
    pieces: list[NDArray[np.int16]] = []
    spoken = 0
    # Only as much as is wanted is spoken: sentences are taken in portions.
    for start in range(0, len(sentences), 20):
        if spoken >= wanted_s * RATE_HZ:
            break
        lines = [vary(text, "", voice, random) for text in sentences[start : start + 20]]
        for _, sound in speak_many(lines):
            pause = np.zeros(int(random.uniform(0.1, 0.5) * RATE_HZ), np.int16)
            pieces += [trimmed(sound), pause]
            spoken += pieces[-1].size + pieces[-2].size
    whole = np.concatenate(pieces).astype(np.float32)
    # A quiet room, 45 dB under the voice: digital silence would be too easy.
    noise = np.random.default_rng(place).standard_normal(whole.size).astype(np.float32)
    whole += noise * np.sqrt((whole**2).mean()) * np.float32(10 ** (-45 / 20))
    whole *= 16000 / np.abs(whole).max()
    name = f"{place:02d}_{voice.engine}_{voice.name}.flac"
    soundfile.write(folder / name, whole.astype(np.int16), RATE_HZ)
    return name, whole.size / RATE_HZ


def _unread_texts(seed: int) -> list[str]:
    """Sentences of the evaluation's files that do not stand in training's as well."""
    names = tuple(name for name in EVALUATION_TEXTS.split() if (FORTUNES / name).exists())
    read = running_texts(FORTUNES, MINED_TEXTS, seed=seed, made=0, more=jargon_text())
    known = {_words_of(text) for text in read}
    texts = running_texts(FORTUNES, names, seed=seed, made=0)
    return [text for text in texts if _words_of(text) not in known]


def _words_of(text: str) -> tuple[str, ...]:
    """A sentence without what is not spoken, as the same joke is set in several ways."""
    return tuple(re.findall(r"[a-z']+", text.lower()))


def build_negatives(
    work: Path, *, thresholds: bool, hours: float, seed: int, readings: int = 1, processes: int = 1
) -> float:
    """Synthesise running speech that has none of the words, none of it from training's texts.

    Parameters
    ----------
    work : pathlib.Path
        Gets ``negatives/*.flac``, one file a voice, and a list of them when all are there.
    thresholds : bool
        True for every fourth voice, which set thresholds, False for those that measure.
    hours : float
        How much, of all voices of both kinds together.
    seed : int
        For voices and the order of sentences.
    readings : int
        How often all is read, each text by another voice.
    processes : int
        How many voices speak at once.

    Returns
    -------
    float
        Hours that are there.
    """
    folder = work / "negatives"
    folder.mkdir(parents=True, exist_ok=True)
    texts = _unread_texts(seed)
    jobs = []
    for reading in range(readings):
        voices = _negative_voices(seed, reading)
        many = len(voices)
        # Two voices read each text, both of them for the thresholds or both for the measure: every
        # fourth voice is for the thresholds, and half of all voices is a multiple of four.
        jobs += [
            (
                folder,
                reading * many + place,
                voice,
                texts[place::many] + texts[(place + many // 2) % many :: many],
                hours * 3600 / (many * readings),
            )
            for place, voice in enumerate(voices)
            if _sets_thresholds(place) == thresholds
        ]
    with ProcessPoolExecutor(processes) as pool:
        made = list(pool.map(_one_voice, jobs))
    with negatives_list(work, thresholds=thresholds).open("w", newline="") as file:
        csv.writer(file, delimiter="\t").writerows(made)
    return sum(seconds for _, seconds in made) / 3600


def negatives_list(work: Path, *, thresholds: bool) -> Path:
    """Return the file that is there when all of one kind of running speech is."""
    return work / ("negatives_thresholds.tsv" if thresholds else "negatives.tsv")


def _sets_thresholds(place: int) -> bool:
    return place % 4 == 0


def negative_files(work: Path, *, thresholds: bool) -> list[Path]:
    """Return the files of running speech that set thresholds, or those that measure.

    Parameters
    ----------
    work : pathlib.Path
        As :func:`build_negatives` left it.
    thresholds : bool
        True for every fourth voice, False for the other three quarters.

    Returns
    -------
    list of pathlib.Path
    """
    files = sorted((work / "negatives").glob("*.flac"))
    # By the number in the name: one kind may be there before the other.
    return [path for path in files if _sets_thresholds(int(path.name[:2])) == thresholds]


def _gap(random: Random) -> int:
    return int(random.uniform(*GAP_S) * RATE_HZ)


def unknown_stream(corpus: Corpus, *, seed: int) -> NDArray[np.float32]:
    """String the validation clips of unknown words together, with gaps.

    Parameters
    ----------
    corpus : Corpus
    seed : int
        For the order and the gaps.

    Returns
    -------
    ndarray of shape (samples,), float32
        At 16 kHz.
    """
    random = Random(seed)  # noqa: S311 - not a secret
    clips = [c for c in corpus.clips if c.source == "val" and c.word not in TARGETS]
    random.shuffle(clips)
    pieces: list[NDArray[np.float32]] = []
    for clip in clips:
        pieces += [
            corpus.sound(clip).astype(np.float32) / 32768,
            np.zeros(_gap(random), np.float32),
        ]
    whole = np.concatenate(pieces)
    noise = np.random.default_rng(seed).standard_normal(whole.size).astype(np.float32)
    return np.asarray(whole + noise * np.float32(1e-3), np.float32)


def word_streams(
    corpus: Corpus, background: Path, *, seed: int, words_each: int = 60, snr_db: float = 20.0
) -> Iterator[WordStream]:
    """String the validation clips of the words together, with gaps, in noise.

    Parameters
    ----------
    corpus : Corpus
    background : pathlib.Path
        Noise recordings, of which only the last fifth is used.
    seed : int
        For the order, the gaps and the noise.
    words_each : int
        Words in one stream.
    snr_db : float
        Mean power of each word to that of the noise.

    Yields
    ------
    WordStream
    """
    random = Random(seed)  # noqa: S311 - not a secret
    clips = [c for c in corpus.clips if c.source == "val" and c.word in TARGETS]
    random.shuffle(clips)
    noises = sorted(background.glob("*.flac"))
    for number, start in enumerate(range(0, len(clips), words_each)):
        pieces: list[NDArray[np.float32]] = [np.zeros(RATE_HZ, np.float32)]
        words: list[tuple[str, float, float]] = []
        place = RATE_HZ
        for clip in clips[start : start + words_each]:
            raw = corpus.sound(clip)
            word = trimmed(raw, below_db=25)
            offset = (word.__array_interface__["data"][0] - raw.__array_interface__["data"][0]) // 2
            sound = raw.astype(np.float32) / 32768
            # One level for all: the noise is then as far under each of them.
            loudness = np.sqrt((sound[offset : offset + word.size] ** 2).mean() + 1e-9)
            pieces.append(sound * np.float32(0.05 / loudness))
            begins = place + offset
            words.append((clip.word, begins / RATE_HZ, (begins + word.size) / RATE_HZ))
            place += sound.size
            gap = _gap(random)
            pieces.append(np.zeros(gap, np.float32))
            place += gap
        whole = np.concatenate(pieces)
        noise, _ = soundfile.read(noises[number % len(noises)], dtype="float32")
        noise = np.resize(noise[int(noise.size * TRAINED_PART) :], whole.size)
        noise *= 0.05 * 10 ** (-snr_db / 20) / np.sqrt((noise**2).mean() + 1e-12)
        yield WordStream(np.asarray(whole + noise, np.float32), tuple(words))
