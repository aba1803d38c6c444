"""From sound of any kind to the numbers that a speech network reads."""

from core.audio.browser_fft import BrowserFft, BrowserFftStream, Columns, normalize

__all__ = ["BrowserFft", "BrowserFftStream", "Columns", "normalize"]
