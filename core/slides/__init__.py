"""Slides from pictures and from PDF files, safely."""

from core.slides.deck import Slide, slides_from_pictures
from core.slides.pdf import MAX_PDF_BYTES, is_pdf, slides_from_pdf

__all__ = ["MAX_PDF_BYTES", "Slide", "is_pdf", "slides_from_pdf", "slides_from_pictures"]
