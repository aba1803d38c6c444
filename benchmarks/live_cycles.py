"""A hundred starts and stops of the microphone: what stays behind."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.live_sound import Script
from benchmarks.live_table import print_table, spark
from benchmarks.live_visit import Listener, chromium, frames_and_events, holdings, open_listener
from tests.browser.server import Server

__all__ = ["cycles"]

CYCLES, HEARD_S = 100, 1.0


def cycles(said: Script, folder: Path, plot: Path) -> None:
    """Print what is left of a hundred starts and stops, and draw the memory."""
    with (
        Server(folder / "cycles", module="benchmarks.live_probe") as server,
        chromium(said, folder) as browser,
    ):
        listener = open_listener(browser, server)
        taken: list[dict[str, Any]] = []
        again = 0
        for cycle in range(CYCLES + 1):
            again += listener.start() - 1
            listener.page.wait_for_timeout(1000 * HEARD_S)
            listener.stop()
            if cycle % 5 == 0:
                taken.append(_settled(server, listener, taken[:1]))
        received, _, _ = frames_and_events(server, 0)
        first, last = taken[0], taken[-1]
        extra, tasks = _extra(first, last, "threads"), _extra(first, last, "tasks")
        memory_mb = [found["rss"] / 1e6 for found in taken]
        slope = np.polyfit(
            5 * np.arange(len(taken) // 2, len(taken)), memory_mb[len(taken) // 2 :], 1
        )
        failed = "Traceback" in server.log()
    _draw(memory_mb, plot)
    print_table(
        f"{CYCLES} starts and stops in one browser, after a first one",
        [
            ("starts that had to be pressed again", f"{again}"),
            ("hundredths of a second received", f"{len(received)}"),
            ("threads: after the first; after the last", _pair(first, last, "threads")),
            ("threads that were left", _names(extra)),
            ("tasks that were left", _names(tasks)),
            ("connections that are open", f"{last['peers_open']}"),
            ("connections in memory: after the first; last", f"{first['peers']}; {last['peers']}"),
            (
                "memory: after the first; after the last",
                f"{memory_mb[0]:.0f}; {memory_mb[-1]:.0f} MB",
            ),
            ("memory, in the second half", f"{100 * slope[0] / 100:+.3f} MB a cycle"),
            ("memory over the cycles", spark(memory_mb)),
            ("plot", f"{plot}"),
            ("errors in the server's log", "yes" if failed else "none"),
        ],
    )


def _settled(server: Server, listener: Listener, first: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the server holds once nothing more goes; workers end within seconds."""
    found = holdings(server)
    for _ in range(20):
        listener.page.wait_for_timeout(400)
        before, found = found, holdings(server)
        if found["peers_open"] or len(before["threads"]) != len(found["threads"]):
            continue
        # A run of the page, or what closes a connection, may be under way.
        if not any(_extra(one, found, what) for one in first for what in ("threads", "tasks")):
            break
    return found


def _extra(first: dict[str, Any], last: dict[str, Any], what: str) -> Counter[str]:
    def names(found: dict[str, Any]) -> Counter[str]:
        return Counter(found[what].values() if what == "threads" else found[what])

    return names(last) - names(first)


def _pair(first: dict[str, Any], last: dict[str, Any], what: str) -> str:
    return f"{len(first[what])}; {len(last[what])}"


def _names(counted: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counted.items()) or "none"


def _draw(memory_mb: list[float], plot: Path) -> None:
    import plotly.graph_objects as go

    figure = go.Figure(go.Scatter(x=[5 * at for at in range(len(memory_mb))], y=memory_mb))
    figure.update_layout(
        title="Memory of the server over starts and stops of the microphone",
        xaxis_title="Starts and stops",
        yaxis={"title": "Resident memory, MB", "rangemode": "tozero"},
    )
    figure.write_html(plot, include_plotlyjs=True)
