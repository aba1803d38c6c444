"""The real server with a recorder at every microphone, for `benchmarks.live`.

    python -m benchmarks.live_probe run serve.py

Arguments are Streamlit's. What comes and what is heard is written to ``$TEACHDECK_HOME/probe``:
for each microphone its frames with the time of their arrival, and its words with the time of the
decision. On SIGUSR1 it writes what the process holds: threads, tasks, connections, memory.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import os
import signal
import sys
import threading
import time
import weakref
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from aiortc import RTCPeerConnection
from numpy.typing import NDArray

from core.audio.microphone import Microphone
from pages.components import mic

__all__ = ["FRAME", "RecordedMicrophone", "watch"]

SAMPLES = 480
FRAME = np.dtype([("at_s", "<f8"), ("samples", "<i2", SAMPLES)])
"""A hundredth of a second as it is written: when its frame came (``time.time()``), and its left
channel at 48 kHz."""

# Frames that are written at once: one write each would cost a tenth of what the connection does.
_TOGETHER = 50
_FOLDER = Path(os.environ.get("TEACHDECK_HOME", ".")) / "probe"
_numbers = itertools.count()
_asked = itertools.count()
_peers: weakref.WeakSet[RTCPeerConnection] = weakref.WeakSet()


class RecordedMicrophone(Microphone):
    """A microphone that writes down what it gets and hears; microseconds a frame."""

    def __init__(self) -> None:
        super().__init__()
        number = next(_numbers)
        self._unwritten: list[NDArray[Any]] = []
        self._frame_file = (_FOLDER / f"{number}.frames").open("wb", buffering=0)
        self._event_file = (_FOLDER / f"{number}.events").open("wb", buffering=0)
        _microphones.append(self)

    def push(self, block: NDArray[Any], channels: int, rate_hz: int) -> None:
        """Write the frame, and take it."""
        at_s = time.time()
        left = block.reshape(-1, channels)[:, 0]
        record = np.empty(len(left) // SAMPLES, FRAME)
        record["at_s"] = at_s
        record["samples"] = left.reshape(-1, SAMPLES)
        self._unwritten.append(record)
        if len(self._unwritten) >= _TOGETHER:
            self.write_frames()
        super().push(block, channels, rate_hz)

    def _note(self, word: str, probability: float, time_s: float) -> None:
        # Before the page is told: a tile can be green while this line is still being written.
        at_s = time.time()
        super()._note(word, probability, time_s)
        latency_s = self._heard[-1].latency_s
        line = json.dumps(
            {"word": word, "at_s": at_s, "time_s": time_s, "latency_s": latency_s}
            | {"dropped": self._dropped}
        )
        self._event_file.write(line.encode() + b"\n")

    def write_frames(self) -> None:
        """Write the frames that came since the last time."""
        came, self._unwritten = self._unwritten, []
        self._frame_file.write(b"".join(record.tobytes() for record in came))


_microphones: list[RecordedMicrophone] = []


def _holdings(loop: asyncio.AbstractEventLoop) -> dict[str, Any]:
    gc.collect()
    tasks = Counter(str(task.get_coro().__qualname__) for task in asyncio.all_tasks(loop))
    statm = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return {
        "threads": {thread.native_id: thread.name for thread in threading.enumerate()},
        "tasks": dict(tasks),
        "peers_open": sum(peer.connectionState != "closed" for peer in list(_peers)),
        "peers": len(_peers),
        "rss": int(statm[1]) * os.sysconf("SC_PAGE_SIZE"),
    }


def _write_holdings(*_: object) -> None:
    loop = asyncio.get_running_loop() if asyncio._get_running_loop() else None
    found = _holdings(loop) if loop else {}
    for microphone in _microphones:
        microphone.write_frames()
    number = next(_asked)
    unfinished = _FOLDER / f"{number}.part"
    unfinished.write_text(json.dumps(found), encoding="utf-8")
    unfinished.rename(_FOLDER / f"{number}.holdings")


def watch() -> None:
    """Begin to record in this process."""
    _FOLDER.mkdir(parents=True, exist_ok=True)
    mic.Microphone = RecordedMicrophone  # type: ignore[misc]
    made = RTCPeerConnection.__init__

    def noted(self: RTCPeerConnection, *arguments: Any, **options: Any) -> None:
        made(self, *arguments, **options)
        _peers.add(self)

    RTCPeerConnection.__init__ = noted
    signal.signal(signal.SIGUSR1, _write_holdings)


if __name__ == "__main__":
    from streamlit.web.cli import main

    # Under its own name, so that the pages meet the same classes as this program.
    from benchmarks import live_probe

    live_probe.watch()
    sys.argv[0] = "streamlit"
    main()
