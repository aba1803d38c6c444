"""What a training run is watched by: the validation part, in quiet, babble and a narrow band."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.training.speech.audio import RATE_HZ, read_audio
from models.training.speech.corpus import Clip, Corpus
from models.training.speech.labels import NOISE, SCARCE, TARGETS, UNKNOWN, label_of
from models.training.speech.noises import TRAINED_PART
from models.training.speech.plane import planes

__all__ = ["Watched", "background_ends", "in_babble", "narrow_band", "watcher"]

Sounds = list[NDArray[np.float32]]


def narrow_band(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a sound with nothing over 4 kHz, as 8 kHz telephony leaves it."""
    import soxr

    low = soxr.resample(sound, RATE_HZ, RATE_HZ // 2)
    return np.asarray(soxr.resample(low, RATE_HZ // 2, RATE_HZ)[: sound.size], dtype=np.float32)


def in_babble(
    sounds: Sequence[NDArray[np.float32]],
    talkers: Sequence[NDArray[np.float32]],
    *,
    snr_db: float,
    seed: int,
) -> Sounds:
    """Mix each sound with five others talking at once.

    Parameters
    ----------
    sounds, talkers : sequence of ndarray of shape (samples,), float32
        At 16 kHz.
    snr_db : float
        Mean power of the sound to that of the babble.
    seed : int
        For the choice of talkers.

    Returns
    -------
    list of ndarray of shape (samples,), float32
    """
    random = np.random.default_rng(seed)
    mixed = []
    for sound in sounds:
        babble = np.zeros(sound.size, np.float32)
        for place in random.integers(0, len(talkers), 5):
            shifted = np.roll(
                np.resize(talkers[place], sound.size), int(random.integers(sound.size))
            )
            babble += shifted / np.sqrt((shifted**2).mean() + 1e-9)
        power = (sound**2).mean() / 10 ** (snr_db / 10)
        mixed.append(sound + babble * np.float32(np.sqrt(power / ((babble**2).mean() + 1e-12))))
    return mixed


def background_ends(folder: Path) -> Sounds:
    """Return one-second pieces of the last fifth of each background, at five levels, and silence.

    Parameters
    ----------
    folder : pathlib.Path
        With FLAC files.

    Returns
    -------
    list of ndarray of shape (16000,), float32
    """
    pieces: Sounds = []
    for path in sorted(folder.glob("*.flac")):
        whole = read_audio(path).astype(np.float32) / 32768
        end = whole[int(whole.size * TRAINED_PART) :]
        for start in range(0, end.size - RATE_HZ + 1, RATE_HZ):
            for level in (1.0, 0.3, 0.1, 0.03, 0.01):
                pieces.append(end[start : start + RATE_HZ] * np.float32(level))
    return [*pieces, *[np.zeros(RATE_HZ, np.float32)] * 10]


class Watched:
    """The clips that a run is watched by, as spectrograms.

    Parameters
    ----------
    data : pathlib.Path
        With the folder ``background``.
    folder : pathlib.Path
        With the corpus.
    part : str
        ``"val"``.
    """

    def __init__(self, data: Path, folder: Path, part: str = "val") -> None:
        corpus = Corpus(folder)
        chosen = [clip for clip in corpus.clips if clip.source == part]
        self.clips: list[Clip] = chosen
        sounds = [corpus.sound(clip).astype(np.float32) / 32768 for clip in chosen]
        self.sounds = sounds
        self.truth = np.array([label_of(clip.word) for clip in chosen])
        self.words = np.array([clip.word for clip in chosen])
        targets = [
            sound for sound, truth in zip(sounds, self.truth, strict=True) if truth != UNKNOWN
        ]
        self.target_truth = self.truth[self.truth != UNKNOWN]
        talkers = [
            sound for sound, truth in zip(sounds, self.truth, strict=True) if truth == UNKNOWN
        ]
        self.planes = {
            "quiet": planes(sounds),
            "babble": planes(in_babble(targets, talkers, snr_db=10, seed=3)),
            "narrow": planes([narrow_band(sound) for sound in targets]),
            "noise": planes(background_ends(data / "background")),
        }

    def report(self, predict: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> str:
        """Return the figures of a model in one line.

        Parameters
        ----------
        predict : callable
            Spectrograms in, one score for each label out.

        Returns
        -------
        str
            Percentages.
        """
        said = {name: predict(plane).argmax(axis=1) for name, plane in self.planes.items()}
        right = said["quiet"] == self.truth
        is_target = self.truth != UNKNOWN
        recalls = {word: right[self.words == word].mean() for word in TARGETS}
        kinds = [np.isin(self.words, [word]) for word in ("on", "off", "bed", "cat", "happy")]
        kinds.append(~is_target & ~np.any(kinds, axis=0))
        unknown = [right[kind].mean() for kind in kinds]
        scarce = right[np.isin(self.words, SCARCE)].mean()
        figures = {
            "micro": right[is_target].mean(),
            "macro": np.mean(list(recalls.values())),
            "unknown": np.mean(unknown),
            "scarce": scarce,
            "babble": (said["babble"] == self.target_truth).mean(),
            "narrow": (said["narrow"] == self.target_truth).mean(),
            "noise": (said["noise"] == NOISE).mean(),
        }
        line = " ".join(f"{name} {100 * value:.1f}" for name, value in figures.items())
        each = "/".join(f"{100 * value:.0f}" for value in unknown)
        words = " ".join(f"{word}:{100 * value:.0f}" for word, value in recalls.items())
        return f"{line} | on/off/bed/cat/happy/rest {each} | {words}"


def watcher(watched: Watched) -> Callable[[Any], str]:
    """Return what :func:`~models.training.speech.train.train` calls at each checkpoint."""

    def watch(model: Any) -> str:
        return watched.report(
            lambda plane: np.concatenate(
                [
                    np.asarray(model(plane[i : i + 256], training=False))
                    for i in range(0, len(plane), 256)
                ]
            )
        )

    return watch
