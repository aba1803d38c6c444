"""Listeners in real Chromium, whose microphone plays a script, for `benchmarks.live`."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.live_probe import FRAME
from benchmarks.live_sound import RATE_HZ, Script
from core.audio import encode_wav
from tests.browser.conftest import CHROMIUM_ARGUMENTS
from tests.browser.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = [
    "Listener",
    "chromium",
    "cpu_s",
    "frame_ms",
    "frames_and_events",
    "holdings",
    "open_listener",
]

# Notes each tile that turns green, by the clock of the machine.
_WATCH_TILES = """
() => {
  let list = null;
  const walk = (root) => root.querySelectorAll('*').forEach((element) => {
    if (element.matches('.tiles')) list = element;
    if (element.shadowRoot) walk(element.shadowRoot);
  });
  walk(document);
  if (!list) return false;
  window.greens = [];
  window.watchedAt = Date.now();
  new MutationObserver((records) => {
    const at = Date.now();
    for (const record of records) {
      const was = (record.oldValue ?? '').split(' ').includes('on');
      if (record.target.classList.contains('on') && !was)
        window.greens.push([record.target.dataset.word, at]);
    }
  }).observe(list, { subtree: true, attributeFilter: ['class'], attributeOldValue: true });
  return true;
}
"""
# Notes when the page itself has the marker's sound, before it is sent.
_WATCH_MARKERS = """
(() => {
  const media = navigator.mediaDevices;
  if (!media) return;
  window.markers ??= [];
  const original = media.getUserMedia.bind(media);
  const worklet = `registerProcessor('marker', class extends AudioWorkletProcessor {
    process([[samples]]) {
      if (samples?.some((value) => Math.abs(value) > 0.5) && !(currentTime - this.at < 1)) {
        this.at = currentTime;
        this.port.postMessage(0);
      }
      return true;
    }
  })`;
  media.getUserMedia = async (constraints) => {
    const stream = await original(constraints);
    const context = new AudioContext();
    const module = new Blob([worklet], { type: 'text/javascript' });
    await context.audioWorklet.addModule(URL.createObjectURL(module));
    const node = new AudioWorkletNode(context, 'marker');
    node.port.onmessage = () => window.top.markers.push(Date.now());
    context.createMediaStreamSource(stream).connect(node);
    return stream;
  };
})();
"""


_PRESSES, _PRESS_MS = 3, 30_000


@contextmanager
def chromium(said: Script, folder: Path) -> Iterator[Browser]:
    """Start a browser whose microphone plays the script over and over."""
    from playwright.sync_api import sync_playwright

    path = folder / "said.wav"
    path.write_bytes(encode_wav(said.samples, rate_hz=RATE_HZ))
    arguments = [
        *CHROMIUM_ARGUMENTS,
        "--autoplay-policy=no-user-gesture-required",
        f"--use-file-for-fake-audio-capture={path}",
    ]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=arguments
        )
        yield started
        started.close()


@dataclass(frozen=True)
class Listener:
    """A visitor on the live page."""

    page: Page

    def start(self) -> int:
        """Press start until the button says stop; return how often it had to be pressed.

        Streamlit-WebRTC's button takes no press for half a second after a stop that came before
        the connection stood.
        """
        from playwright.sync_api import TimeoutError as NothingYet

        for presses in range(1, _PRESSES + 1):
            self._button("start").click()
            try:
                self._button("stop").wait_for(timeout=_PRESS_MS)
            except NothingYet:
                continue
            return presses
        raise AssertionError(f"pressed {_PRESSES} times, the microphone does not start")

    def stop(self) -> None:
        """Press stop and wait until the button says start."""
        self._button("stop").click()
        self._button("start").wait_for()

    def watch_tiles(self) -> None:
        """Begin to note when tiles turn green."""
        assert self.page.evaluate(_WATCH_TILES), "there are no tiles"

    def greens(self) -> list[tuple[str, float]]:
        """Return the words whose tiles turned green, and when (``time.time()``)."""
        return [(word, at / 1000) for word, at in self.page.evaluate("window.greens")]

    def watched_s(self) -> float:
        """Return since when tiles are noted (``time.time()``)."""
        found: float = self.page.evaluate("window.watchedAt") / 1000
        return found

    def markers(self) -> list[float]:
        """Return when the page had the marker's sound (``time.time()``)."""
        return [at / 1000 for at in self.page.evaluate("window.markers")]

    def _button(self, name: str) -> Any:
        frame = self.page.frame_locator("iframe")
        return frame.get_by_role("button", name=re.compile(name, re.IGNORECASE))


def open_listener(
    browser: Browser,
    server: Server,
    *,
    hear: bool = False,
    script: str = "",
    page: Page | None = None,
) -> Listener:
    """Open the live page.

    Parameters
    ----------
    browser : Browser
    server : Server
    hear : bool, optional
        Let the page note its own sound too, which costs it some time.
    script : str, optional
        Runs in the page and its frames before they do.
    page : Page, optional
        Where to open it; a new visitor's page when left out.
    """
    if page is None:
        context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 900})
        page = context.new_page()
    page.set_default_timeout(90_000)
    for text in filter(None, (_WATCH_MARKERS if hear else "", script)):
        page.add_init_script(text)
    page.goto(f"{server.url}/recognise_speech")
    page.get_by_role("radio", name="Live").click()
    page.locator(".tile").first.wait_for()
    page.frame_locator("iframe").get_by_role("button").first.wait_for()
    return Listener(page)


def holdings(server: Server) -> dict[str, Any]:
    """Return what the server's process holds now."""
    folder = server.home / "probe"
    number = len(list(folder.glob("*.holdings")))
    os.kill(server.process.pid, signal.SIGUSR1)
    path = folder / f"{number}.holdings"
    end_s = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < end_s, "the server does not say what it holds"
        time.sleep(0.02)
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def frames_and_events(
    server: Server, number: int
) -> tuple[NDArray[np.float64], NDArray[np.int16], list[dict[str, Any]]]:
    """Return when a microphone's frames came, their samples in a row, and what was heard."""
    holdings(server)  # what came until now is written then
    folder = server.home / "probe"
    content = (folder / f"{number}.frames").read_bytes()
    frames = np.frombuffer(content[: len(content) // FRAME.itemsize * FRAME.itemsize], FRAME)
    lines = (folder / f"{number}.events").read_text(encoding="utf-8").splitlines()
    return frames["at_s"].copy(), frames["samples"].reshape(-1), [json.loads(x) for x in lines]


def frame_ms(arrivals: NDArray[np.float64], received: NDArray[np.int16]) -> int:
    """Return how much sound most frames held; of what `frames_and_events` returns."""
    firsts = np.flatnonzero(np.diff(arrivals, prepend=-1.0))
    parts = np.diff(firsts, append=len(arrivals))
    part_ms = 1000 * len(received) / RATE_HZ / max(1, len(arrivals))
    return round(float(np.median(parts)) * part_ms) if len(parts) else 0


def cpu_s(server: Server) -> dict[str, float]:
    """Return the seconds of processor time that the server used: by thread, and ``"all"``."""
    tick = os.sysconf("SC_CLK_TCK")

    def used(stat: Path) -> float:
        fields = stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / tick

    root = Path(f"/proc/{server.process.pid}")
    found = {"all": used(root / "stat")}
    for thread in (root / "task").iterdir():
        try:
            found[thread.name] = used(thread / "stat")
        except OSError:
            continue  # it ended while we looked
    return found
