"""What a recording holds, computed once for each session, model and recording."""

from __future__ import annotations

import csv
import io
import json
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.audio import AudioStream
from core.audio.overview import OverviewBuilder, SoundOverview
from core.speech import ScoredSound, SpeechModel, WordEvent, score_sound
from pages.components.cells import harmless
from pages.components.i18n import t
from pages.components.sounds import Sound

__all__ = ["Analysis", "analyse", "events_csv", "events_json"]

# A track of an hour takes 15 MB: a session keeps the last few.
_KEPT = 3
_MAX_S = 3 * 3600.0


@dataclass(frozen=True, eq=False)
class Analysis:
    """The scores of a recording, what it looks like, and how long that took."""

    scored: ScoredSound
    overview: SoundOverview
    work_s: float


class _Overlooked(AudioStream):
    """A sound file that is outlined while it is read."""

    def __init__(self, data: bytes, model: SpeechModel) -> None:
        super().__init__(data, rate_hz=model.front_end.rate_hz, max_s=_MAX_S)
        self.overview = OverviewBuilder(model.front_end)

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for block in super().__iter__():
            self.overview.push(block)
            yield block


def analyse(sound: Sound, model: SpeechModel) -> Analysis:
    """Return the scores of a recording, computed now with a progress bar or remembered.

    Raises
    ------
    AudioError
        If the file holds no sound that can be used.
    """
    known: OrderedDict[tuple[str, str], Analysis] = st.session_state.setdefault(
        "sound_analyses", OrderedDict()
    )
    key = (sound.key, f"{model.model_id}/{id(model)}")
    if key not in known:
        known[key] = _computed(sound, model)
        while len(known) > _KEPT:
            known.popitem(last=False)
    known.move_to_end(key)
    return known[key]


def _computed(sound: Sound, model: SpeechModel) -> Analysis:
    bar = st.progress(0.0)
    shown_at = -np.inf

    def report(done_s: float, total_s: float | None) -> None:
        nonlocal shown_at
        if time.monotonic() - shown_at < 0.1:
            return
        shown_at = time.monotonic()
        if total_s:
            part = min(1.0, done_s / total_s)
            bar.progress(part, t("speech.working_of", done=done_s, total=total_s))
        else:
            bar.progress(0.0, t("speech.working", done=done_s))

    began = time.perf_counter()
    try:
        with _Overlooked(sound.data, model) as stream:
            scored = score_sound(model, stream, progress=report)
            overview = stream.overview.finish()
    finally:
        bar.empty()
    return Analysis(scored, overview, time.perf_counter() - began)


def events_csv(events: Sequence[WordEvent]) -> bytes:
    """Return the events as CSV in UTF-8, with a byte order mark so that Excel reads Chinese."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["time_s", "word", "probability"])
    for event in events:
        writer.writerow([f"{event.time_s:.3f}", harmless(event.word), f"{event.probability:.6f}"])
    return buffer.getvalue().encode("utf-8-sig")


def events_json(analysis: Analysis, events: Sequence[WordEvent], *, title: str) -> bytes:
    """Return events, and the scores of each step by label, as JSON."""
    track = analysis.scored.track
    listed = [
        {
            "time_s": round(event.time_s, 3),
            "word": event.word,
            "probability": round(event.probability, 6),
        }
        for event in events
    ]
    scores = {
        label: np.round(track.scores[:, index].astype(float), 4).tolist()
        for index, label in enumerate(track.labels)
    }
    document = {
        "model": title,
        "duration_s": round(track.duration_s, 3),
        "events": listed,
        "times_s": np.round(track.times_s, 3).tolist(),
        "scores": scores,
    }
    return json.dumps(document, ensure_ascii=False).encode("utf-8")
