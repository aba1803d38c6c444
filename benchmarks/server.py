"""The server as visitors meet it: cold start, memory, and twenty at once, in real Chromium.

    .venv/bin/python -m benchmarks.server

Prints one table. Chromium runs on the same cores as the server, so the times are upper bounds;
the ratios against ``import tensorflow`` in the same run are what counts. Linux only.
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pages.components.cached import sample_photos
from tests.browser.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FEW_SESSIONS, MANY_SESSIONS = 5, 20
_ANSWER = re.compile(r"% sure")
_ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
# Times from the file's choice to the answer's heading, by the clock of the visitor's browser.
_STOPWATCH = """
() => {
  window.chosen = 0; window.answered = 0;
  document.addEventListener('change', () => { window.chosen = Date.now(); }, true);
  new MutationObserver(() => {
    const heading = document.querySelector('h3');
    if (window.chosen && !window.answered && heading && heading.innerText.includes('% sure'))
      window.answered = Date.now();
  }).observe(document.body, {subtree: true, childList: true, characterData: true});
}
"""


def _seconds_to_import_tensorflow() -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import tensorflow"], check=True, capture_output=True)
    return time.perf_counter() - start


def _visit(browser: Browser, server: Server) -> Page:
    page = browser.new_context(locale="en-GB").new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{server.url}/predict_pictures")
    return page


def _wait_for_answer(page: Page) -> None:
    page.get_by_role("heading", name=_ANSWER).wait_for()


def _seconds_to_answer(browser: Browser, home: Path) -> tuple[float, float, bool]:
    """Return the times of the first and the second visitor, and whether TensorFlow was loaded."""
    start = time.perf_counter()
    with Server(home) as server:
        _wait_for_answer(_visit(browser, server))
        first = time.perf_counter() - start
        start = time.perf_counter()
        _wait_for_answer(_visit(browser, server))
        second = time.perf_counter() - start
        loaded = any("libtensorflow" in path for path in server.loaded_libraries())
    return first, second, loaded


def _open_upload(browser: Browser, server: Server) -> Page:
    page = _visit(browser, server)
    _wait_for_answer(page)
    page.get_by_role("radio", name="Upload").click()
    page.locator('input[type="file"]').wait_for(state="attached")
    page.get_by_role("heading", name=_ANSWER).wait_for(state="detached")
    page.evaluate(_STOPWATCH)
    return page


def _all_at_once(pages: list[Page], photo: bytes) -> tuple[list[float], float]:
    """Return each session's seconds to its answer, and answers a second over all."""
    for page in pages:
        file = {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": photo}
        page.locator('input[type="file"]').set_input_files([file])
    for page in pages:
        page.wait_for_function("window.answered > 0")
    times = [page.evaluate("[window.chosen, window.answered]") for page in pages]
    span_s = (max(end for _, end in times) - min(start for start, _ in times)) / 1000
    return [(end - start) / 1000 for start, end in times], len(pages) / span_s


def main() -> None:
    """Measure and print the table."""
    from playwright.sync_api import sync_playwright

    photo = sample_photos()["china"]
    rows: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=_ARGUMENTS
        )
        tensorflow_s = _seconds_to_import_tensorflow()
        rows.append(("import tensorflow alone", f"{tensorflow_s:.1f} s"))
        for title in ("nothing cached", "model cached"):
            first, second, loaded = _seconds_to_answer(browser, Path(folder) / "home")
            ratio = first / tensorflow_s
            rows.append((f"start to answer on screen, {title}", f"{first:.1f} s ({ratio:.2f} x)"))
        rows.append(("second visitor to answer on screen", f"{second:.1f} s"))
        rows.append(("TensorFlow in the server", "yes" if loaded else "no"))
        with Server(Path(folder) / "home") as server:
            pages = [_open_upload(browser, server) for _ in range(FEW_SESSIONS)]
            _all_at_once(pages, photo)
            few_mb = server.rss_bytes() / 1e6
            rows.append((f"memory after {FEW_SESSIONS} sessions", f"{few_mb:.0f} MB"))
            for page in pages:
                page.context.close()
            pages = [_open_upload(browser, server) for _ in range(MANY_SESSIONS)]
            times, rate = _all_at_once(pages, photo)
            many_mb = server.rss_bytes() / 1e6
            per_session_mb = (many_mb - few_mb) / (MANY_SESSIONS - FEW_SESSIONS)
            p95 = statistics.quantiles(times, n=20)[-1]
            rows.append((f"{MANY_SESSIONS} at once, median", f"{statistics.median(times):.1f} s"))
            rows.append((f"{MANY_SESSIONS} at once, 95th percentile", f"{p95:.1f} s"))
            rows.append((f"{MANY_SESSIONS} at once, throughput", f"{rate:.1f} answers/s"))
            rows.append(("memory for each further session", f"{per_session_mb:.1f} MB"))
            failed = "Traceback" in server.log()
            rows.append(("errors in the server's log", "yes" if failed else "none"))
        browser.close()
    print("| what | measured |\n|---|---|")
    for what, measured in rows:
        print(f"| {what} | {measured} |")


if __name__ == "__main__":
    main()
