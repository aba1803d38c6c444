"""Live listening as visitors meet it: how late words come, many at once, and what stays behind.

    .venv/bin/python -m benchmarks.live [one] [five] [streams] [peers] [cycles] [--plot FILE.html]

Without names all run, half an hour and more. The sound is words whose ends are known, played by the
fake microphone of real Chromium; Chromium runs on the same cores as the server. The words are
recordings of people that did not train, though the thresholds were set on them, in noise 14 to
20 dB below, where ``--data`` has them, and else the samples of synthetic voices that Teachdeck
brings. Event and tile are counted from the arrival of the frame that holds a word's end, all by one
clock. Linux only.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.live_cycles import cycles
from benchmarks.live_sound import RATE_HZ, Script, find, marker_starts, recorded_script, script
from benchmarks.live_table import print_table
from benchmarks.live_visit import (
    Listener,
    chromium,
    cpu_s,
    frame_ms,
    frames_and_events,
    holdings,
    open_listener,
)
from models.training.speech.recipe import DATA
from tests.browser.server import Server

FRAME = RATE_HZ // 50
LEAST_S = 200
FEW, MANY = 5, 20
# An event belongs to the word that was last begun, if it came so soon after the word's end.
_LATEST_S = 1.3


def _spread(values: list[float]) -> str:
    if not values:
        return "none"
    median, p95 = np.percentile(values, [50, 95])
    return f"{1000 * median:.0f} ms; {1000 * p95:.0f} ms; {1000 * max(values):.0f} ms"


def _of(word: str, greens: list[tuple[str, float]]) -> list[float]:
    return [at for green, at in greens if green == word]


class Delays:
    """How late words came, over one listener or several."""

    def __init__(self) -> None:
        self.said = self.caught = self.wrong = self.watched = 0
        self.events: list[float] = []
        self.tiles: list[float] = []
        self.capture: list[float] = []

    def add(
        self,
        said: Script,
        arrivals: NDArray[np.float64],
        received: NDArray[np.int16],
        heard: list[tuple[str, float]],
        *,
        greens: list[tuple[str, float]] | None = None,
        watched_s: float = 0.0,
        markers: list[float] | None = None,
    ) -> None:
        """Count one listener.

        Parameters
        ----------
        said : Script
        arrivals : ndarray of float64, shape (n,)
            When each part of the sound came; the parts are equally long.
        received : ndarray of int16, shape (n * samples,)
        heard, greens : list of (str, float)
            Words, and when they were decided and shown.
        watched_s : float
            Since when it was noted what is shown.
        markers : list of float
            When the browser had the marker's sound.
        """
        words = find(said, received)
        part = len(received) // max(1, len(arrivals))
        self.said += len(words)
        for at in marker_starts(said, words):
            before = [moment for moment in markers or () if moment <= arrivals[at // part]]
            if before:
                self.capture.append(float(arrivals[at // part]) - before[-1])
        starts = np.array([arrivals[start // part] for _, start, _ in words])
        ends = [float(arrivals[end // part]) for _, _, end in words]
        matched = set()
        for word, decided_s in heard:
            place = int(np.searchsorted(starts, decided_s, side="right")) - 1
            if place < 0 or decided_s > ends[place] + _LATEST_S:
                self.wrong += place >= 0
                continue
            if words[place][0].word != word or place in matched:
                self.wrong += 1
                continue
            matched.add(place)
            self.events.append(decided_s - ends[place])
            if greens is None or decided_s < watched_s:
                continue
            self.watched += 1
            # A browser's clock leaves out what is less than a millisecond. A tile that turns green
            # only after the word was heard once more belongs to that one.
            until_s = min(
                (at for other, at in heard if other == word and at > decided_s), default=1e12
            )
            shown = [at for at in _of(word, greens) if decided_s - 0.001 <= at < until_s - 0.001]
            if shown:
                self.tiles.append(shown[0] - ends[place])
        self.caught += len(matched)

    def rows(self) -> list[tuple[str, str]]:
        """Return the table's rows."""
        found = [
            ("words said; heard; heard wrongly", f"{self.said}; {self.caught}; {self.wrong}"),
            ("word's end to event: median; p95; most", _spread(self.events)),
        ]
        if self.tiles:
            found.append(("word's end to green tile: median; p95; most", _spread(self.tiles)))
            found.append(
                (
                    "words heard while tiles were watched; with a tile",
                    f"{self.watched}; {len(self.tiles)}",
                )
            )
        if self.capture:
            found.append(("apart: browser to server: median; p95; most", _spread(self.capture)))
        return found


def _listen(
    server: Server, listeners: list[Listener], seconds: float
) -> tuple[list[tuple[str, str]], float]:
    """Let the listeners listen; return rows on the server's time, and its share of a core."""
    for listener in listeners:
        listener.start()
    for listener in listeners:
        listener.watch_tiles()
    time.sleep(3)
    names: dict[str, str] = holdings(server)["threads"]
    before, began = cpu_s(server), time.monotonic()
    # Playwright's events wait until it is called.
    while time.monotonic() - began < seconds:
        listeners[0].page.wait_for_timeout(500)
    after, taken_s = cpu_s(server), time.monotonic() - began
    used = Counter[str]()
    for thread, name in names.items():
        kind = {"MainThread": "connections and websockets", "microphone": "recognition"}.get(
            name, "Opus decoding" if "decoder" in name else ""
        )
        if kind and thread in after and thread in before:
            used[kind] += after[thread] - before[thread]
    total = after["all"] - before["all"]
    used["the page's reruns, and the rest"] = total - sum(used.values())
    rows = [
        (f"server: {what}", f"{100 * part / taken_s / len(listeners):.1f} % of a core a listener")
        for what, part in used.items()
    ]
    return rows, total / taken_s


def _browsers(title: str, count: int, seconds: float, said: Script, folder: Path) -> None:
    with (
        Server(folder / f"home{count}", module="benchmarks.live_probe") as server,
        chromium(said, folder) as browser,
    ):
        listeners = [open_listener(browser, server, hear=count == 1) for _ in range(count)]
        rows, share = _listen(server, listeners, seconds)
        delays, dropped, lengths = Delays(), 0, set[int]()
        shown = [listener.greens() for listener in listeners]
        markers = [listener.markers() if count == 1 else None for listener in listeners]
        for number, frames in _by_first_frame(server, count):
            arrivals, received, events = frames
            heard = [(event["word"], event["at_s"]) for event in events]
            dropped += events[-1]["dropped"] if events else 0
            lengths.add(frame_ms(arrivals, received))
            delays.add(
                said,
                arrivals,
                received,
                heard,
                greens=shown[number],
                watched_s=listeners[number].watched_s(),
                markers=markers[number],
            )
        failed = "Traceback" in server.log()
        print_table(
            title,
            [
                *delays.rows(),
                ("server: all", f"{100 * share / count:.1f} % of a core a listener"),
                *rows,
                ("frames dropped; they held", f"{dropped}; {sorted(lengths)} ms"),
                ("memory", f"{server.rss_bytes() / 1e6:.0f} MB"),
                ("errors in the server's log", "yes" if failed else "none"),
            ],
        )


def _by_first_frame(server: Server, count: int) -> list[tuple[int, Any]]:
    """Return the microphones' records with the number of their listener.

    Pages are opened one after the other, and each makes its microphone then.
    """
    return [(number, frames_and_events(server, number)) for number in range(count)]


def _streams(said: Script, seconds: int) -> None:
    """Print how many listeners keep up without browsers: frames in, words out."""
    from core.audio.microphone import Microphone
    from core.speech import SmoothMode, load_model
    from core.speech.ear import SpeechEar

    model = load_model(None)
    mode = SmoothMode(thresholds=model.thresholds)
    loop = np.rint(32767 * said.samples[: len(said.samples) // FRAME * FRAME]).astype(np.int16)
    frames = np.repeat(loop.reshape(-1, FRAME), 2, axis=1)[:, np.newaxis]
    mics = [Microphone() for _ in range(MANY)]
    for mic in mics:
        mic.listen(SpeechEar(model, mode))
    arrivals: list[list[float]] = [[] for _ in mics]
    offsets = [number * len(frames) // MANY for number in range(MANY)]
    lateness, began, used = [], time.perf_counter(), time.process_time()
    for at in range(seconds * 50):
        for number, mic in enumerate(mics):
            arrivals[number].append(time.time())
            mic.push(frames[(at + offsets[number]) % len(frames)], 2, RATE_HZ)
        due = began + (at + 1) / 50
        lateness.append(max(0.0, time.perf_counter() - due))
        time.sleep(max(0.0, due - time.perf_counter()))
    taken_s, used_s = time.perf_counter() - began, time.process_time() - used
    waiting = max(mic.status().waiting_s for mic in mics)
    for mic in mics:
        mic.ended()
    time.sleep(1)
    delays = Delays()
    for number, mic in enumerate(mics):
        order = (np.arange(seconds * 50) + offsets[number]) % len(frames)
        heard = [(event.word, event.at_s) for event in mic.heard()]
        delays.add(said, np.array(arrivals[number]), frames[order, 0, ::2].reshape(-1), heard)
    left = [thread.name for thread in threading.enumerate() if thread.name == "microphone"]
    print_table(
        f"{MANY} listeners at once without browsers, {seconds} s, frames of 20 ms",
        [
            *delays.rows(),
            ("all: processor time", f"{100 * used_s / taken_s / MANY:.1f} % of a core a listener"),
            ("frames dropped", f"{sum(mic.status().dropped for mic in mics)}"),
            ("sound that waited at the end, most", f"{1000 * waiting:.0f} ms"),
            ("the frames themselves came late by, most", f"{1000 * max(lateness):.0f} ms"),
            ("workers left", f"{len(left)}"),
        ],
    )


def _peers(said: Script) -> None:
    # The page's own modules: they bring Streamlit, which the other rows leave to the server.
    from benchmarks.live_peers import peers

    peers(said)


def main() -> None:
    """Measure what was asked for and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    names = ("one", "five", "streams", "peers", "cycles")
    parser.add_argument("rows", nargs="*", help=f"of {', '.join(names)}; all when left out")
    parser.add_argument("--plot", type=Path, default=Path(tempfile.gettempdir()) / "live.html")
    parser.add_argument("--data", type=Path, default=DATA, help="recordings of words")
    options = parser.parse_args()
    unknown = set(options.rows) - set(names)
    if unknown:
        parser.error(f"expected {', '.join(names)}; received {', '.join(sorted(unknown))}")
    recorded = (options.data / "words.tsv").exists()
    said = recorded_script(options.data) if recorded else script()
    once_s = len(said.samples) / RATE_HZ
    loops = math.ceil(LEAST_S / once_s)
    kind = "recordings of people" if recorded else "of synthetic voices"
    print(f"{len(said.words)} words, {kind}, said again after {once_s:.0f} s")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run: dict[str, Callable[[], None]] = {
            "one": lambda: _browsers("One listener in Chromium", 1, loops * once_s, said, folder),
            "five": lambda: _browsers(
                f"{FEW} listeners in Chromium at once", FEW, once_s, said, folder
            ),
            "streams": lambda: _streams(said, math.ceil(once_s)),
            "peers": lambda: _peers(said),
            "cycles": lambda: cycles(said, folder, options.plot),
        }
        for row in options.rows or names:
            run[row]()


if __name__ == "__main__":
    main()
