"""Folders of recordings for ``python -m core evaluate``: quiet, noise, babble, telephone band."""

from __future__ import annotations

import shutil
from collections import defaultdict
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from models.training.speech.audio import RATE_HZ, read_audio
from models.training.speech.corpus import Clip, Corpus
from models.training.speech.labels import SCARCE, TARGETS
from models.training.speech.noises import TRAINED_PART
from models.training.speech.watch import background_ends, in_babble, narrow_band

__all__ = ["build_conditions", "held_out_folder", "write_clips"]

SNR_DB = (20, 10, 5, 0)

Sounds = list[NDArray[np.float32]]


def write_clips(folder: Path, clips: list[Clip], sounds: Sounds) -> None:
    """Write each clip into the folder of its word, as lossless 24 bit FLAC.

    Parameters
    ----------
    folder : pathlib.Path
        Is made anew.
    clips : list of Clip
        For the words.
    sounds : list of ndarray of shape (samples,), float32
        At 16 kHz; one louder than full scale is turned down.
    """
    shutil.rmtree(folder, ignore_errors=True)
    counts: dict[str, int] = defaultdict(int)
    for clip, sound in zip(clips, sounds, strict=True):
        counts[clip.word] += 1
        path = folder / clip.word / f"{counts[clip.word]:04d}_{clip.speaker}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        loudest = max(float(np.abs(sound).max(initial=0)), 1.0)
        soundfile.write(path, sound / loudest, RATE_HZ, subtype="PCM_24")


def build_conditions(work: Path, data: Path) -> Path:
    """Write the validation part in every condition.

    Parameters
    ----------
    work : pathlib.Path
        Has the corpus; gets ``conditions/<name>/<word>/*.flac``.
    data : pathlib.Path
        With the folder ``background``.

    Returns
    -------
    pathlib.Path
        The folder of conditions: ``quiet`` holds the words, unknown words and noise; the others
        hold the words alone.
    """
    corpus = Corpus(work)
    folder = work / "conditions"
    val = [clip for clip in corpus.clips if clip.source == "val"]
    words = [clip for clip in val if clip.word in TARGETS]
    sounds = [corpus.sound(clip).astype(np.float32) / 32768 for clip in words]
    talkers = [
        corpus.sound(clip).astype(np.float32) / 32768 for clip in val if clip.word not in TARGETS
    ]
    noise = background_ends(data / "background")
    write_clips(
        folder / "quiet",
        [*val, *[Clip("noise", "_background_noise_", "") for _ in noise]],
        [*(corpus.sound(clip).astype(np.float32) / 32768 for clip in val), *noise],
    )
    for snr_db in SNR_DB:
        babble = in_babble(sounds, talkers, snr_db=snr_db, seed=3)
        write_clips(folder / f"babble_{snr_db}_db", words, babble)
        noisy = _in_background(sounds, data / "background", snr_db=snr_db)
        write_clips(folder / f"noise_{snr_db}_db", words, noisy)
    write_clips(folder / "band_8_khz", words, [narrow_band(sound) for sound in sounds])
    return folder


def _in_background(sounds: Sounds, background: Path, *, snr_db: float) -> Sounds:
    ends = []
    for path in sorted(background.glob("*.flac")):
        whole = read_audio(path).astype(np.float32) / 32768
        ends.append(whole[int(whole.size * TRAINED_PART) :])
    random = np.random.default_rng(5)
    mixed = []
    for place, sound in enumerate(sounds):
        end = ends[place % len(ends)]
        start = int(random.integers(0, end.size - sound.size))
        noise = end[start : start + sound.size]
        power = (sound**2).mean() / 10 ** (snr_db / 10)
        mixed.append(sound + noise * np.float32(np.sqrt(power / ((noise**2).mean() + 1e-12))))
    return mixed


def held_out_folder(work: Path, clips: list[Clip], name: str) -> Path:
    """Write real clips of scarce words into a folder of their own.

    Parameters
    ----------
    work : pathlib.Path
        With the corpus.
    clips : list of Clip
        Of words in ``SCARCE``.
    name : str
        Of the folder in ``folds``.

    Returns
    -------
    pathlib.Path
    """
    corpus = Corpus(work)
    folder = work / "folds" / name
    chosen = [clip for clip in clips if clip.word in SCARCE]
    write_clips(folder, chosen, [corpus.sound(c).astype(np.float32) / 32768 for c in chosen])
    return folder
