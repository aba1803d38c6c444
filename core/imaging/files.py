"""Read a picture file from disk without taking in more than a picture may have."""

from __future__ import annotations

import os
from pathlib import Path

from core.errors import ImageError
from core.imaging.decode import MAX_BYTES

__all__ = ["read_image_file"]


def read_image_file(path: str | os.PathLike[str]) -> bytes:
    """Return the bytes of a file, at most `MAX_BYTES` of them.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    bytes

    Raises
    ------
    ImageError
        ``image.no_file`` if there is none, ``image.unreadable`` if the system refuses, and
        ``image.too_many_bytes`` before anything is read of a file that is too big.
    """
    try:
        with Path(path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            # What is not a plain file has no size: one byte beyond the limit tells.
            data = b"" if size > MAX_BYTES else file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise ImageError("image.no_file") from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError("image.unreadable", reason=reason) from error
    if max(size, len(data)) > MAX_BYTES:
        raise ImageError(
            "image.too_many_bytes",
            megabytes=max(size, len(data)) / 1e6,
            limit_megabytes=MAX_BYTES / 1e6,
        )
    return data
