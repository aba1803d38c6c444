"""The front end against Chromium's own AnalyserNode."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from core.audio import BrowserFft, decode_audio
from tests.speech_kit import babble

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

# The context stops at every hop, reads a column as the library does, and goes on.
ANALYSE = """
async ({samples, hop, rate}) => {
  const bytes = Uint8Array.from(atob(samples), (letter) => letter.charCodeAt(0));
  const floats = new Float32Array(bytes.buffer);
  const hops = Math.floor(floats.length / hop);
  const context = new OfflineAudioContext(1, hops * hop + 128, rate);
  const buffer = context.createBuffer(1, floats.length, rate);
  buffer.copyToChannel(floats, 0);
  const source = context.createBufferSource();
  source.buffer = buffer;
  const analyser = context.createAnalyser();
  analyser.fftSize = 2 * hop;
  analyser.smoothingTimeConstant = 0;
  source.connect(analyser);
  analyser.connect(context.destination);
  source.start();
  const columns = new Float32Array(hops * hop);
  for (let at = 0; at < hops; at++) {
    context.suspend(((at + 1) * hop) / rate).then(() => {
      analyser.getFloatFrequencyData(columns.subarray(at * hop, (at + 1) * hop));
      context.resume();
    });
  }
  await context.startRendering();
  const read = new Uint8Array(columns.buffer);
  let text = '';
  for (let at = 0; at < read.length; at += 32768) {
    text += String.fromCharCode(...read.subarray(at, at + 32768));
  }
  return btoa(text);
}
"""


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def in_chromium(page: Page, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    encoded = base64.b64encode(samples.astype("<f4").tobytes()).decode()
    answer = page.evaluate(ANALYSE, {"samples": encoded, "hop": 1024, "rate": 44_100})
    return np.frombuffer(base64.b64decode(answer), "<f4").reshape(-1, 1024)


def agree(page: Page, samples: NDArray[np.float32]) -> None:
    theirs = in_chromium(page, samples)
    ours = BrowserFft(bins=1024).columns(samples)
    assert len(theirs) == len(ours) == len(samples) // 1024
    np.testing.assert_array_equal(np.isneginf(theirs[:, 0]), ours.silent)
    heard = theirs > -100
    assert heard[:, :232].mean() > 0.02
    assert np.abs(theirs - ours.decibels)[heard].max() < 0.01


def test_columns_of_our_own_sound_are_chromiums(page: Page) -> None:
    samples = babble(3, seed=1)
    samples[44_100:66_150] = 0
    agree(page, samples)


@pytest.mark.parametrize("word", ["up", "right", "seven", "zero"])
def test_columns_of_real_recordings_are_chromiums(page: Page, shared_data: Path, word: str) -> None:
    for path in sorted((shared_data / "speech" / "words" / word).iterdir())[:5]:
        agree(page, decode_audio(path).samples)
