"""The folders that Teachdeck writes to and looks for models in."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

__all__ = ["teachdeck_home", "user_model_folders"]

_PROJECT_FOLDER = Path(__file__).resolve().parent.parent


def teachdeck_home() -> Path:
    """Return the folder for caches, downloads and, later, databases.

    Returns
    -------
    pathlib.Path
        ``$TEACHDECK_HOME`` where it is set and not empty, else the platform's user data
        folder. It is not created here.
    """
    override = os.environ.get("TEACHDECK_HOME", "")
    if override:
        return Path(override).expanduser()
    return Path(platformdirs.user_data_dir("teachdeck", appauthor=False))


def user_model_folders() -> tuple[Path, ...]:
    """Return the folders in which users put models of their own, first wins.

    Returns
    -------
    tuple of pathlib.Path
        ``$TEACHDECK_MODELS`` where it is set and not empty, then ``models/local`` of this
        project. They need not exist.
    """
    override = os.environ.get("TEACHDECK_MODELS", "")
    folders = [Path(override).expanduser()] if override else []
    folders.append(_PROJECT_FOLDER / "models" / "local")
    return tuple(folders)
