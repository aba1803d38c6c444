"""Start and stop the real server, for browser tests and benchmarks."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

__all__ = ["Server", "free_port"]

PROJECT_FOLDER = Path(__file__).resolve().parents[2]
_START_TIMEOUT_S = 60.0


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@dataclass
class Server:
    """``streamlit run serve.py`` on loopback, with a data folder of its own; a context manager.

    Parameters
    ----------
    home : Path
        Becomes ``$TEACHDECK_HOME``; the log is written here too.
    models : Path, optional
        Becomes ``$TEACHDECK_MODELS``.
    module : str, optional
        What is run in place of Streamlit, with its arguments.
    """

    home: Path
    models: Path | None = None
    module: str = "streamlit"

    def __enter__(self) -> Server:
        self.home.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.log_path = self.home / "server.log"
        environment = {**os.environ, "TEACHDECK_HOME": str(self.home)}
        # A proxy that nobody serves: what is tested and measured here never leaves the machine.
        environment |= dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
        environment.pop("TEACHDECK_MODELS", None)
        if self.models is not None:
            environment["TEACHDECK_MODELS"] = str(self.models)
        self._log = self.log_path.open("wb")
        self.started_s = time.perf_counter()
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                self.module,
                "run",
                "serve.py",
                "--server.address=127.0.0.1",
                f"--server.port={self.port}",
            ],
            cwd=PROJECT_FOLDER,
            env=environment,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        try:
            self._wait_until_healthy()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address of the home page."""
        return f"http://127.0.0.1:{self.port}"

    def log(self) -> str:
        """Return what the server has written."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def rss_bytes(self) -> int:
        """Return the resident memory of the server's process in bytes. Linux only."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def helper_rss_bytes(self, kind: str) -> int:
        """Return the resident memory of the server's process of a kind, 0 without one. Linux."""
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                words = (folder / "cmdline").read_bytes().split(b"\0")
                pages = int((folder / "statm").read_text(encoding="ascii").split()[1])
            except (OSError, IndexError):
                # It has just ended.
                continue
            if parent == self.process.pid and kind.encode() in words:
                return pages * os.sysconf("SC_PAGE_SIZE")
        return 0

    def loaded_libraries(self) -> set[str]:
        """Return the paths of all files mapped into the server's memory. Linux only."""
        maps = Path(f"/proc/{self.process.pid}/maps").read_text(encoding="utf-8")
        return {line.split(maxsplit=5)[5] for line in maps.splitlines() if "/" in line}

    def stop(self) -> None:
        """End the process that was started here, and no other."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(timeout=10)
        self._log.close()

    def _wait_until_healthy(self) -> None:
        end_s = time.perf_counter() + _START_TIMEOUT_S
        while time.perf_counter() < end_s:
            if self.process.poll() is not None:
                raise RuntimeError(f"The server ended at once:\n{self.log()}")
            if self._is_healthy():
                return
            time.sleep(0.05)
        raise RuntimeError(f"The server did not answer within {_START_TIMEOUT_S} s:\n{self.log()}")

    def _is_healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/_stcore/health")
            return connection.getresponse().status == 200
        except (http.client.HTTPException, OSError):
            return False
        finally:
            connection.close()
