"""Draws balanced batches from the banks and augments them; the same step gives the same batch."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.training.speech.augment import (
    Batch,
    Warp,
    add_noise,
    cut_bands,
    microphones,
    normalised,
    spec_augment,
    windows,
)
from models.training.speech.bank import Bank
from models.training.speech.labels import LABELS, NOISE, SCARCE, TARGETS, UNKNOWN
from models.training.speech.mixes import MIXES, SOURCES
from models.training.speech.spectra import BINS, FRAMES, ROW_FRAMES

__all__ = ["Batches"]

Rows = NDArray[np.intp]

# The hard windows of a mix: from which bank, and which of its rows.
_HARD = {
    "heard": ("hard", "heard"),
    "any": ("hard", "any"),
    "again": ("hard_again", "heard"),
}

# What is only mixed in need not be stretched in frequency, which takes most of the time.
_STIFF = Warp(0.12, 0.0)


class Batches:
    """Makes batches.

    Parameters
    ----------
    folder : pathlib.Path
        With the banks.
    seed : int
        With the step it decides the batch.
    size : int
        Windows in a batch.
    without : collection of str, optional
        Speakers whose real recordings are left out.
    mix : str, optional
        A key of ``MIXES``.
    """

    def __init__(
        self,
        folder: Path,
        *,
        seed: int,
        size: int = 128,
        without: Collection[str] = (),
        mix: str = "clips",
    ) -> None:
        self.seed = seed
        self.size = size
        self.mix = MIXES[mix]
        self._words = Bank.open(folder, "words")
        self._running = Bank.open(folder, "running")
        self._noise = Bank.open(folder, "noise")
        self._hard = {
            kind: (Bank.open(folder, bank), word)
            for kind, (bank, word) in _HARD.items()
            if kind in self.mix.kinds
        }
        words = self._words
        kept = ~((words.source == "train") & np.isin(words.speaker, list(without)))
        self._rows: dict[tuple[str, str], Rows] = {}
        for source in SOURCES:
            chosen = kept & (words.source == source)
            for word in np.unique(words.word[chosen]):
                self._rows[source, str(word)] = np.flatnonzero(chosen & (words.word == word))
        others = kept & ~np.isin(words.word, TARGETS)
        common = ("bed", "cat", "happy")
        real = others & (words.source == "train")
        self._unknown: dict[str, Rows] = {
            "on": np.flatnonzero(others & (words.word == "on")),
            "off": np.flatnonzero(others & (words.word == "off")),
            "common": np.flatnonzero(real & np.isin(words.word, common)),
            "rare": np.flatnonzero(real & ~np.isin(words.word, (*common, "on", "off"))),
            "confusable": np.flatnonzero(
                others & (words.source == "voice") & ~np.isin(words.word, ("on", "off"))
            ),
            "real": np.flatnonzero(kept & (words.source == "train")),
        }

    def batch(self, step: int) -> tuple[Batch, Batch]:
        """Make the batch of a step.

        Parameters
        ----------
        step : int
            Any number.

        Returns
        -------
        inputs : ndarray of shape (size, 43, 232, 1), float32
            Normalised spectrograms.
        targets : ndarray of shape (size, 20), float32
            Probabilities of the labels.
        """
        random = np.random.default_rng((self.seed, step))
        unknown = round(self.size * self.mix.unknown)
        noise = round(self.size * self.mix.noise)
        parts: list[tuple[Batch, NDArray[np.intp]]] = [
            self._word_windows(self.size - unknown - noise, random),
            self._unknown_windows(unknown, random),
        ]
        speech = np.concatenate([part[0] for part in parts])
        labels = np.concatenate([part[1] for part in parts])
        speech = self._in_context(speech, random)
        speech = self._in_noise(speech, random)
        silence = self._noise_windows(noise, random)
        decibels = np.concatenate([speech, silence])
        labels = np.concatenate([labels, np.full(noise, NOISE)])
        decibels = cut_bands(microphones(decibels, random), random)
        self._spoil(decibels, labels, random)
        inputs = normalised(decibels)
        targets = np.eye(len(LABELS), dtype=np.float32)[labels]
        inputs, targets = _mixed_up(inputs, targets, random)
        spec_augment(inputs, random)
        order = random.permutation(self.size)
        return inputs[order][..., None], targets[order]

    def _word_windows(self, count: int, random: Generator) -> tuple[Batch, NDArray[np.intp]]:
        start = int(random.integers(0, len(TARGETS)))
        # Round robin: every word as often as every other, in every batch.
        words = [TARGETS[(start + place) % len(TARGETS)] for place in range(count)]
        rows = np.array([self._row_of(word, random) for word in words])
        labels = np.array([LABELS.index(word) for word in words])
        return self._whole(rows, random), labels

    def _row_of(self, word: str, random: Generator) -> int:
        shares = self.mix.scarce_sources if word in SCARCE else self.mix.word_sources
        there = np.array([(source, word) in self._rows for source in SOURCES])
        weights = np.array(shares) * there
        source = SOURCES[int(random.choice(4, p=weights / weights.sum()))]
        return int(random.choice(self._rows[source, word]))

    def _whole(self, rows: Rows, random: Generator) -> Batch:
        """Windows in which the words are whole, or nearly."""
        first, last = self._words.first[rows], self._words.last[rows]
        usual = 16 + random.normal(0, 4, rows.size)
        anywhere = random.uniform(last - FRAMES + 1, np.maximum(first, last - FRAMES + 1.5))
        start = np.where(random.random(rows.size) < 0.5, usual, anywhere)
        start = np.minimum(np.maximum(start, last - FRAMES - 1), first + 2)
        start = np.clip(start, 0, ROW_FRAMES - FRAMES)
        return windows(self._words.codes[rows], start, random, Warp())

    def _unknown_windows(self, count: int, random: Generator) -> tuple[Batch, NDArray[np.intp]]:
        kinds = random.choice(list(self.mix.kinds), count, p=list(self.mix.kinds.values()))
        makers: dict[str, Callable[[int], Batch]] = {
            "spliced": lambda size: self._spliced(size, random),
            "running": lambda size: self._cut_anywhere(self._running, None, size, random, Warp()),
            "babble": lambda size: self._babble(size, random),
            "cut": lambda size: self._cut_words(size, random),
            **{kind: partial(self._hard_windows, kind, random) for kind in self._hard},
        }
        parts = []
        for kind in self.mix.kinds:
            size = int((kinds == kind).sum())
            if size and kind in makers:
                parts.append(makers[kind](size))
            elif size:
                parts.append(self._whole(random.choice(self._unknown[kind], size), random))
        return np.concatenate(parts), np.full(count, UNKNOWN)

    def _cut_anywhere(
        self,
        bank: Bank,
        rows: Rows | None,
        size: int,
        random: Generator,
        warp: Warp = _STIFF,
    ) -> Batch:
        if rows is None:
            rows = random.integers(0, len(bank.codes), size)
        start = random.uniform(0, ROW_FRAMES - FRAMES, size)
        return windows(bank.codes[rows], start, random, warp)

    def _hard_windows(self, kind: str, random: Generator, size: int) -> Batch:
        """Windows of running speech in which words were heard, or any, nearly where it was."""
        bank, word = self._hard[kind]
        rows = random.choice(np.flatnonzero(bank.word == word), size)
        start = bank.first[rows] + random.normal(0, 2, size)
        start = np.clip(start, 0, ROW_FRAMES - FRAMES)
        return windows(bank.codes[rows], start, random, Warp(0.05, 0.05))

    def _spliced(self, size: int, random: Generator) -> Batch:
        """The beginning of one real word with the end of another, or a word backwards."""
        rows = random.choice(self._unknown["real"], (2, size))
        heads, tails = self._whole(rows[0], random), self._whole(rows[1], random)
        backwards = random.random(size) < 0.35
        # "on" backwards is nearly "no", and some words are nearly their own mirror images.
        keeps = np.isin(self._words.word[rows[0]], ("on", "no", "nine", "off", "stop", "eight"))
        out = heads.copy()
        for place in range(size):
            if backwards[place] and not keeps[place]:
                out[place] = heads[place, ::-1]
            else:
                middle = int(random.integers(FRAMES // 2 - 4, FRAMES // 2 + 5))
                same = self._words.word[rows[0, place]] == self._words.word[rows[1, place]]
                source = tails[place, ::-1] if same else tails[place]
                level = heads[place].max() - source.max()
                out[place, middle:] = source[middle:] + level
        return out

    def _cut_words(self, size: int, random: Generator) -> Batch:
        """Words of which less than half is in the window."""
        rows = random.choice(self._unknown["real"], size)
        first, last = self._words.first[rows], self._words.last[rows]
        length = last - first
        seen = random.uniform(0.15, 0.42, size) * length
        late = first + seen - FRAMES
        early = last - seen
        start = np.where(late >= 0, np.where(random.random(size) < 0.5, late, early), early)
        reachable = (start >= 0) & (start <= ROW_FRAMES - FRAMES)
        cut = windows(
            self._words.codes[rows],
            np.clip(start, 0, ROW_FRAMES - FRAMES),
            random,
            Warp(0.0, 0.1),
        )
        # The word begins or ends too near the middle to be cut: silence its greater part.
        for place in np.flatnonzero(~reachable):
            begin = int(np.clip(first[place] + seen[place] - (ROW_FRAMES - FRAMES), 0, FRAMES - 4))
            quiet = np.sort(cut[place].mean(axis=1))[:3].mean() - cut[place, begin:].mean(axis=1)
            cut[place, begin:] += np.minimum(quiet, 0)[:, None]
        return cut

    def _babble(self, size: int, random: Generator) -> Batch:
        total = self._one_talks(size, random)
        for _ in range(int(random.integers(2, 6))):
            more = self._one_talks(size, random)
            total = add_noise(total, more, random.normal(0, 2, size).astype(np.float32), random)
        return total

    def _one_talks(self, size: int, random: Generator) -> Batch:
        """Running speech, or words of real people, which go round in the window."""
        if random.random() < 0.5:
            return self._cut_anywhere(self._running, None, size, random)
        spoken = self._whole(random.choice(self._unknown["real"], size), random)
        shifts = random.integers(0, FRAMES, size)
        places = (np.arange(FRAMES) + shifts[:, None]) % FRAMES
        return np.asarray(np.take_along_axis(spoken, places[:, :, None], axis=1))

    def _in_context(self, speech: Batch, random: Generator) -> Batch:
        """Let the end or beginning of another word be heard at the edge of some windows."""
        chosen = np.flatnonzero(random.random(len(speech)) < self.mix.context)
        if not chosen.size:
            return speech
        rows = random.choice(self._unknown["real"], chosen.size)
        first, last = self._words.first[rows], self._words.last[rows]
        seen = random.uniform(2, 9, chosen.size)
        before = random.random(chosen.size) < 0.5
        start = np.where(before, last - seen, first + seen - FRAMES)
        usable = (start >= 0) & (start <= ROW_FRAMES - FRAMES)
        chosen, rows, start = chosen[usable], rows[usable], start[usable]
        if chosen.size:
            other = windows(self._words.codes[rows], start, random, Warp(0.0, 0.08))
            level = speech[chosen].max(axis=(1, 2)) - other.max(axis=(1, 2))
            other += (level + random.uniform(-6, 0, chosen.size).astype(np.float32))[:, None, None]
            power = np.float32(np.log(10) / 10)
            both = np.exp(speech[chosen] * power) + np.exp(other * power)
            speech[chosen] = np.log(both + 1e-20) / power
        return speech

    def _in_noise(self, speech: Batch, random: Generator) -> Batch:
        count = len(speech)
        babble = random.random(count) < self.mix.in_babble
        snr_db = random.uniform(0, 22, count) + random.uniform(0, 8, count)
        snr_db = np.where(babble, random.uniform(*self.mix.babble_db, count), snr_db)
        # The others stay as they were recorded.
        snr_db = np.where(random.random(count) < self.mix.noisy, snr_db, np.inf)
        noise = self._cut_anywhere(self._noise, None, count, random)
        babble &= np.isfinite(snr_db)
        loud = int(babble.sum())
        if loud:
            noise[babble] = self._babble(loud, random)
        return add_noise(speech, noise, snr_db.astype(np.float32), random)

    def _noise_windows(self, count: int, random: Generator) -> Batch:
        made = random.random(count) < 0.45
        kinds = self._noise.word
        rows = np.where(
            made,
            random.choice(np.flatnonzero(kinds == "made"), count),
            random.choice(np.flatnonzero(kinds == "background"), count),
        )
        sound = self._cut_anywhere(self._noise, rows, count, random)
        more = self._cut_anywhere(self._noise, None, count, random)
        snr_db = np.where(random.random(count) < 0.6, np.inf, random.uniform(-5, 20, count))
        sound = add_noise(sound, more, snr_db.astype(np.float32), random)
        # The pauses of real recordings: their quietest frames again and again.
        for place in np.flatnonzero(random.random(count) < 0.25):
            row = self._words.codes[int(random.choice(self._unknown["real"]))]
            quiet = np.argsort(row.mean(axis=1))[:12]
            again = random.choice(quiet, FRAMES)
            frames = row[again, :BINS].astype(np.float32) * 0.5 - 140
            sound[place] = frames + random.normal(0, 2, frames.shape)
        return sound

    def _spoil(self, decibels: Batch, labels: NDArray[np.intp], random: Generator) -> None:
        """Digital silence, in part or whole, as muted microphones and files' ends have it."""
        for place in np.flatnonzero(random.random(len(decibels)) < 0.12):
            kind = random.random()
            # A tenth of all recordings are shorter than a second, so silence follows them.
            width = int(random.integers(1, 15))
            value = random.uniform(-150, -95) if kind < 0.8 else random.uniform(-380, -150)
            if kind < 0.65:
                decibels[place, FRAMES - width :] = value
            if 0.35 < kind < 0.9:
                decibels[place, :width] = value
            if kind >= 0.9:
                # Before its queue is full the original recogniser has zeros, far above speech.
                decibels[place, : int(random.integers(1, 12))] = 0.0
        for place in np.flatnonzero((labels == NOISE) & (random.random(len(labels)) < 0.06)):
            decibels[place] = random.uniform(-120, 0) + random.normal(0, 1e-3, (FRAMES, BINS)) * (
                random.random() < 0.5
            )


def _mixed_up(inputs: Batch, targets: Batch, random: Generator) -> tuple[Batch, Batch]:
    """Mix a tenth of the windows with another of the batch, inputs and targets alike."""
    count = len(inputs) // 10
    chosen = random.choice(len(inputs), count, replace=False)
    partner = random.choice(len(inputs), count)
    share = random.beta(0.4, 0.4, count).astype(np.float32)
    share = np.maximum(share, 1 - share)
    mixed = inputs[chosen] * share[:, None, None] + inputs[partner] * (1 - share[:, None, None])
    inputs[chosen] = normalised(mixed)
    targets[chosen] = targets[chosen] * share[:, None] + targets[partner] * (1 - share[:, None])
    return inputs, targets
