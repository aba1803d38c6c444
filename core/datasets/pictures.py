"""What to doubt about labelled pictures: too few, unequal, alike, blurred, tiny."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.datasets.samples import Sample, SampleSnapshot
from core.errors import ImageError
from core.imaging.decode import decode_image
from core.vision.features import FeatureCache, PictureFacts, picture_facts

__all__ = ["SampleWarning", "check_pictures", "picture_groups"]

FEW = 5
_IMBALANCE = 3
_TINY_PX = 48
_BLURRED = 0.012
_LEAST_CONTRAST = 0.02
_MOST_SKETCH_BITS = 3
# Of 32 x 32 grey values of 0 to 255: the most by which near duplicates differ anywhere. Another
# drawing differs by more than 100 along its edges, the same one saved again by less than 20.
_MOST_DIFFERENCE = 40
# A little cropping moves edges; then features that point the same way must confirm it.
_MOST_DIFFERENCE_CONFIRMED = 90
_ALIKE = 0.985


@dataclass(frozen=True)
class SampleWarning:
    """Something to doubt about samples or classes.

    Attributes
    ----------
    code : str
        Of its sentence, such as ``"pictures.few"``.
    fields : mapping
    sample_ids : tuple of str
    classes : tuple of str
    """

    code: str
    fields: Mapping[str, str | int | float] = field(default_factory=dict)
    sample_ids: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


def check_pictures(
    snapshot: SampleSnapshot,
    cache: FeatureCache,
    *,
    features: NDArray[np.float32] | None = None,
) -> tuple[SampleWarning, ...]:
    """Return what to doubt, what concerns two classes first.

    Parameters
    ----------
    snapshot : SampleSnapshot
    cache : FeatureCache
        Holds the facts about pictures whose features were computed; others are decoded here.
    features : ndarray of float32, shape (n, c), optional
        Pooled features in the order of the samples: pictures that a network cannot tell apart
        are found too.

    Returns
    -------
    tuple of SampleWarning
    """
    known = [(sample, facts) for sample in snapshot.samples if (facts := _facts(sample, cache))]
    warnings: list[SampleWarning] = []
    groups = picture_groups(snapshot.samples, cache, features=features)
    warnings.extend(_alike(snapshot.samples, groups, cache))
    counts = snapshot.counts()
    for label, count in counts.items():
        if count < FEW:
            fields: dict[str, str | int | float] = {"label": label, "count": count, "few": FEW}
            code = "pictures.few" if count else "pictures.empty_class"
            warnings.append(SampleWarning(code, fields, classes=(label,)))
    most = max(counts.values(), default=0)
    for label, count in counts.items():
        if count >= FEW and count * _IMBALANCE <= most:
            warnings.append(
                SampleWarning(
                    "pictures.imbalance",
                    {"label": label, "count": count, "most": most},
                    (),
                    (label,),
                )
            )
    for sample, facts in known:
        shown: dict[str, str | int | float] = {"name": sample.name or sample.label}
        where = ((sample.id,), (sample.label,))
        if min(facts.width, facts.height) < _TINY_PX:
            size: dict[str, str | int | float] = {"width": facts.width, "height": facts.height}
            warnings.append(SampleWarning("pictures.tiny", {**shown, **size}, *where))
        elif facts.contrast < _LEAST_CONTRAST:
            warnings.append(SampleWarning("pictures.even", shown, *where))
        elif facts.sharpness < _BLURRED:
            warnings.append(SampleWarning("pictures.blurred", shown, *where))
    return tuple(warnings)


def picture_groups(
    samples: Sequence[Sample],
    cache: FeatureCache,
    *,
    features: NDArray[np.float32] | None = None,
) -> NDArray[np.int64]:
    """Return a number for each sample, equal for exact and near duplicates.

    Near is: perceptual hashes that differ in 3 of 64 bits at most, and miniatures that differ
    nowhere by much, or by a little more where features (if given) point the same way.

    Parameters
    ----------
    samples : sequence of Sample
    cache : FeatureCache
    features : ndarray of float32, shape (n, c), optional

    Returns
    -------
    ndarray of int, shape (n,)
    """
    count = len(samples)
    group = np.arange(count)
    facts = [_facts(sample, cache) for sample in samples]
    first: dict[str, int] = {}
    for at, (sample, fact) in enumerate(zip(samples, facts, strict=True)):
        key = fact.pixels_digest if fact is not None else sample.digest
        group[at] = first.setdefault(key, at)
    sketches = np.array([fact.sketch if fact else at for at, fact in enumerate(facts)], np.uint64)
    directions = None
    if features is not None and count:
        flat = features.reshape(count, -1)
        directions = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)
    for at in range(count):
        if facts[at] is None:
            continue
        near = np.bitwise_count(sketches[at + 1 :] ^ sketches[at]) <= _MOST_SKETCH_BITS
        candidates = at + 1 + np.flatnonzero(near)
        for other in candidates.tolist():
            if group[other] != group[at] and _near(facts[at], facts[other], directions, at, other):
                group[group == group[other]] = group[at]
    return group.astype(np.int64)


def _near(
    first: PictureFacts | None,
    second: PictureFacts | None,
    directions: NDArray[np.float32] | None,
    at: int,
    other: int,
) -> bool:
    if first is None or second is None:
        return False
    values = [
        np.frombuffer(facts.miniature, np.uint8).astype(np.int16) for facts in (first, second)
    ]
    difference = int(np.abs(values[0] - values[1]).max())
    if difference <= _MOST_DIFFERENCE:
        return True
    return (
        directions is not None
        and difference <= _MOST_DIFFERENCE_CONFIRMED
        and float(directions[at] @ directions[other]) >= _ALIKE
    )


def _alike(
    samples: Sequence[Sample], groups: NDArray[np.int64], cache: FeatureCache
) -> list[SampleWarning]:
    across, within = [], []
    for number in np.unique(groups):
        members = [samples[int(at)] for at in np.flatnonzero(groups == number)]
        if len(members) < 2:
            continue
        facts = [cache.facts(sample.digest) for sample in members]
        exact = len({fact.pixels_digest if fact else "" for fact in facts}) == 1
        classes = tuple(dict.fromkeys(sample.label for sample in members))
        ids = tuple(sample.id for sample in members)
        fields: dict[str, str | int | float] = {
            "count": len(members),
            "names": ", ".join(sample.name or sample.id[:6] for sample in members[:4]),
        }
        if len(classes) > 1:
            code = "pictures.duplicate_across" if exact else "pictures.alike_across"
            fields["labels"] = ", ".join(classes)
            across.append(SampleWarning(code, fields, ids, classes))
        else:
            code = "pictures.duplicate" if exact else "pictures.alike"
            within.append(SampleWarning(code, fields, ids, classes))
    return [*across, *within]


def _facts(sample: Sample, cache: FeatureCache) -> PictureFacts | None:
    known = cache.facts(sample.digest)
    if known is None:
        try:
            image = decode_image(sample.content, min_side_px=448)
        except ImageError:
            # What cannot be decoded is said where it is used; here there is nothing to compare.
            return None
        known = picture_facts(image.pixels, image.width, image.height)
        cache.put_facts(sample.digest, known)
    return known
