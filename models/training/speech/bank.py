"""Banks of spectrogram rows: every clip several times, in other rooms and at other speeds."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.training.speech.audio import RATE_HZ
from models.training.speech.corpus import Clip, Corpus
from models.training.speech.labels import SCARCE
from models.training.speech.noises import background_pieces, made_noise
from models.training.speech.rooms import floor_noise, in_a_room, place
from models.training.speech.spectra import (
    HOP,
    MODEL_RATE_HZ,
    ROW_BINS,
    ROW_FRAMES,
    ROW_SAMPLES,
    encode,
    spectra,
)

__all__ = ["Bank", "build_banks", "write_bank"]

PIECES_A_BACKGROUND = 260
MADE_NOISES = 1500


@dataclass(frozen=True)
class Bank:
    """Rows of spectrograms with what is in them.

    Parameters
    ----------
    codes : ndarray of shape (rows, 75, 256), uint8
        Decibels as :func:`~models.training.speech.spectra.encode` keeps them.
    source, word, speaker : ndarray of shape (rows,), str
        As in :class:`~models.training.speech.corpus.Clip`.
    first, last : ndarray of shape (rows,), int32
        The frames where the word begins and ends.
    """

    codes: NDArray[np.uint8]
    source: NDArray[np.str_]
    word: NDArray[np.str_]
    speaker: NDArray[np.str_]
    first: NDArray[np.int32]
    last: NDArray[np.int32]

    @classmethod
    def open(cls, folder: Path, name: str) -> Bank:
        """Open a bank that :func:`build_banks` wrote, without reading it into memory."""
        with (folder / f"{name}.tsv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        shape = (len(rows), ROW_FRAMES, ROW_BINS)
        return cls(
            np.memmap(folder / f"{name}.u8", np.uint8, mode="r", shape=shape),
            *(np.array([row[key] for row in rows]) for key in ("source", "word", "speaker")),
            *(np.array([int(row[key]) for row in rows], np.int32) for key in ("first", "last")),
        )


def _variants(clip: Clip, counts: Counter[str]) -> int:
    if clip.source == "train":
        # Rare words come in more rooms and speeds, common ones in few.
        return int(np.clip(1500 // counts[clip.word], 3, 16))
    if clip.source == "digits":
        return 2 if clip.word in SCARCE else 1
    return 2 if clip.source == "voice" and clip.word in SCARCE else 1


def _row(
    sound: NDArray[np.int16], clip: Clip, random: Generator
) -> tuple[NDArray[np.uint8], int, int]:
    recorded = clip.source in ("train", "one_speaker")
    speed = float(np.exp(random.normal(0, 0.07 if recorded else 0.1)))
    speed = float(np.clip(speed, 0.82, 1.22))
    placed = place(sound, random, whole_clip=recorded)
    wave = placed.sound
    if random.random() < 0.4:
        wave = in_a_room(wave, random)
    # Resampling keeps the middle in the middle when both ends are cut or filled alike.
    wanted = int(np.ceil((ROW_FRAMES + 1) * HOP * RATE_HZ * speed / MODEL_RATE_HZ)) + 2
    extra = wanted - wave.size
    if extra > 0:
        noise = floor_noise(wave, extra, random, made=False)
        wave = np.concatenate([noise[: extra // 2], wave, noise[extra // 2 :]])
    else:
        wave = wave[-extra // 2 :][:wanted]
    frame = HOP * RATE_HZ * speed / MODEL_RATE_HZ
    first = (placed.start + extra / 2) / frame - 1
    last = (placed.stop + extra / 2) / frame - 1
    codes = encode(spectra(wave, speed=speed)[:ROW_FRAMES])
    return codes, int(np.clip(first, 0, 74)), int(np.clip(np.ceil(last), 0, 74))


def _clip_rows(
    folder: Path, job: tuple[int, list[tuple[int, int]]]
) -> list[tuple[Clip, NDArray[np.uint8], int, int]]:
    seed, wanted = job
    corpus = Corpus(folder)
    rows = []
    for number, copies in wanted:
        clip = corpus.clips[number]
        random = np.random.default_rng((seed, number))
        for _ in range(copies):
            rows.append((clip, *_row(corpus.sound(clip), clip, random)))
    return rows


def _running_rows(corpus: Corpus, seed: int) -> Iterator[tuple[Clip, NDArray[np.uint8], int, int]]:
    for number, clip in enumerate(corpus.clips):
        if clip.source in ("running", "prompt"):
            random = np.random.default_rng((seed, number))
            sound = corpus.sound(clip).astype(np.float32) / 32768
            # Sentences begin and end in quiet, which is where they are taken for single words.
            sound = np.pad(sound, (RATE_HZ // 2, RATE_HZ // 4))
            step = ROW_SAMPLES * 4 // 5
            for start in range(0, max(sound.size - ROW_SAMPLES * 3 // 4, 1), step):
                piece = sound[start : start + ROW_SAMPLES]
                made = floor_noise(sound, ROW_SAMPLES, random, made=True)
                made[: piece.size] += piece
                if random.random() < 0.4:
                    made = in_a_room(made, random)
                made *= 0.5 / max(float(np.abs(made).max()), 1e-4)
                yield clip, encode(spectra(made)[:ROW_FRAMES]), 0, ROW_FRAMES - 1


def _noise_rows(background: Path, seed: int) -> Iterator[tuple[Clip, NDArray[np.uint8], int, int]]:
    random = np.random.default_rng((seed, 1))
    for piece in background_pieces(background, random, PIECES_A_BACKGROUND):
        wave = piece * np.float32(0.1 / np.sqrt((piece**2).mean() + 1e-9))
        yield Clip("noise", "background", ""), encode(spectra(wave)[:ROW_FRAMES]), 0, 74
    for _ in range(MADE_NOISES):
        wave = made_noise(random)
        yield Clip("noise", "made", ""), encode(spectra(wave)[:ROW_FRAMES]), 0, 74


def write_bank(
    folder: Path, name: str, rows: Iterator[tuple[Clip, NDArray[np.uint8], int, int]]
) -> int:
    """Write a bank; its table comes last, so that a broken run is not taken for a whole bank.

    Parameters
    ----------
    folder : pathlib.Path
    name : str
        Of the two files, ``.u8`` and ``.tsv``.
    rows : iterator of (Clip, ndarray of shape (75, 256), int, int)
        What is said and by whom, the row, and the frames where it begins and ends.

    Returns
    -------
    int
        Rows written.
    """
    count = 0
    temporary = folder / f"{name}.tsv.part"
    with (folder / f"{name}.u8").open("wb") as codes, temporary.open("w", newline="") as table:
        writer = csv.writer(table, delimiter="\t", lineterminator="\n")
        writer.writerow(["source", "word", "speaker", "first", "last"])
        for clip, row, first, last in rows:
            codes.write(row.tobytes())
            writer.writerow([clip.source, clip.word, clip.speaker, first, last])
            count += 1
    temporary.replace(folder / f"{name}.tsv")
    return count


def build_banks(data: Path, folder: Path, *, seed: int, processes: int = 2) -> dict[str, int]:
    """Make the banks from the corpus.

    Parameters
    ----------
    data : pathlib.Path
        With the folder ``background``.
    folder : pathlib.Path
        Has the corpus; gets ``words``, ``running`` and ``noise`` as ``.u8`` and ``.tsv``.
    seed : int
        For rooms, speeds and noises.
    processes : int
        How many work at once.

    Returns
    -------
    dict of str to int
        Rows in each bank.
    """
    corpus = Corpus(folder)
    counts = Counter(clip.word for clip in corpus.clips if clip.source == "train")
    wanted = [
        (number, _variants(clip, counts))
        for number, clip in enumerate(corpus.clips)
        if clip.source in ("train", "digits", "one_speaker", "voice")
    ]
    jobs = [(seed, wanted[start : start + 250]) for start in range(0, len(wanted), 250)]
    with ProcessPoolExecutor(processes) as pool:
        made = pool.map(partial(_clip_rows, folder), jobs)
        words = write_bank(folder, "words", (row for part in made for row in part))
    return {
        "words": words,
        "running": write_bank(folder, "running", _running_rows(corpus, seed)),
        "noise": write_bank(folder, "noise", _noise_rows(data / "background", seed)),
    }
