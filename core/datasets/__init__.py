"""Labelled samples, pictures and clips alike: kept, changed, undone, taken in and saved."""

from core.datasets.samples import (
    NewSample,
    Quota,
    Sample,
    SampleSet,
    SampleSnapshot,
    SampleStore,
)

__all__ = ["NewSample", "Quota", "Sample", "SampleSet", "SampleSnapshot", "SampleStore"]
