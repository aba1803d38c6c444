"""Fetching one file: checked, resumable, and once however many ask for it.

The bytes go to ``<name>.part`` and are moved to their name only after their check, so a file
under its own name is always whole. A lock file keeps others, threads and processes alike, waiting
for the one that fetches; the system releases it when its holder ends, however it ends.
"""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from core.errors import DownloadError, TeachdeckError

__all__ = ["Opener", "Progress", "RemoteFile", "default_opener", "digest_matches", "fetch"]

Opener = Callable[[urllib.request.Request, float], Any]
"""``opener(request, timeout_s)`` returns an open HTTP response."""
Progress = Callable[[int, int], None]
"""``progress(received_bytes, total_bytes)``."""

_CHUNK_BYTES = 1 << 16
_USER_AGENT = "Teachdeck"
# Slower than this is a stall, although single bytes still arrive.
_LEAST_BYTES_PER_WINDOW = 1024
_DIGESTS = ("sha256", "sha384", "md5")


@dataclass(frozen=True)
class RemoteFile:
    """A file on a server.

    Parameters
    ----------
    url : str
        http or https.
    digest : str or None
        ``"sha256:<hex>"``; sha384 and md5 where that is what was published. None where nothing
        was: the caller's own check decides then.
    size_bytes : int
        Exact where `exact_size`, else an estimate for the progress bar.
    exact_size : bool
    """

    url: str
    digest: str | None
    size_bytes: int
    exact_size: bool

    @property
    def limit_bytes(self) -> int:
        """No more than this is received."""
        return self.size_bytes if self.exact_size else self.size_bytes * 3 // 2

    @property
    def host(self) -> str:
        """The server's name, for messages."""
        return urlsplit(self.url).hostname or self.url[:80]


def default_opener() -> Opener:
    """Return an opener for http and https that honours the proxies of the environment."""
    director = urllib.request.OpenerDirector()
    # Without the handlers for files and FTP, a redirect cannot lead there.
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        director.add_handler(handler)
    return lambda request, timeout_s: director.open(request, timeout=timeout_s)


def digest_matches(path: Path, digest: str) -> bool:
    """Say whether a file has a digest such as ``"sha256:<hex>"``."""
    name, _, expected = digest.partition(":")
    if name not in _DIGESTS:
        raise ValueError(f"unknown digest {name!r}")
    with path.open("rb") as file:
        # A published MD5 guards against damage and mistakes, not against an attacker.
        actual = hashlib.file_digest(file, lambda: hashlib.new(name, usedforsecurity=False))
    return actual.hexdigest() == expected


def fetch(
    remote: RemoteFile,
    target: Path,
    *,
    check: Callable[[Path], None] | None = None,
    opener: Opener | None = None,
    progress: Progress | None = None,
    timeout_s: float = 20.0,
    wait_s: float = 1800.0,
) -> Path:
    """Download a file unless it is there.

    Parameters
    ----------
    remote : RemoteFile
    target : pathlib.Path
        Where it goes; its folder is made.
    check : callable, optional
        Called with the received file before it gets its name; raises if it cannot be used.
    opener : callable, optional
        By default :func:`default_opener`'s.
    progress : callable, optional
        Called with bytes received and expected.
    timeout_s : float
        Longest wait for a connection, and for the next kilobyte, in seconds.
    wait_s : float
        Longest wait for another download of the same file, in seconds.

    Returns
    -------
    pathlib.Path
        `target`.

    Raises
    ------
    DownloadError
        What failed, at which server, and what can be done.
    """
    if urlsplit(remote.url).scheme not in ("http", "https"):
        raise DownloadError("pretrained.download_scheme", host=remote.host)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _only_one(target, remote, wait_s):
            if not target.exists():
                _Download(remote, target, opener or default_opener(), progress, timeout_s).run(
                    check
                )
    except OSError as error:
        raise DownloadError(
            "pretrained.download_disk", host=remote.host, detail=error.strerror or str(error)[:120]
        ) from error
    return target


@contextmanager
def _only_one(target: Path, remote: RemoteFile, wait_s: float) -> Iterator[None]:
    with target.with_name(f"{target.name}.lock").open("wb") as lock:
        until = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise DownloadError("pretrained.download_busy", host=remote.host) from None
                time.sleep(0.05)
        yield


class _Download:
    def __init__(
        self,
        remote: RemoteFile,
        target: Path,
        opener: Opener,
        progress: Progress | None,
        timeout_s: float,
    ) -> None:
        self._remote = remote
        self._target = target
        self._part = target.with_name(f"{target.name}.part")
        # The server's name for the version that the part belongs to.
        self._version = target.with_name(f"{target.name}.part.version")
        self._opener = opener
        self._progress = progress
        self._timeout_s = timeout_s

    def run(self, check: Callable[[Path], None] | None) -> None:
        resumed = self._receive()
        refused = self._refused(check)
        if refused is not None and resumed:
            # The beginning may have belonged to another version of the file: once more, whole.
            self._discard()
            self._receive()
            refused = self._refused(check)
        if refused is not None:
            self._discard()
            raise refused
        os.replace(self._part, self._target)
        self._version.unlink(missing_ok=True)

    def _refused(self, check: Callable[[Path], None] | None) -> TeachdeckError | None:
        remote = self._remote
        received = self._part.stat().st_size
        if remote.exact_size and received != remote.size_bytes:
            return DownloadError(
                "pretrained.download_size",
                host=remote.host,
                expected=remote.size_bytes,
                received=received,
            )
        if remote.digest is not None and not digest_matches(self._part, remote.digest):
            return DownloadError("pretrained.download_hash", host=remote.host)
        if check is not None:
            try:
                check(self._part)
            except TeachdeckError as error:
                return error
        return None

    def _discard(self) -> None:
        self._part.unlink(missing_ok=True)
        self._version.unlink(missing_ok=True)

    def _receive(self) -> bool:
        """Receive what is missing; return whether the beginning was there already."""
        start = self._part.stat().st_size if self._part.exists() else 0
        version = self._version.read_text() if self._version.exists() else ""
        if start >= self._remote.limit_bytes or not (version or self._remote.digest):
            self._discard()
            start = 0
        headers = {"User-Agent": _USER_AGENT, "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
            if version:
                headers["If-Range"] = version
        try:
            request = urllib.request.Request(self._remote.url, headers=headers)  # noqa: S310  # fetch checked the scheme
            with self._opener(request, self._timeout_s) as response:
                resumed = start > 0 and response.status == 206
                self._check_range(response, start if resumed else 0)
                self._store(response, start if resumed else 0)
                return resumed
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416 and start:
                # What is here is longer than the server's file: begin again.
                self._discard()
                return self._receive()
            raise DownloadError(
                "pretrained.download_status", host=self._remote.host, status=error.code
            ) from error
        except TimeoutError as error:
            raise self._stalled() from error
        except (
            urllib.error.URLError,
            http.client.HTTPException,
            ConnectionError,
            ssl.SSLError,
        ) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, TimeoutError):
                raise self._stalled() from error
            raise DownloadError(
                "pretrained.download_unreachable",
                host=self._remote.host,
                detail=str(reason)[:120] or type(reason).__name__,
            ) from error

    def _check_range(self, response: Any, start: int) -> None:
        if not start:
            return
        found = str(response.headers.get("Content-Range", ""))
        if not found.startswith(f"bytes {start}-"):
            raise http.client.HTTPException(f"asked for byte {start}, was sent {found[:40]!r}")

    def _store(self, response: Any, start: int) -> None:
        limit = self._remote.limit_bytes
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdigit() else self._remote.size_bytes
        if total > limit:
            raise DownloadError(
                "pretrained.download_size",
                host=self._remote.host,
                expected=self._remote.size_bytes,
                received=total,
            )
        version = response.headers.get("ETag", "")
        if version and not version.startswith("W/"):
            self._version.write_text(version)
        with self._part.open("r+b" if start else "wb") as file:
            file.seek(start)
            received = start + self._copy(response, file, start, total)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
        if length.isdigit() and received < total:
            raise DownloadError(
                "pretrained.download_cut",
                host=self._remote.host,
                expected=total,
                received=received,
            )

    def _copy(self, response: Any, file: IO[bytes], start: int, total: int) -> int:
        received = in_window = 0
        window_end = time.monotonic() + self._timeout_s
        # read1 returns what has arrived, so that a trickle is seen as one.
        while block := response.read1(_CHUNK_BYTES):
            received += len(block)
            in_window += len(block)
            if start + received > self._remote.limit_bytes:
                raise DownloadError(
                    "pretrained.download_size",
                    host=self._remote.host,
                    expected=self._remote.size_bytes,
                    received=start + received,
                )
            file.write(block)
            if self._progress is not None:
                self._progress(start + received, max(total, start + received))
            if time.monotonic() > window_end:
                if in_window < _LEAST_BYTES_PER_WINDOW:
                    raise self._stalled()
                in_window = 0
                window_end = time.monotonic() + self._timeout_s
        return received

    def _stalled(self) -> DownloadError:
        return DownloadError(
            "pretrained.download_stalled", host=self._remote.host, timeout_s=self._timeout_s
        )
