"""Running speech in which an earlier network hears words: the windows from which it must learn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from random import Random

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from core.speech.model import SpeechModel
from core.speech.read import read_speech_model
from models.training.speech.audio import RATE_HZ, trimmed
from models.training.speech.augment import normalised
from models.training.speech.bank import write_bank
from models.training.speech.corpus import FORTUNES, MINED_TEXTS, Clip
from models.training.speech.labels import LABELS, TARGETS
from models.training.speech.rooms import floor_noise, in_a_room
from models.training.speech.spectra import BINS, FRAMES, ROW_FRAMES, decode, encode, spectra
from models.training.speech.synthesis import Line, speak_many, vary
from models.training.speech.texts import jargon_text, running_texts
from models.training.speech.voices import Voice, all_voices

__all__ = ["FIRST", "SECOND", "Reading", "build_hard"]


@dataclass(frozen=True)
class Reading:
    """Who reads what.

    Parameters
    ----------
    bank : str
        The bank that is written.
    recorded : int
        How many formant voices each voice made of recordings stands for.
    heard : float
        A window in which a word scores so much, far less than what is believed, is kept.
    """

    bank: str
    recorded: int
    heard: float


# Twice other voices read the same sentences. A fifth to a quarter of them is read by the few voices
# made of recordings, which sound more like people.
FIRST = Reading("hard", recorded=16, heard=0.2)
SECOND = Reading("hard_again", recorded=24, heard=0.12)
# The corpus has nearly a third of their sentences, in other voices.
_TEXTS_SEED = 7
MADE = 3000
SENTENCES = 12_000
# Of all windows so many are kept too, whatever they score.
_ANY = 0.01
# Columns of the spectrogram between two looks: 116 ms.
_LOOK = 5
# Looks, half a second: one word is kept once.
_APART = 4
_LINES_A_JOB = 120
_WORDS = [LABELS.index(word) for word in TARGETS]

Rows = list[tuple[Clip, NDArray[np.uint8], int, int]]


def _lines(reading: Reading, seed: int) -> list[Line]:
    random = Random(seed)  # noqa: S311 - speech, not secrets
    voices: list[Voice] = [voice for voice in all_voices() if voice.training]
    formant = [voice for voice in voices if voice.engine == "espeak-ng"]
    recorded = [voice for voice in voices if voice.engine != "espeak-ng"]
    readers = formant + recorded * reading.recorded
    texts = running_texts(FORTUNES, MINED_TEXTS, seed=_TEXTS_SEED, made=MADE, more=jargon_text())
    return [vary(text, "", random.choice(readers), random) for text in texts[:SENTENCES]]


def _row(frames: NDArray[np.float32], first: int) -> NDArray[np.uint8]:
    """The row in whose middle the window that begins at a column is."""
    start = first - (ROW_FRAMES - FRAMES) // 2
    places = np.clip(np.arange(start, start + ROW_FRAMES), 0, len(frames) - 1)
    return encode(frames[places])


def _peaks(scores: NDArray[np.float32], least: float) -> Iterator[int]:
    """Looks whose score is the highest within half a second, best first."""
    free = np.ones(scores.size, np.bool_)
    for place in np.argsort(-scores):
        if scores[place] < least:
            return
        if free[place]:
            free[max(0, place - _APART) : place + _APART + 1] = False
            yield int(place)


def _found(
    model: SpeechModel, line: Line, sound: NDArray[np.int16], heard: float, random: Generator
) -> tuple[Rows, float]:
    wave: NDArray[np.float32] = np.pad(trimmed(sound).astype(np.float32) / 32768, RATE_HZ)
    wave += floor_noise(wave[RATE_HZ:-RATE_HZ], wave.size, random, made=True)
    if random.random() < 0.4:
        wave = in_a_room(wave, random)
    wave *= 0.5 / max(float(np.abs(wave).max()), 1e-4)
    frames = spectra(wave)
    looks = np.arange(0, len(frames) - FRAMES, _LOOK)
    # As the row will be read later: in half decibels.
    seen = decode(encode(frames))[:, :BINS]
    windows = np.lib.stride_tricks.sliding_window_view(seen, FRAMES, axis=0)[looks]
    inputs = normalised(windows.transpose(0, 2, 1))[..., np.newaxis]
    best = model.run(inputs).scores[:, _WORDS].max(axis=1)
    speaker = f"{line.voice.engine} {line.voice.name}"
    middle = (ROW_FRAMES - FRAMES) // 2
    rows: Rows = []
    for kind, places in (
        ("heard", _peaks(best, heard)),
        ("any", np.flatnonzero(random.random(looks.size) < _ANY)),
    ):
        clip = Clip("running", kind, speaker)
        rows += [
            (clip, _row(frames, int(looks[place])), middle, middle + FRAMES) for place in places
        ]
    return rows, wave.size / RATE_HZ


_model = cache(read_speech_model)


def _listen(
    folder: Path, heard: float, seed: int, job: tuple[int, Sequence[Line]]
) -> tuple[Rows, float]:
    number, lines = job
    random = np.random.default_rng((71, seed, number))
    rows: Rows = []
    seconds = 0.0
    for line, sound in speak_many(lines):
        more, spoken_s = _found(_model(folder), line, sound, heard, random)
        rows += more
        seconds += spoken_s
    return rows, seconds


def build_hard(
    work: Path, model: Path, reading: Reading, *, seed: int, processes: int = 2
) -> dict[str, float]:
    """Let the training voices read the training texts, and keep what is taken for words.

    Mining hard negatives, after "Learning and Example Selection for Object and Pattern
    Detection", Sung, 1996.

    Parameters
    ----------
    work : pathlib.Path
        Gets the bank: rows whose word is ``"heard"`` or ``"any"``, the window that was
        scored in their middle.
    model : pathlib.Path
        A folder with a speech model, as :func:`~models.training.speech.export.export` writes it.
    reading : Reading
        Who reads what, and the bank's name.
    seed : int
        For voices, pace, pitch and the order of sentences.
    processes : int
        How many voices speak at once.

    Returns
    -------
    dict of str to float
        ``hours`` of speech, and how many ``rows``.
    """
    lines = _lines(reading, seed)
    jobs = [
        (place, lines[start : start + _LINES_A_JOB])
        for place, start in enumerate(range(0, len(lines), _LINES_A_JOB))
    ]
    seconds = 0.0

    def rows() -> Iterator[tuple[Clip, NDArray[np.uint8], int, int]]:
        nonlocal seconds
        with ProcessPoolExecutor(processes) as pool:
            for found, spoken_s in pool.map(partial(_listen, model, reading.heard, seed), jobs):
                seconds += spoken_s
                yield from found

    count = write_bank(work, reading.bank, rows())
    return {"hours": seconds / 3600, "rows": count}
