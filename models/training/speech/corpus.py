"""Everything that trains: recordings and synthesised speech in one file, with a table."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from models.training.speech.audio import read_audio, trimmed
from models.training.speech.labels import SCARCE, TARGETS
from models.training.speech.synthesis import Line, speak_many, vary
from models.training.speech.texts import CONFUSABLE, OTHER_WORDS, running_texts
from models.training.speech.voices import all_voices

__all__ = ["MINED_TEXTS", "TRAINING_TEXTS", "Clip", "Corpus", "build_corpus", "recordings"]

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
FORTUNES = Path("/usr/share/games/fortunes")
PROMPTS = Path("/usr/share/asterisk/sounds/en")
# Evaluation reads other files than these, and skips their sentences that stand in these as well.
TRAINING_TEXTS = ("cookie", "men-women", "science", "wisdom", "law", "people", "education")
# What is read in which an earlier network listens for words, beside the Jargon File.
MINED_TEXTS = (
    *TRAINING_TEXTS,
    "fortunes",
    "pratchett",
    "startrek",
    "tao",
    "paradoxum",
    "perl",
    "knghtbrd",
    "debian",
    "goedel",
)
RUNNING_SENTENCES = 3900
RUNNING_MADE = 500


@dataclass(frozen=True)
class Clip:
    """Where one sound is, and what it is.

    Parameters
    ----------
    source : str
        ``"train"``, ``"val"``, ``"digits"``, ``"one_speaker"``, ``"voice"``, ``"running"`` or
        ``"prompt"``.
    word : str
        What is said; ``""`` for running speech.
    speaker : str
        Who says it.
    start, stop : int
        Samples in the corpus file.
    """

    source: str
    word: str
    speaker: str
    start: int = 0
    stop: int = 0


class Corpus:
    """A read-only corpus on disk.

    Parameters
    ----------
    folder : pathlib.Path
        As :func:`build_corpus` wrote it.
    """

    def __init__(self, folder: Path) -> None:
        self.samples: NDArray[np.int16] = np.memmap(folder / "corpus.i16", np.int16, mode="r")
        with (folder / "corpus.tsv").open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file, delimiter="\t")
            self.clips = [
                Clip(r["source"], r["word"], r["speaker"], int(r["start"]), int(r["stop"]))
                for r in rows
            ]

    def sound(self, clip: Clip) -> NDArray[np.int16]:
        """Return the samples of a clip, at 16 kHz."""
        return self.samples[clip.start : clip.stop]


def recordings(data: Path) -> Iterator[tuple[Clip, NDArray[np.int16]]]:
    """Read every real recording of speech.

    Parameters
    ----------
    data : pathlib.Path
        The folder with ``words.tsv``, ``words``, ``digits_8k`` and ``one_speaker``.

    Yields
    ------
    clip : Clip
        Without its place.
    sound : ndarray of shape (samples,), int16
        At 16 kHz.
    """
    with (data / "words.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            path = data / "words" / row["word"] / row["file"]
            if not path.exists():
                path = data / "words" / row["file"]
            yield Clip(row["part"], row["word"], row["speaker"]), read_audio(path)
    for digit in DIGITS:
        for path in sorted((data / "digits_8k" / digit).glob("*.flac")):
            speaker = path.stem.split("_")[1]
            yield Clip("digits", digit, speaker), read_audio(path)
    for word in ("two", "three", "four", "stop"):
        for path in sorted((data / "one_speaker" / word).glob("*.flac")):
            yield Clip("one_speaker", word, "one_speaker"), read_audio(path)
    for path in sorted(PROMPTS.rglob("*.g722")):
        word = path.stem if path.stem in TARGETS and path.parent.name == "digits" else ""
        sound = _prompt(path)
        if word:
            yield Clip("voice", word, "asterisk prompts"), trimmed(sound)
        elif path.parent.name not in ("digits", "letters", "phonetic", "dictate"):
            yield Clip("prompt", "", "asterisk prompts"), sound


def _prompt(path: Path) -> NDArray[np.int16]:
    import av

    # FFmpeg's g722 reader knows the sixteen-kilohertz coding without a header.
    with av.open(str(path), format="g722") as container:
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    return np.concatenate(frames).astype(np.int16) if frames else np.zeros(0, np.int16)


def _lines(seed: int) -> list[Line]:
    random = Random(seed)  # noqa: S311 - speech, not secrets
    voices = [voice for voice in all_voices() if voice.training]
    formant = [voice for voice in voices if voice.engine == "espeak-ng"]
    recorded = [voice for voice in voices if voice.engine != "espeak-ng"]
    lines: list[Line] = []

    def say(text: str, word: str, from_formant: int, from_recorded: int) -> None:
        lines.extend(vary(text, word, random.choice(formant), random) for _ in range(from_formant))
        # The recorded voices sound more like people, so each of them speaks.
        for place in range(from_recorded):
            lines.append(vary(text, word, recorded[place % len(recorded)], random))

    for word in TARGETS:
        say(word, word, *((240, 160) if word in SCARCE else (40, 40)))
    for word in dict.fromkeys(CONFUSABLE):
        say(word, word, 4, 5) if word not in ("on", "off") else say(word, word, 60, 60)
    for word in dict.fromkeys(OTHER_WORDS):
        say(word, word, 2, 2)
    for text in running_texts(FORTUNES, TRAINING_TEXTS, seed=seed, made=RUNNING_MADE)[
        :RUNNING_SENTENCES
    ]:
        lines.append(vary(text, "", random.choice(formant + recorded * 20), random))
    random.shuffle(lines)
    return lines


def _spoken(lines: list[Line]) -> list[tuple[Clip, NDArray[np.int16]]]:
    found = []
    for line, sound in speak_many(lines):
        source = "voice" if line.word else "running"
        clip = Clip(source, line.word, f"{line.voice.engine} {line.voice.name}")
        found.append((clip, trimmed(sound)))
    return found


def build_corpus(data: Path, folder: Path, *, seed: int, processes: int = 2) -> None:
    """Read the recordings, let the voices speak, and write both into one file.

    Parameters
    ----------
    data : pathlib.Path
        Recordings, as for :func:`recordings`.
    folder : pathlib.Path
        Gets ``corpus.i16`` and ``corpus.tsv``.
    seed : int
        For words, voices, pace and pitch.
    processes : int
        How many voices speak at once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = _lines(seed)
    parts = [lines[start : start + 200] for start in range(0, len(lines), 200)]
    with ProcessPoolExecutor(processes) as pool:
        spoken = pool.map(partial(_spoken), parts)
        _write(folder, _both(recordings(data), spoken))


def _both(
    first: Iterable[tuple[Clip, NDArray[np.int16]]],
    rest: Iterable[list[tuple[Clip, NDArray[np.int16]]]],
) -> Iterator[tuple[Clip, NDArray[np.int16]]]:
    yield from first
    for part in rest:
        yield from part


def _write(folder: Path, sounds: Iterable[tuple[Clip, NDArray[np.int16]]]) -> None:
    place = 0
    names = [field.name for field in fields(Clip)]
    temporary = folder / "corpus.tsv.part"
    with (folder / "corpus.i16").open("wb") as audio, temporary.open("w", newline="") as table:
        writer = csv.writer(table, delimiter="\t", lineterminator="\n")
        writer.writerow(names)
        for clip, sound in sounds:
            audio.write(sound.tobytes())
            writer.writerow([clip.source, clip.word, clip.speaker, place, place + sound.size])
            place += sound.size
    # The table comes last, so that a broken run is not taken for a whole corpus.
    temporary.replace(folder / "corpus.tsv")
