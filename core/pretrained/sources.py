"""Where a catalogue entry's file lies, and whether it is the right one.

The order: a file of that name in a user's folder, an installed package, the downloads, the net.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import DownloadError, ModelError
from core.pretrained.catalog import CatalogEntry, PackagedFile
from core.pretrained.download import Opener, Progress, digest_matches, fetch

__all__ = ["Located", "Sources", "package_missing"]

_USED_DIGEST = ".sha256"


@dataclass(frozen=True)
class Located:
    """A file on this machine.

    Parameters
    ----------
    path : pathlib.Path
    source : {"user", "package", "cache"}
    """

    path: Path
    source: str


class Sources:
    """Finds, checks and fetches the files of catalogue entries.

    Parameters
    ----------
    downloads : pathlib.Path
        Folder for files from the net.
    user_folders : sequence of pathlib.Path
    opener : callable, optional
        As in :func:`core.pretrained.download.fetch`.
    """

    def __init__(
        self, downloads: Path, user_folders: Sequence[Path], *, opener: Opener | None = None
    ) -> None:
        self._downloads = downloads
        self._user_folders = tuple(user_folders)
        self._opener = opener

    def locate(self, entry: CatalogEntry) -> Located | None:
        """Return where the entry's file lies on this machine, or None."""
        for folder in self._user_folders:
            if (folder / entry.file_name).is_file():
                return Located(folder / entry.file_name, "user")
        if entry.package is not None:
            path = _packaged_path(entry.package)
            if path is not None and path.is_file():
                return Located(path, "package")
        if (self._downloads / entry.file_name).is_file():
            return Located(self._downloads / entry.file_name, "cache")
        return None

    def check(self, entry: CatalogEntry, located: Located) -> None:
        """Make sure that a file is the one that was published or first used.

        A user's own file is taken as it is. A download that has changed since is removed, so
        that it is fetched again.

        Raises
        ------
        ModelError
            If it is another file.
        """
        if located.source == "user":
            return
        digest = entry.digest
        if digest is None:
            record = self._record(entry)
            digest = f"sha256:{record.read_text().strip()}" if record.is_file() else None
        if digest is None or digest_matches(located.path, digest):
            return
        if located.source == "cache":
            located.path.unlink(missing_ok=True)
        raise ModelError("pretrained.file_changed", name=located.path.name[:80])

    def fetch(
        self,
        entry: CatalogEntry,
        *,
        check: Callable[[Path], None],
        progress: Progress | None = None,
    ) -> Located:
        """Download the entry's file.

        Parameters
        ----------
        entry : CatalogEntry
        check : callable
            Raises if the received file does not hold the entry's weights.
        progress : callable, optional

        Returns
        -------
        Located

        Raises
        ------
        DownloadError, ModelError
            What failed.
        """
        if entry.download is None:
            raise package_missing(entry)

        def check_and_remember(path: Path) -> None:
            check(path)
            if entry.digest is None:
                self._remember(entry, path)

        target = self._downloads / entry.file_name
        fetch(
            entry.download,
            target,
            check=check_and_remember,
            opener=self._opener,
            progress=progress,
        )
        return Located(target, "download")

    def _record(self, entry: CatalogEntry) -> Path:
        return self._downloads / f"{entry.file_name}{_USED_DIGEST}"

    def _remember(self, entry: CatalogEntry, path: Path) -> None:
        """Write down the digest of the first use; refuse a file that differs from it."""
        record = self._record(entry)
        if record.is_file():
            if not digest_matches(path, f"sha256:{record.read_text().strip()}"):
                host = entry.download.host if entry.download else ""
                raise DownloadError(
                    "pretrained.download_changed", host=host, record=str(record)[-200:]
                )
            return
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        draft = record.with_name(f"{record.name}.{os.getpid()}.part")
        draft.write_text(f"{digest}\n")
        os.replace(draft, record)


def package_missing(entry: CatalogEntry) -> ModelError:
    """Return the error for an entry whose only source is a package that is not installed."""
    package = entry.package.distribution if entry.package else entry.title
    return ModelError("pretrained.package_missing", package=package)


def _packaged_path(package: PackagedFile) -> Path | None:
    # find_spec looks for the folder without running the package's code.
    spec = importlib.util.find_spec(package.module)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0], *package.path.split("/"))
