"""Pictures: bytes to RGB pixels, safely; pixels to a network's input."""

from core.imaging.decode import MAX_BYTES, MAX_MEGAPIXELS, DecodedImage, decode_image
from core.imaging.files import read_image_file
from core.imaging.preprocess import Preprocessed, Preprocessing

__all__ = [
    "MAX_BYTES",
    "MAX_MEGAPIXELS",
    "DecodedImage",
    "Preprocessed",
    "Preprocessing",
    "decode_image",
    "read_image_file",
]
