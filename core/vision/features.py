"""Features of pictures, computed once a picture and kept by its content.

With the features come a few facts about the picture itself, because it is decoded anyway: size,
sharpness and hashes, from which :mod:`core.datasets.pictures` tells what to doubt.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.datasets.samples import Sample
from core.errors import ImageError, UsageError
from core.imaging.decode import decode_image
from core.pretrained.backbone import TruncatedBackbone
from core.vision.augment import augmented
from core.vision.classify import decode_side_px

__all__ = [
    "FeatureCache",
    "PictureFacts",
    "StoppedError",
    "augmented_features",
    "picture_facts",
    "picture_features",
]

Array = NDArray[np.float32]
_CACHE_BYTES = 96_000_000
_KEPT_FACTS = 10_000
# All features of one training, in memory at once: 2,000 pooled ones are 10 MB, 2,000 flattened
# maps of MobileNet 0.25 are 100 MB.
MAX_FEATURE_BYTES = 256_000_000
_SHARPNESS_SIDE_PX = 128


class StoppedError(Exception):
    """The work was stopped by whoever asked for it."""


@dataclass(frozen=True)
class PictureFacts:
    """What a picture is, whatever a network sees in it.

    Attributes
    ----------
    width, height : int
        In pixels.
    pixels_digest : str
        Of what the network sees, before scaling: equal for one picture saved twice without loss.
    sketch : int
        A perceptual hash of 64 bits, near for pictures that look alike.
    miniature : bytes
        32 x 32 grey values, to compare those whose hashes are near.
    sharpness : float
        Variance of the Laplacian, on grey values of 0 to 1 at one size, over their own variance:
        0 for an even area; blurred pictures are below 0.01.
    contrast : float
        Standard deviation of the grey values, 0 to 0.5.
    """

    width: int
    height: int
    pixels_digest: str
    sketch: int
    miniature: bytes = field(repr=False)
    sharpness: float
    contrast: float


class FeatureCache:
    """Features and facts by content, the least used forgotten first. For any thread.

    Parameters
    ----------
    limit_bytes : int, optional
        Of features; facts take little.
    """

    def __init__(self, limit_bytes: int = _CACHE_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._features: OrderedDict[tuple[str, ...], Array] = OrderedDict()
        self._facts: OrderedDict[str, PictureFacts] = OrderedDict()
        self._bytes = 0

    @property
    def size_bytes(self) -> int:
        """Of the features that are kept."""
        return self._bytes

    def get(self, key: tuple[str, ...]) -> Array | None:
        """Return features that are known, or None."""
        with self._lock:
            found = self._features.get(key)
            if found is not None:
                self._features.move_to_end(key)
            return found

    def put(self, key: tuple[str, ...], features: Array) -> None:
        """Keep features."""
        if features.nbytes > self.limit_bytes:
            return
        with self._lock:
            old = self._features.pop(key, None)
            self._bytes += features.nbytes - (old.nbytes if old is not None else 0)
            self._features[key] = features
            while self._bytes > self.limit_bytes:
                _, dropped = self._features.popitem(last=False)
                self._bytes -= dropped.nbytes

    def facts(self, digest: str) -> PictureFacts | None:
        """Return facts about the picture of this content, or None."""
        return self._facts.get(digest)

    def put_facts(self, digest: str, facts: PictureFacts) -> None:
        """Keep facts."""
        with self._lock:
            self._facts[digest] = facts
            while len(self._facts) > _KEPT_FACTS:
                self._facts.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._features.clear()
            self._facts.clear()
            self._bytes = 0


def picture_features(
    samples: Sequence[Sample],
    backbone: TruncatedBackbone,
    cache: FeatureCache,
    *,
    progress: Callable[[int, int], None] | None = None,
    stopped: Callable[[], bool] | None = None,
) -> Array:
    """Return the features of labelled pictures, those that are known from the cache.

    Parameters
    ----------
    samples : sequence of Sample
    backbone : TruncatedBackbone
    cache : FeatureCache
    progress : callable, optional
        Called with (pictures done, pictures in all); what it raises ends the work.
    stopped : callable, optional
        Asked before each picture; what was computed so far stays in the cache.

    Returns
    -------
    ndarray of float32, shape (n, ...)
        In the order of the samples.

    Raises
    ------
    ImageError
        If a picture cannot be used; the message names it.
    UsageError
        If the features together would take more than `MAX_FEATURE_BYTES`.
    StoppedError
        If it was stopped.
    """
    check_room(len(samples), backbone)
    result = np.empty((len(samples), *backbone.feature_shape), np.float32)
    for at, sample in enumerate(samples):
        if stopped is not None and stopped():
            raise StoppedError
        key = (_key(backbone), sample.digest)
        known = cache.get(key)
        if known is None:
            known = _features(_network_pixels(sample, backbone, cache), backbone)
            cache.put(key, known)
        result[at] = known
        if progress is not None:
            progress(at + 1, len(samples))
    return result


def augmented_features(
    samples: Sequence[Sample],
    backbone: TruncatedBackbone,
    cache: FeatureCache,
    *,
    copies: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
    stopped: Callable[[], bool] | None = None,
) -> Array:
    """Return the features of changed copies of pictures, `copies` of each.

    Parameters
    ----------
    samples, backbone, cache, progress, stopped
        As in :func:`picture_features`.
    copies : int
    seed : int
        Decides, with a picture's content, how it is changed.

    Returns
    -------
    ndarray of float32, shape (copies * n, ...)
        All first copies, then all second ones.

    Raises
    ------
    ImageError, UsageError, StoppedError
        As in :func:`picture_features`.
    """
    check_room(len(samples) * (copies + 1), backbone)
    result = np.empty((copies * len(samples), *backbone.feature_shape), np.float32)
    for at, sample in enumerate(samples):
        if stopped is not None and stopped():
            raise StoppedError
        pixels: NDArray[np.uint8] | None = None
        for copy in range(copies):
            key = (_key(backbone), sample.digest, f"{seed}/{copy}")
            known = cache.get(key)
            if known is None:
                if pixels is None:
                    pixels = _network_pixels(sample, backbone, cache)
                generator = np.random.default_rng([seed, copy, int(sample.digest[:12] or "0", 16)])
                known = _features(augmented(pixels, generator), backbone)
                cache.put(key, known)
            result[copy * len(samples) + at] = known
        if progress is not None:
            progress(at + 1, len(samples))
    return result


def check_room(count: int, backbone: TruncatedBackbone) -> None:
    """Refuse more features than may be in memory at once."""
    values = int(np.prod(backbone.feature_shape))
    if count * values * 4 > MAX_FEATURE_BYTES:
        raise UsageError(
            "teach.features_large",
            count=count,
            values=values,
            megabytes=count * values * 4 / 1e6,
            limit=MAX_FEATURE_BYTES / 1e6,
        )


def _key(backbone: TruncatedBackbone) -> str:
    preprocessing = sorted(backbone.preprocessing.to_dict().items())
    parts = (backbone.model_id, backbone.weights_sha256, backbone.layer, backbone.pooled)
    return repr((*parts, preprocessing))


def _network_pixels(
    sample: Sample, backbone: TruncatedBackbone, cache: FeatureCache
) -> NDArray[np.uint8]:
    preprocessing = backbone.preprocessing
    try:
        image = decode_image(sample.content, min_side_px=decode_side_px(preprocessing))
    except ImageError as error:
        raise ImageError("teach.sample_unusable", name=sample.name, reason=error.message) from error
    square, _ = preprocessing.resized(image.pixels)
    if cache.facts(sample.digest) is None:
        cache.put_facts(sample.digest, picture_facts(image.pixels, image.width, image.height))
    return square


def _features(square: NDArray[np.uint8], backbone: TruncatedBackbone) -> Array:
    preprocessing = backbone.preprocessing
    tensor = (square.astype(np.float32) - np.float32(preprocessing.offset)) / np.float32(
        preprocessing.scale
    )
    features: Array = backbone.features(tensor[np.newaxis])[0]
    return features


def picture_facts(pixels: NDArray[np.uint8], width: int, height: int) -> PictureFacts:
    """Return the facts about decoded pixels of a picture that has `width` x `height` of them."""
    picture = Image.fromarray(pixels)
    side = (_SHARPNESS_SIDE_PX, _SHARPNESS_SIDE_PX)
    small = picture.convert("L").resize(side, Image.Resampling.BILINEAR)
    grey = np.asarray(small).astype(np.float64) / 255
    laplacian = (
        grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * grey[1:-1, 1:-1]
    )
    variance = float(grey.var())
    digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
    return PictureFacts(
        width,
        height,
        digest,
        _sketch(picture),
        picture.convert("L").resize((32, 32), Image.Resampling.BOX).tobytes(),
        float(laplacian.var()) / variance if variance > 1e-6 else 0.0,
        float(np.sqrt(variance)),
    )


def _sketch(picture: Image.Image) -> int:
    """Return the difference hash: which of two neighbours is brighter, on 9 x 8 averages."""
    small = np.asarray(picture.convert("L").resize((9, 8), Image.Resampling.BOX), np.int16)
    bits = (small[:, 1:] > small[:, :-1]).ravel()
    return int("".join("1" if bit else "0" for bit in bits), 2)
