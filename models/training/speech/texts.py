"""Words and sentences for the synthesised voices to speak."""

from __future__ import annotations

import gzip
import re
import tomllib
from pathlib import Path
from random import Random

from models.training.speech.labels import TARGETS

__all__ = [
    "CONFUSABLE",
    "ESPEAK_VARIANTS",
    "HOMOPHONES",
    "OTHER_WORDS",
    "jargon_text",
    "running_texts",
    "without_targets",
]

_LISTS = tomllib.loads(Path(__file__).with_name("texts.toml").read_text(encoding="utf-8"))

HOMOPHONES = frozenset(_LISTS["homophones"].split())
CONFUSABLE = tuple(_LISTS["confusable"].split())
OTHER_WORDS = tuple(_LISTS["other"].split())
ESPEAK_VARIANTS = tuple(_LISTS["espeak_variants"].split())
_PIECES = [_LISTS[part].splitlines() for part in ("subjects", "verbs", "objects", "endings")]

JARGON = Path("/usr/share/dictd/jargon.dict.dz")
_PLAIN = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "{": "", "}": "", "—": ","})

_SPLIT = re.compile(r"(?<=[.!?;:])\s+|\n{2,}")
_WORD = re.compile(r"[a-z']+")


def without_targets(sentence: str) -> bool:
    """Tell whether a sentence has none of the model's words and nothing that sounds like one.

    Parameters
    ----------
    sentence : str
        English text.

    Returns
    -------
    bool
        False too for digits, which voices would read as words.

    Examples
    --------
    >>> without_targets("The cat sat on the bed."), without_targets("I know what to write.")
    (True, False)
    """
    words = _WORD.findall(sentence.lower().replace("’", "'"))
    parts = {part for word in words for part in word.split("'")} | set(words)
    return not (
        parts & HOMOPHONES
        or parts.intersection(TARGETS)
        or re.search(r"[0-9\[\]<>|\\_=]", sentence)
    )


def _made_sentence(random: Random) -> str:
    pieces = [random.choice(part) for part in _PIECES]
    return " ".join(pieces).capitalize() + "."


def jargon_text() -> str:
    """Return the Jargon File, which is in the public domain, from Debian's ``dict-jargon``.

    Returns
    -------
    str
        Its entries, with plain quotes and without the marks of its references.
    """
    with gzip.open(JARGON, "rt", encoding="utf-8", errors="replace") as file:
        return file.read().translate(_PLAIN)


def running_texts(
    folder: Path, names: tuple[str, ...], *, seed: int, made: int, more: str = ""
) -> list[str]:
    """Return sentences without the model's words, in random order.

    Parameters
    ----------
    folder : pathlib.Path
        Where the text files are; Debian's package ``fortunes`` installs some.
    names : tuple of str
        Files to read; training and evaluation read different ones.
    seed : int
        For the order and the made sentences.
    made : int
        How many sentences to make from building blocks beside those that were read.
    more : str
        A further text to take sentences from.

    Returns
    -------
    list of str
        Of 4 to 30 words each.
    """
    random = Random(seed)  # noqa: S311 - speech, not secrets
    found = {_made_sentence(random) for _ in range(made)}
    texts = [(folder / name).read_text(encoding="utf-8", errors="replace") for name in names]
    for text in (*texts, more):
        for sentence in _SPLIT.split(text.replace("\n%\n", "\n\n")):
            plain = " ".join(sentence.replace("--", ", ").replace('"', "").split())
            if 4 <= len(plain.split()) <= 30 and plain.isascii() and without_targets(plain):
                found.add(plain)
    sentences = sorted(found)
    random.shuffle(sentences)
    return sentences
