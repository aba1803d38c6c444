"""The article's path on the pages: bring takes, teach, turn slides."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.audio import decode_audio
from core.speech.labels import is_noise

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["STEPS", "demo_takes", "open_slideshow", "slide_changes", "teach"]

DEMO = Path(__file__).resolve().parents[2] / "models" / "demo_sets" / "words_zh.zip"
STEPS = {"上一张": -1, "下一张": 1}
# Notes when another picture comes to the front, and which page it is, by the machine's clock.
_WATCH_SLIDES = """
() => {
  let show = null;
  const walk = (root) => root.querySelectorAll('*').forEach((element) => {
    if (element.matches('.show')) show = element;
    if (element.shadowRoot) walk(element.shadowRoot);
  });
  walk(document);
  const page = show.querySelector('.page');
  window.slides = [];
  let last = page.textContent;
  new MutationObserver(() => {
    if (page.textContent === last) return;
    last = page.textContent;
    window.slides.push([Number(/\\d+/.exec(last)[0]), Date.now() / 1000]);
  }).observe(show, { subtree: true, childList: true, characterData: true, attributes: true });
}
"""


def demo_takes() -> tuple[bytes, list[tuple[str, NDArray[np.float32]]]]:
    """Return a zip with one take of each voice, and the words of the takes left out, 48 kHz."""
    buffer = io.BytesIO()
    left_out = []
    with zipfile.ZipFile(DEMO) as given, zipfile.ZipFile(buffer, "w") as kept:
        for name in given.namelist():
            word, _, file = name.partition("/")
            # Each voice said every word twice, one take after the other.
            if is_noise(word) or int(file[:2]) % 2:
                kept.writestr(name, given.read(name))
            else:
                left_out.append((word, decode_audio(given.read(name), rate_hz=48_000).samples))
    return buffer.getvalue(), left_out


def teach(page: Page, name: str, content: bytes, *, epochs: int = 0) -> None:
    """Bring takes to the open page "Teach words", which teaches them at once.

    With `epochs` they are then trained as TensorFlow.js does.
    """
    page.get_by_role("tab", name="Bring").click()
    page.locator("[class*='st-key-words_bring_'] input[type=file]").set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    )
    page.locator(".sounds .tile").first.wait_for()
    page.get_by_text("Words right").wait_for()
    if not epochs:
        return
    page.get_by_role("radio", name="As in TensorFlow.js").click()
    field = page.get_by_label("Epochs", exact=True)
    field.fill(str(epochs))
    field.press("Enter")
    page.locator(".st-key-words_train button:not([disabled])").click()
    page.locator(".st-key-words_go_on button:not([disabled])").wait_for(timeout=240_000)


def open_slideshow(page: Page) -> None:
    """Go to the slideshow with the taught words, join the ends, and start the microphone.

    A taught model brings its thresholds: 0.5 where it was trained as TensorFlow.js does.
    """
    page.get_by_role("link", name="Voice slideshow").click()
    page.locator(".page", has_text="1 / 6").wait_for()
    page.locator(".st-key-speech_model input").click()
    page.get_by_role("option", name=re.compile("上一张")).click()
    page.get_by_text("2 words").wait_for()
    page.get_by_text("Loop the slides").click()
    frame = page.frame_locator("iframe")
    frame.get_by_role("button", name=re.compile("start", re.IGNORECASE)).click()
    frame.get_by_role("button", name=re.compile("stop", re.IGNORECASE)).wait_for()
    page.evaluate(_WATCH_SLIDES)


def slide_changes(page: Page) -> list[tuple[int, float]]:
    """Return the pages that were turned to, and when (``time.time()``)."""
    return [(int(number), float(at)) for number, at in page.evaluate("window.slides")]
