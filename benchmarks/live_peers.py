"""A hundred connections without a browser: aiortc speaks to the page's microphone."""

from __future__ import annotations

import asyncio
import ctypes
import fractions
import gc
import os
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection
from numpy.typing import NDArray
from streamlit_webrtc.sink import AudioSinkTrack

from benchmarks.live_sound import RATE_HZ, Script
from benchmarks.live_table import print_table, spark
from core.audio.microphone import Microphone
from core.speech import SmoothMode, load_model
from core.speech.ear import SpeechEar

__all__ = ["peers"]

CONNECTIONS, FRAMES = 100, 30
_FRAME = RATE_HZ // 50


class _Speaker(MediaStreamTrack):
    """A track that says the script in real time."""

    kind = "audio"

    def __init__(self, sound: NDArray[np.int16]) -> None:
        super().__init__()
        self._sound = sound
        self._count = 0
        self._began: float | None = None

    async def recv(self) -> av.AudioFrame:
        """Return the next frame of 20 ms when its time has come."""
        loop = asyncio.get_running_loop()
        if self._began is None:
            self._began = loop.time()
        await asyncio.sleep(max(0.0, self._began + self._count / 50 - loop.time()))
        at = self._count * _FRAME % (len(self._sound) - _FRAME)
        frame = av.AudioFrame.from_ndarray(
            self._sound[np.newaxis, at : at + _FRAME], format="s16", layout="mono"
        )
        frame.sample_rate = RATE_HZ
        frame.pts = self._count * _FRAME
        frame.time_base = fractions.Fraction(1, RATE_HZ)
        self._count += 1
        return frame


async def _connect(mic: Microphone, sound: NDArray[np.int16]) -> None:
    """Speak over a connection until its frames came, and end it as a browser does."""
    browser, server = RTCPeerConnection(), RTCPeerConnection()
    sink = AudioSinkTrack(mic.receive)
    sink._on_ended_callback = mic.ended
    wanted = mic.status().frames + FRAMES

    @server.on("track")
    def _(track: MediaStreamTrack) -> None:
        sink.addTrack(track)
        sink.start()

    speaker = _Speaker(sound)
    browser.addTrack(speaker)
    await browser.setLocalDescription(await browser.createOffer())
    await server.setRemoteDescription(browser.localDescription)
    await server.setLocalDescription(await server.createAnswer())
    await browser.setRemoteDescription(server.localDescription)
    async with asyncio.timeout(60):
        while mic.status().frames < wanted:
            await asyncio.sleep(0.02)
    speaker.stop()
    await browser.close()
    await server.close()
    sink.stop()


def _held() -> dict[str, Any]:
    gc.collect()
    # What was freed goes back to the system: only what is still held is counted.
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return {
        "threads": Counter(thread.name.rsplit("_", 1)[0] for thread in threading.enumerate()),
        "tasks": len(asyncio.all_tasks()) - 1,
        "peers": sum(isinstance(found, RTCPeerConnection) for found in gc.get_objects()),
        "memory_mb": pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
    }


async def _run(said: Script) -> tuple[list[dict[str, Any]], Microphone]:
    sound = np.rint(32767 * said.samples).astype(np.int16)
    model = load_model(None)
    mic = Microphone()
    mic.listen(SpeechEar(model, SmoothMode(thresholds=model.thresholds)))
    taken = []
    for count in range(CONNECTIONS + 1):
        await _connect(mic, sound)
        if count % 5 == 0:
            # The worker hears what still waits, and ends.
            for _ in range(100):
                await asyncio.sleep(0.05)
                if not any(thread.name == "microphone" for thread in threading.enumerate()):
                    break
            taken.append(_held())
    return taken, mic


def peers(said: Script) -> None:
    """Print what is left of a hundred connections."""
    taken, mic = asyncio.run(_run(said))
    first, last = taken[0], taken[-1]
    left = last["threads"] - first["threads"]
    memory_mb = [found["memory_mb"] for found in taken]
    status = mic.status()
    print_table(
        f"{CONNECTIONS} connections by aiortc without a browser, after a first one",
        [
            ("frames received; dropped", f"{status.frames}; {status.dropped}"),
            ("connections that the microphone counted", f"{status.connections}"),
            (
                "threads that were left",
                ", ".join(f"{n} {name}" for name, n in left.items()) or "none",
            ),
            ("tasks after the first; last", f"{first['tasks']}; {last['tasks']}"),
            ("connections in memory after the first; last", f"{first['peers']}; {last['peers']}"),
            ("memory after the first; last", f"{memory_mb[0]:.0f}; {memory_mb[-1]:.0f} MB"),
            ("memory over the connections", spark(memory_mb)),
        ],
    )
