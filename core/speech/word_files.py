"""Takes of words from a data.bin, a zip of word folders, or a folder of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.audio.browser_fft import BrowserFft
from core.audio.decode import decode_audio
from core.datasets.labels import clean_label
from core.errors import AudioError, ModelError, Note, TeachdeckError, UsageError
from core.speech.examples import Example, read_examples
from core.speech.labels import is_noise
from core.speech.takes import cut_noise, example_from_audio
from core.tfjs.limits import read_zip

__all__ = ["MAX_TAKES", "WordFiles", "examples_of_recording", "read_word_folder", "read_words"]

MAX_TAKES = 5000
_MAX_TAKE_S = 20.0
_MAX_NOISE_S = 200.0
_MAX_RECORDING_BYTES = 25_000_000
_SUFFIXES = frozenset(
    (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".mp4", ".aac", ".aiff", ".webm")
)


@dataclass(frozen=True, eq=False)
class WordFiles:
    """What was found.

    Attributes
    ----------
    examples : tuple of Example
    skipped : tuple of (str, TeachdeckError)
        Recordings that could not be used, by their name.
    notes : tuple of Note
    """

    examples: tuple[Example, ...]
    skipped: tuple[tuple[str, TeachdeckError], ...] = ()
    notes: tuple[Note, ...] = ()


def read_words(content: bytes, front_end: BrowserFft, *, name: str) -> WordFiles:
    """Return the takes of an uploaded file.

    Parameters
    ----------
    content : bytes
        A data.bin, or a zip archive with a folder for each word.
    front_end : BrowserFft
    name : str
        For messages.

    Returns
    -------
    WordFiles

    Raises
    ------
    TeachdeckError
        If it is neither, damaged, hostile, or holds no takes.
    """
    if content[:4] == b"TFJS":
        found = read_examples(content)
        return WordFiles(found.examples, (), found.notes)
    if content[:2] != b"PK":
        raise UsageError("words.not_a_word_file", name=name[:100])
    try:
        files = read_zip(content, name=name)
    except ModelError as error:
        raise UsageError("samples.project_broken", name=name[:100], detail=error.message) from None
    listed = [
        (path, PurePosixPath(path).parent.name, data)
        for path, data in sorted(files.items())
        if _is_recording(PurePosixPath(path))
    ]
    return _from_recordings(listed, len(listed), front_end, name)


def read_word_folder(path: Path, front_end: BrowserFft) -> WordFiles:
    """Return the takes of a data.bin, a zip, or a folder that holds a folder for each word.

    Parameters
    ----------
    path : pathlib.Path
    front_end : BrowserFft

    Returns
    -------
    WordFiles

    Raises
    ------
    TeachdeckError
        If there is nothing of the kind.
    """
    if path.is_file():
        if path.stat().st_size > 300_000_000:
            raise UsageError("words.not_a_word_file", name=path.name[:100])
        return read_words(path.read_bytes(), front_end, name=path.name)
    if not path.is_dir():
        raise UsageError("words.folder", path=str(path)[:200])
    files = [
        file
        for folder in sorted(path.iterdir())
        if folder.is_dir() and not folder.name.startswith(".")
        for file in sorted(folder.iterdir())
        if file.is_file() and _is_recording(file)
    ]

    def listed() -> Iterator[tuple[str, str, bytes]]:
        for file in files:
            large = file.stat().st_size > _MAX_RECORDING_BYTES
            # The decoder says what is wrong with a file that is cut here.
            content = b"" if large else file.read_bytes()
            yield f"{file.parent.name}/{file.name}", file.parent.name, content

    return _from_recordings(listed(), len(files), front_end, path.name)


def _is_recording(path: PurePosixPath | Path) -> bool:
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts[-2:])
    return path.suffix.lower() in _SUFFIXES and not hidden


def _from_recordings(
    recordings: Iterable[tuple[str, str, bytes]], count: int, front_end: BrowserFft, name: str
) -> WordFiles:
    if count == 0:
        raise UsageError("words.folder_empty", name=name[:100])
    if count > MAX_TAKES:
        raise UsageError("words.too_many", count=count, limit=MAX_TAKES)
    examples: list[Example] = []
    skipped: list[tuple[str, TeachdeckError]] = []
    for path, folder, content in recordings:
        try:
            if not folder:
                raise UsageError("words.no_folder")
            label = clean_label(folder)
            examples += examples_of_recording(label, content, front_end)
        except TeachdeckError as error:
            skipped.append((path, error))
    if not examples:
        raise skipped[0][1]
    return WordFiles(tuple(examples), tuple(skipped))


def examples_of_recording(label: str, content: bytes, front_end: BrowserFft) -> list[Example]:
    """Return the takes of one recording: one of a word, as many as it has seconds of noise.

    Raises
    ------
    AudioError
        If it cannot be read, is silent, or is too long for one word.
    """
    noise = is_noise(label)
    limit = _MAX_NOISE_S if noise else _MAX_TAKE_S
    sound = decode_audio(content, rate_hz=front_end.rate_hz, max_s=10 * _MAX_NOISE_S)
    if noise:
        pieces = cut_noise(sound.samples[: int(limit * front_end.rate_hz)], front_end, label=label)
        if not pieces:
            raise AudioError("words.silent", label=label)
        return pieces
    if sound.duration_s > limit:
        raise AudioError("words.long", label=label, seconds=sound.duration_s, limit=limit)
    return [example_from_audio(label, sound.samples, front_end)]
