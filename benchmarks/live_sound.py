"""Words with known ends, said again and again, and found again in what a server received."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.audio import decode_audio
from models.training.speech.labels import TARGETS
from models.training.speech.noises import TRAINED_PART

__all__ = ["RATE_HZ", "SaidWord", "Script", "find", "marker", "recorded_script", "script"]

RATE_HZ = 48_000
MARKER_PEAK = 0.8
_SAMPLES = Path(__file__).resolve().parents[1] / "models" / "demo_sets" / "speech"
_WORDS = {
    "digits": ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    "directions": ("left", "right", "up", "down", "go", "stop"),
}
_BLOCK = RATE_HZ // 100
# A word ends where it falls for good 40 dB below its file's loudest hundredth of a second.
_ENDS_DB = 40.0
_PAUSE_BLOCKS = 20
_GAP_S = 0.72
_NOISE = 1e-3
_LEAD_S = 1.0
_MARKER_S = 0.03
_SPOKEN_PEAK = 0.4
# Of recorded words, as the model card counts them: noise so far under a word, which ends where it
# falls 25 dB below its own loudest hundredth of a second. A word with high peaks is played fainter,
# lest it be taken for a marker: 26 of 145 are up to 6 dB nearer to the noise.
_NOISE_DB = 20.0
_RECORDED_ENDS_DB = 25.0
_LOUDNESS = 0.05
_GAPS_S = (0.3, 1.2)
_EACH = 10


@dataclass(frozen=True)
class SaidWord:
    """A word and where it is, in samples at 48 kHz."""

    word: str
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class Script:
    """What is played over and over: a marker, then the words.

    Attributes
    ----------
    samples : ndarray of float32, shape (n,)
        At 48 kHz.
    words : tuple of SaidWord
    """

    samples: NDArray[np.float32]
    words: tuple[SaidWord, ...]


def _cut(name: str) -> list[tuple[str, NDArray[np.float32]]]:
    """Return the words of a sample clip, each from its first to its last sound."""
    samples = decode_audio((_SAMPLES / f"{name}.flac").read_bytes(), rate_hz=RATE_HZ).samples
    loud = _loud_blocks(samples, _ENDS_DB)
    breaks = np.flatnonzero(np.diff(loud) > _PAUSE_BLOCKS)
    starts = loud[np.concatenate([[0], breaks + 1])] * _BLOCK
    ends = (loud[np.concatenate([breaks, [len(loud) - 1]])] + 1) * _BLOCK
    words = _WORDS[name]
    assert len(starts) == len(words), f"{name}: {len(starts)} words were found"
    return [(word, samples[at:end]) for word, at, end in zip(words, starts, ends, strict=True)]


def script() -> Script:
    """Return the words of the bundled samples with short pauses, in faint noise.

    The pauses vary, so that the words end anywhere between two steps of the recogniser.
    """
    rng = np.random.default_rng(7)
    parts = [marker(), np.zeros(round(_LEAD_S * RATE_HZ), np.float32)]
    words = []
    for name in _WORDS:
        for word, samples in _cut(name):
            start = sum(map(len, parts))
            spoken = samples * (_SPOKEN_PEAK / float(np.abs(samples).max()))
            pause = np.zeros(round((_GAP_S + rng.uniform(0, 0.1)) * RATE_HZ), np.float32)
            words.append(SaidWord(word, start, start + len(samples)))
            parts += [spoken.astype(np.float32), pause]
    said = np.concatenate(parts)
    noise = rng.normal(0, _NOISE, len(said)).astype(np.float32)
    return Script(said + noise, tuple(words))


def recorded_script(data: Path) -> Script:
    """Return words of people that did not train, in recorded noise 20 dB below most of them.

    Parameters
    ----------
    data : pathlib.Path
        With ``words.tsv``, ``words`` and ``background``: 16 kHz recordings of a second each.

    Returns
    -------
    Script
        Ten recordings of each word, drawn once and for all, or all that there are of rare ones.
    """
    rng = np.random.default_rng(7)
    clips = _unheard(data, rng)
    parts = [marker(), np.zeros(round(_LEAD_S * RATE_HZ), np.float32)]
    words = []
    for word, path in clips:
        raw = decode_audio(path.read_bytes(), rate_hz=RATE_HZ).samples
        first, last = _ends(raw)
        start = sum(map(len, parts))
        loudness = float(np.sqrt(np.square(raw[first:last]).mean()))
        gain = min(_LOUDNESS / loudness, _SPOKEN_PEAK / float(np.abs(raw).max()))
        words.append(SaidWord(word, start + first, start + last))
        pause = np.zeros(round(rng.uniform(*_GAPS_S) * RATE_HZ), np.float32)
        parts += [(raw * gain).astype(np.float32), pause]
    said = np.concatenate(parts)
    pieces = []
    for path in sorted((data / "background").glob("*.flac")):
        noise = decode_audio(path.read_bytes(), rate_hz=RATE_HZ).samples
        noise = noise[round(len(noise) * TRAINED_PART) :]
        level = float(np.sqrt(np.square(noise).mean() + 1e-12))
        pieces.append(noise * (_LOUDNESS * 10 ** (-_NOISE_DB / 20) / level))
    noise = np.resize(np.concatenate(pieces), len(said)).astype(np.float32)
    return Script(said + noise, tuple(words))


def _unheard(data: Path, rng: np.random.Generator) -> list[tuple[str, Path]]:
    """Return the words and the files of some recordings of the validation part, shuffled."""
    files: dict[str, list[Path]] = {}
    with (data / "words.tsv").open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table, delimiter="\t"):
            if row["part"] == "val" and row["word"] in TARGETS:
                files.setdefault(row["word"], []).append(data / "words" / row["word"] / row["file"])
    chosen = []
    for word in sorted(files):
        order = rng.permutation(len(files[word]))[:_EACH]
        chosen += [(word, sorted(files[word])[place]) for place in order]
    return [chosen[place] for place in rng.permutation(len(chosen))]


def _ends(raw: NDArray[np.float32]) -> tuple[int, int]:
    """Return where the sound of a recording begins and ends."""
    loud = _loud_blocks(raw, _RECORDED_ENDS_DB)
    return int(loud[0]) * _BLOCK, (int(loud[-1]) + 1) * _BLOCK


def _loud_blocks(samples: NDArray[np.float32], below_db: float) -> NDArray[np.intp]:
    """Return which hundredths of a second are less than so far below the loudest."""
    blocks = samples[: len(samples) // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    level_db = 10 * np.log10(np.square(blocks).mean(axis=1) + 1e-12)
    return np.flatnonzero(level_db > level_db.max() - below_db)


def marker() -> NDArray[np.float32]:
    """Return a short whistle, far louder than the words."""
    time_s = np.arange(round(_MARKER_S * RATE_HZ)) / RATE_HZ
    return (MARKER_PEAK * np.sin(2 * np.pi * 2500 * time_s)).astype(np.float32)


def find(said: Script, received: NDArray[np.int16]) -> list[tuple[SaidWord, int, int]]:
    """Find the words in what was received; each is aligned by itself.

    Parameters
    ----------
    said : Script
    received : ndarray of int16, shape (n,)
        At 48 kHz.

    Returns
    -------
    list of (SaidWord, int, int)
        With the places of its start and end in `received`; negative `word.start` never. Words
        that are not there in full are left out. In the order of time.
    """
    sound = received.astype(np.float32) / 32768
    once = len(said.samples)
    if len(sound) <= once // 2:
        return []
    lag = _lag(sound[: 2 * once], said.samples) % once
    found = []
    for loop in range(-1, len(sound) // once + 1):
        for word in said.words:
            at = lag + loop * once + word.start
            end = at + word.end - word.start
            if at < RATE_HZ // 10 or end + RATE_HZ // 2 > len(sound):
                continue
            shift = _shift(sound, said.samples[word.start : word.end], at)
            found.append((word, at + shift, end + shift))
    return sorted(found, key=lambda item: item[1])


def marker_starts(said: Script, words: list[tuple[SaidWord, int, int]]) -> list[int]:
    """Return where the markers are that the found first words followed."""
    first = said.words[0]
    return [at - first.start for word, at, _ in words if word is first and at >= first.start]


def _lag(sound: NDArray[np.float32], once: NDArray[np.float32]) -> int:
    """Return where the loop begins, up to whole loops."""
    size = 1 << (len(sound) + len(once) - 1).bit_length()
    spectrum = np.fft.rfft(sound, size) * np.conj(np.fft.rfft(once, size))
    place = int(np.fft.irfft(spectrum, size).argmax())
    return place if place < len(sound) else place - size


def _shift(sound: NDArray[np.float32], word: NDArray[np.float32], at: int) -> int:
    """Return by how much a word is later than it should be, up to 0.1 s."""
    most = RATE_HZ // 10
    around = sound[max(0, at - most) : at + len(word) + most]
    match = np.fft.irfft(
        np.fft.rfft(around, 2 * len(around)) * np.conj(np.fft.rfft(word, 2 * len(around))),
        2 * len(around),
    )
    return int(match[: len(around) - len(word)].argmax()) - min(at, most)
