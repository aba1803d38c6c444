"""Errors that people read: a stable code, named fields, and a sentence that says what to do.

The English sentences live in ``core/messages/*.toml``, one file a room, one table a code
family: ``[image]`` with the key ``too_large`` is the code ``image.too_large``. Pages look the
same code up in their own catalogue to speak other languages.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

__all__ = [
    "AudioError",
    "DownloadError",
    "ImageError",
    "ModelError",
    "Note",
    "TeachdeckError",
    "UsageError",
    "english_messages",
]

_MESSAGES_FOLDER = Path(__file__).parent / "messages"


@cache
def english_messages() -> dict[str, str]:
    """Return every message template by its code.

    Returns
    -------
    dict of str to str
        ``{"image.too_large": "The picture has {megapixels:.0f} ..."}``, templates for
        :meth:`str.format`.
    """
    messages: dict[str, str] = {}
    for path in sorted(_MESSAGES_FOLDER.glob("*.toml")):
        for family, entries in tomllib.loads(path.read_text(encoding="utf-8")).items():
            for key, template in entries.items():
                code = f"{family}.{key}"
                if code in messages:
                    raise ValueError(f"Message code {code!r} is defined twice, again in {path}.")
                messages[code] = template
    return messages


class TeachdeckError(Exception):
    """A failure that the person at the page or the command line can act on.

    Parameters
    ----------
    code : str
        Stable code of the message, such as ``"image.too_large"``.
    **fields : str or int or float
        The values that the message's template names.

    Attributes
    ----------
    code : str
    fields : dict of str to (str or int or float)

    Raises
    ------
    KeyError
        If the code is unknown or a field that its template names is missing: both are
        mistakes in the program, found by the first test that raises the error.
    """

    def __init__(self, code: str, **fields: str | int | float) -> None:
        self.code = code
        self.fields = fields
        super().__init__(english_messages()[code].format(**fields))

    @property
    def message(self) -> str:
        """The sentence in English: what was expected, what came, what to do."""
        return str(self)


@dataclass(frozen=True)
class Note:
    """Something that a person should know although nothing failed, such as "first frame only".

    Parameters
    ----------
    code : str
        Stable code of the message, such as ``"image.note_first_frame"``.
    fields : mapping of str to (str or int or float), optional
        The values that the message's template names.
    """

    code: str
    fields: Mapping[str, str | int | float] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """The sentence in English."""
        return english_messages()[self.code].format(**self.fields)


class ImageError(TeachdeckError):
    """A picture that cannot be used."""


class ModelError(TeachdeckError):
    """A model, or a model file, that cannot be used."""


class AudioError(TeachdeckError):
    """Sound, or a sound file, that cannot be used."""


class DownloadError(TeachdeckError):
    """A file that could not be fetched."""


class UsageError(TeachdeckError):
    """A wrong option or argument; the command line exits with status 2."""
