"""The page "Teach pictures" as visitors meet it: times to results, and the server's memory.

    .venv/bin/python -m benchmarks.teach_page

Two visitors load the demo set and train at the same time, one exports, both leave. Prints one
table. Chromium and the processes that train and score run on the same cores as the server, so the
times are upper bounds. Linux only.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pages.components.presence import GRACE_S
from tests.browser.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LIMIT_MB = 350
BROWSER_ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
]


def visit(browser: Browser, server: Server) -> Page:
    """Return the page as a new visitor has it."""
    page = browser.new_context(locale="en-GB").new_page()
    page.set_default_timeout(180_000)
    page.goto(f"{server.url}/teach_pictures")
    page.get_by_role("button", name="Load the demo set").wait_for()
    return page


def _seconds_to_score(page: Page) -> float:
    start = time.perf_counter()
    page.get_by_role("button", name="Load the demo set").click()
    page.get_by_text("Expected accuracy").wait_for()
    return time.perf_counter() - start


def seconds_to_model(page: Page) -> float:
    """Train and return how long it took."""
    start = time.perf_counter()
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_role("button", name="Train again").wait_for()
    return time.perf_counter() - start


def seconds_to_export(page: Page) -> float:
    """Export a web page and return how long it took."""
    page.get_by_role("tab", name="Take it away").click()
    start = time.perf_counter()
    page.get_by_role("button", name="Make the file").click()
    page.get_by_test_id("stDownloadButton").wait_for()
    return time.perf_counter() - start


def main() -> None:
    """Measure and print the table."""
    from playwright.sync_api import sync_playwright

    rows: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=BROWSER_ARGUMENTS
        )
        with Server(Path(folder) / "home") as server:

            def note(what: str) -> float:
                megabytes = server.rss_bytes() / 1e6
                rows.append((f"server memory {what}", f"{megabytes:.0f} MB"))
                return megabytes

            pages = [visit(browser, server) for _ in range(2)]
            note("with two visitors")
            for number, page in enumerate(pages, 1):
                rows.append(
                    (f"demo set to score, visitor {number}", f"{_seconds_to_score(page):.1f} s")
                )
            note("after the scores")
            for number, page in enumerate(pages, 1):
                rows.append((f"training, visitor {number}", f"{seconds_to_model(page):.1f} s"))
            note("after the trainings")
            rows.append(("export of a web page with proof", f"{seconds_to_export(pages[0]):.1f} s"))
            most = note("after the export")
            for kind in ("keras", "scores"):
                megabytes = server.helper_rss_bytes(kind) / 1e6
                rows.append((f"the process of {kind}, which ends when idle", f"{megabytes:.0f} MB"))
            loaded = {
                library: any(library in path for path in server.loaded_libraries())
                for library in ("libtensorflow", "sklearn", "pandas")
            }
            for page in pages:
                page.context.close()
            time.sleep(GRACE_S + 15)
            note("after both have left")
            for library, found in loaded.items():
                rows.append((f"{library} in the server", "yes" if found else "no"))
            rows.append(
                ("errors in the server's log", "yes" if "Traceback" in server.log() else "none")
            )
            rows.append((f"at most {LIMIT_MB} MB", "yes" if most <= LIMIT_MB else "no"))
        browser.close()
    print("| what | measured |\n|---|---|")
    for what, measured in rows:
        print(f"| {what} | {measured} |")


if __name__ == "__main__":
    main()
