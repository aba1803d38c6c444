"""The article's path in a browser: words are taught, slides are turned by voice.

    .venv/bin/python -m benchmarks.slideshow [--speech FOLDER] [--data-bin FILE] [--epochs N]
        [--seconds S]

One take of each synthetic voice of the Chinese demo set is brought to "Teach words" and taught
with the preset "as in tfjs", 30 epochs. The fake microphone of real Chromium then plays the takes
that were left out, and two minutes of other speech, to the slideshow, with
the model's threshold of 0.5. Word end
to slide change is counted from the arrival of the frame that holds the word's end, by one clock;
Chromium runs on the same cores as the server. With a data.bin, which has no sound to be played,
only the other speech is. Linux only; about five minutes.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.live_sound import RATE_HZ, SaidWord, Script, find, marker
from benchmarks.live_table import print_table
from benchmarks.live_visit import chromium, frames_and_events
from core.audio import decode_audio
from tests.browser.server import Server
from tests.browser.word_path import (
    STEPS,
    demo_takes,
    open_slideshow,
    slide_changes,
    teach,
)

SPEECH = Path(__file__).resolve().parents[1] / "models" / "demo_sets" / "speech"
OTHER_S = 120.0
_SUFFIXES = {".flac", ".mp3", ".wav", ".ogg"}
_GAP_S, _PEAK, _NOISE, _LATEST_S = 1.0, 0.4, 1e-3, 1.5


def _script(
    takes: list[tuple[str, NDArray[np.float32]]], other: NDArray[np.float32]
) -> tuple[Script, int]:
    """Return the marker, the takes and the other speech; and where the latter begins."""
    rng = np.random.default_rng(7)
    parts = [marker(), np.zeros(RATE_HZ, np.float32)]
    words = []
    for place in rng.permutation(len(takes)):
        word, samples = takes[place]
        loud = np.flatnonzero(np.abs(samples) > 0.1 * np.abs(samples).max())
        spoken = samples[loud[0] : loud[-1] + 1]
        start = sum(map(len, parts))
        words.append(SaidWord(word, start, start + len(spoken)))
        pause = np.zeros(round((_GAP_S + rng.uniform(0, 0.3)) * RATE_HZ), np.float32)
        parts += [_PEAK * spoken / np.abs(spoken).max(), pause]
    begin = sum(map(len, parts))
    said = np.concatenate([*parts, other])
    noise = rng.normal(0, _NOISE, len(said)).astype(np.float32)
    return Script((said + noise).astype(np.float32), tuple(words)), begin


def _other_speech(folder: Path, seconds: float) -> NDArray[np.float32]:
    """Return some time of the recordings of a folder, taken in an order by chance."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    paths = [paths[place] for place in np.random.default_rng(7).permutation(len(paths))]
    parts: list[NDArray[np.float32]] = []
    wanted = round(seconds * RATE_HZ)
    while sum(map(len, parts)) < wanted:
        for path in paths:
            samples = decode_audio(path.read_bytes(), rate_hz=RATE_HZ).samples
            peak = max(float(np.abs(samples).max()), 1e-6)
            parts += [_PEAK * samples / peak, np.zeros(RATE_HZ // 4, np.float32)]
            if sum(map(len, parts)) >= wanted:
                break
    return np.concatenate(parts)[:wanted].astype(np.float32)


def _run(
    title: str,
    name: str,
    content: bytes,
    takes: list[tuple[str, NDArray[np.float32]]],
    speech: Path,
    folder: Path,
    epochs: int,
    other_s: float,
) -> None:
    folder.mkdir()
    said, other_at = _script(takes, _other_speech(speech, other_s))
    with (
        Server(folder / "home", module="benchmarks.live_probe") as server,
        chromium(said, folder) as browser,
    ):
        page = browser.new_context(locale="en-GB").new_page()
        page.set_default_timeout(90_000)
        page.goto(f"{server.url}/teach_words")
        teach(page, name, content, epochs=epochs)
        open_slideshow(page)
        page.wait_for_timeout(1000 * len(said.samples) / RATE_HZ)
        changes = slide_changes(page)
        # The page before had a microphone of its own.
        number = max(
            (int(path.stem) for path in (server.home / "probe").glob("*.frames")),
            key=lambda at: (server.home / "probe" / f"{at}.frames").stat().st_size,
        )
        arrivals, received, _ = frames_and_events(server, number)
    found = find(said, received) if said.words else []
    # The parts in which the sound came are equally long.
    part = len(received) // max(1, len(arrivals))
    delays, wrong, taken = [], 0, set()
    pages = [1, *(number for number, _ in changes)]
    for word, start, end in found:
        began_s, ended_s = arrivals[np.minimum([start // part, end // part], len(arrivals) - 1)]
        for place, (number, at_s) in enumerate(changes):
            # A word may be known before its last sound.
            if place not in taken and began_s < at_s < ended_s + _LATEST_S:
                taken.add(place)
                step = (number - pages[place]) % 6
                if step == STEPS[word.word] % 6:
                    delays.append(at_s - ended_s)
                else:
                    wrong += 1
                break
    false = len(changes) - len(taken)
    rows = []
    if found:
        median, p95 = np.percentile(delays, [50, 95]) if delays else (np.nan, np.nan)
        rows = [
            ("words said; slides moved as told; moved wrongly",
             f"{len(found)}; {len(delays)}; {wrong}"),
            ("word end to slide change: median; p95; worst",
             f"{median:.2f}; {p95:.2f}; {max(delays, default=np.nan):.2f} s"),
        ]  # fmt: skip
    rows.append((f"false moves in {len(received) / RATE_HZ - other_at / RATE_HZ:.0f} s of other "
                 "speech and all pauses", f"{false}"))  # fmt: skip
    print_table(title, rows)


def main() -> None:
    """Run the path and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", type=Path, default=SPEECH)
    parser.add_argument("--data-bin", type=Path)
    parser.add_argument(
        "--epochs", type=int, default=30, help='of the preset "as in tfjs"; 0 teaches "at once"'
    )
    parser.add_argument("--seconds", type=float, default=OTHER_S, help="of other speech")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        if arguments.data_bin is None:
            content, takes = demo_takes()
            _run("Demo words, takes held out", "words.zip", content, takes, arguments.speech,
                 folder / "demo", arguments.epochs, arguments.seconds)  # fmt: skip
        else:
            content = arguments.data_bin.read_bytes()
            _run("A data.bin", "data.bin", content, [], arguments.speech, folder / "data",
                 arguments.epochs, arguments.seconds)  # fmt: skip


if __name__ == "__main__":
    main()
