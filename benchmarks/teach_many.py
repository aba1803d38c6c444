"""The page "Teach pictures" with as many pictures as one visitor may have: 2,000.

    .venv/bin/python -m benchmarks.teach_many

Makes a zip of 1,999 small pictures (the demo set's, turned and shaded) and brings it to the page
in Chromium: score, one more picture, one too many, training, export, project file. Then teaches the
same zip on the command line. Prints one table as it goes. Linux only.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageEnhance

from benchmarks.teach_page import (
    BROWSER_ARGUMENTS,
    seconds_to_export,
    seconds_to_model,
    visit,
)
from pages.components.presence import GRACE_S
from tests.browser.server import PROJECT_FOLDER, Server

if TYPE_CHECKING:
    from playwright.sync_api import Page

COUNT = 2000
_SIDE_PX = 160
_MARKS = PROJECT_FOLDER / "models" / "demo_sets" / "marks.zip"


def many_pictures(count: int) -> dict[str, bytes]:
    """Return that many different small JPEG pictures of three classes, by their path in a zip."""
    with zipfile.ZipFile(_MARKS) as archive:
        names = [name for name in archive.namelist() if name.count("/") == 1 and name[-1] != "/"]
        drawn = [
            (name, Image.open(io.BytesIO(archive.read(name))).convert("RGB")) for name in names
        ]
    generator = np.random.default_rng(0)
    made = {}
    for at in range(count):
        name, picture = drawn[at % len(drawn)]
        turned = picture.resize((_SIDE_PX, _SIDE_PX)).rotate(
            float(generator.uniform(-40, 40)), fillcolor=tuple(generator.integers(0, 256, 3))
        )
        shaded = ImageEnhance.Brightness(turned).enhance(float(generator.uniform(0.5, 1.5)))
        content = io.BytesIO()
        shaded.save(content, "JPEG", quality=85)
        made[f"{name.partition('/')[0]}/{at}.jpg"] = content.getvalue()
    return made


def _zipped(pictures: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in pictures.items():
            archive.writestr(name, data)
    return content.getvalue()


def _choose(page: Page, file: Path) -> None:
    page.locator("input[type=file]").first.set_input_files(file)


def _on_the_page(server: Server, page: Page, folder: Path) -> list[tuple[str, str, str]]:
    rows: list[tuple[str, str, str]] = []

    def note(what: str, start_s: float) -> None:
        seconds, megabytes = time.perf_counter() - start_s, server.rss_bytes() / 1e6
        rows.append((what, f"{seconds:.1f} s", f"{megabytes:.0f} MB"))
        print(f"| {' | '.join(rows[-1])} |", flush=True)

    page.get_by_text("Zip of folders", exact=True).click()
    page.get_by_text("One folder for each class").wait_for()
    start_s = time.perf_counter()
    _choose(page, folder / "many.zip")
    reading = page.get_by_text("Reading ")
    reading.first.wait_for()
    note("zip to its progress", start_s)
    reading.first.wait_for(state="detached")
    note("zip to all pictures read", start_s)
    score = page.get_by_text("Expected accuracy")
    score.wait_for()
    note("zip to the score", start_s)

    page.get_by_text("Upload", exact=True).first.click()
    page.get_by_text("Pictures, many at once").wait_for()
    start_s = time.perf_counter()
    _choose(page, folder / "one.jpg")
    score.wait_for(state="detached")
    score.wait_for()
    note("one more picture to the score", start_s)
    start_s = time.perf_counter()
    _choose(page, folder / "another.jpg")
    page.get_by_text(f"at most {COUNT:,} can be kept").wait_for()
    note("one too many to its sentence", start_s)

    start_s = time.perf_counter()
    seconds_to_model(page)
    note("training with its check", start_s)
    start_s = time.perf_counter()
    seconds_to_export(page)
    note("export of a web page", start_s)
    page.get_by_role("tab", name="Bring it back").click()
    start_s = time.perf_counter()
    page.get_by_role("button", name="Make a project file").click()
    page.get_by_role("button", name="Download the project").wait_for()
    note("project file", start_s)
    start_s = time.perf_counter()
    page.context.close()
    time.sleep(GRACE_S + 15)
    note("after the visitor has left", start_s)
    return rows


def _on_the_command_line(folder: Path) -> None:
    command = [sys.executable, "-m", "core", "teach", str(folder / "many.zip"), "--json"]
    start_s = time.perf_counter()
    done = subprocess.run(
        [*command, "--out", str(folder / "model.zip")],
        cwd=PROJECT_FOLDER,
        env={**os.environ, "TEACHDECK_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    seconds = time.perf_counter() - start_s
    print(f"| command line, accuracy {found['accuracy']:.1%} | {seconds:.1f} s | |")


def main() -> None:
    """Measure and print the table."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        pictures = many_pictures(COUNT + 1)
        *taken, one, another = pictures
        (folder / "many.zip").write_bytes(_zipped({name: pictures[name] for name in taken}))
        (folder / "one.jpg").write_bytes(pictures[one])
        (folder / "another.jpg").write_bytes(pictures[another])
        size = (folder / "many.zip").stat().st_size
        print(f"{len(taken)} pictures in a zip of {size / 1e6:.0f} MB\n")
        print("| what | time | server memory after it |\n|---|---|---|", flush=True)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=BROWSER_ARGUMENTS
        )
        with Server(folder / "home") as server:
            page = visit(browser, server)
            page.set_default_timeout(600_000)
            _on_the_page(server, page, folder)
            errors = "yes" if "Traceback" in server.log() else "none"
            print(f"| errors in the server's log: {errors} | | |", flush=True)
        browser.close()
        _on_the_command_line(folder)


if __name__ == "__main__":
    main()
