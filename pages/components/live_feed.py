"""What the live board shows, in full for a fragment and as changes for the live channel."""

from __future__ import annotations

import base64
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, tzinfo
from typing import Any

from core.audio.microphone import Heard, Microphone
from core.speech.ear import SpeechEar
from pages.components.mic import diagnosis
from pages.components.word_board import BoardEvent

__all__ = [
    "CHARTS_S",
    "SHOWN_EVENTS",
    "BoardFeed",
    "board_event",
    "caption",
    "level",
    "spectrogram",
]

SHOWN_EVENTS = 40
CHARTS_S = 0.5
_COLUMNS = 96
_SPARE_COLUMNS = 4

Say = Callable[..., str]
"""Returns the text of a key in one language, as `pages.components.i18n.t`."""


def board_event(event: Heard, zone: tzinfo) -> BoardEvent:
    """Return an event as the board shows it."""
    return BoardEvent(
        event.serial,
        event.word,
        datetime.fromtimestamp(event.at_s, zone).strftime("%H:%M:%S"),
        event.time_s,
        round(event.probability, 4),
        round(time.time() - event.at_s, 3),
    )


def level(mic: Microphone, say: Say) -> dict[str, Any]:
    """Return the level meter's values."""
    status = mic.status()
    if status.clipping:
        text = say("live.clipping")
    elif status.level_db is None:
        text = say("live.silence") if status.listening else say("live.none_yet")
    else:
        text = say("live.decibels", db=status.level_db)
    level_db = None if status.level_db is None else round(status.level_db)
    return {"level_db": level_db, "level_text": text, "clipping": status.clipping}


def caption(mic: Microphone, say: Say) -> str:
    """Return the line below the spectrogram."""
    status, latest = mic.status(), mic.latest()
    work_ms = 1000 * status.work_s
    if latest is None:
        return say("live.caption_first", work=work_ms, dropped=status.dropped)
    latency_ms = 1000 * latest.latency_s
    return say("live.caption", latency=latency_ms, work=work_ms, dropped=status.dropped)


def spectrogram(ear: SpeechEar, most: int = _COLUMNS) -> dict[str, Any] | None:
    """Return the latest columns, None before the first."""
    at, columns = ear.columns(most)
    if not len(columns):
        return None
    return {
        "at": at,
        "bands": columns.shape[1],
        "columns": base64.b64encode(columns.tobytes()).decode("ascii"),
    }


class BoardFeed:
    """Says what has changed on the board; one for each browser that listens.

    Parameters
    ----------
    mic : Microphone
    ear : SpeechEar
    say : callable
        For the visitor's language.
    zone : tzinfo
        The visitor's.
    """

    def __init__(self, mic: Microphone, ear: SpeechEar, say: Say, zone: tzinfo) -> None:
        self._mic, self._ear, self._say, self._zone = mic, ear, say, zone
        self._told: dict[str, Any] = {}
        self._serial = 0
        self._forgotten = -1
        self._charts_at: float | None = None

    def __call__(self) -> dict[str, Any]:
        """Return what has changed since the last call."""
        mic, status = self._mic, self._mic.status()
        scores = self._ear.scores() if status.listening else {}
        now: dict[str, Any] = {
            "words": self._ear.model.words,
            "scores": [round(scores.get(word, 0.0), 2) for word in self._ear.model.words],
            # Another value: something that the page itself has to say.
            "state": [status.listening, status.connections, status.problem, diagnosis(mic)],
        }
        if status.frames:
            now["level"] = level(mic, self._say)
            columns = self._due_columns(listening=status.listening)
            if columns:
                now["caption"] = caption(mic, self._say)
                now["spectrogram"] = spectrogram(self._ear, columns)
        changes = {name: value for name, value in now.items() if self._told.get(name) != value}
        self._told |= changes
        return changes | self._heard()

    def _due_columns(self, *, listening: bool) -> int:
        """Return how many columns are to be sent now; 0 most of the time."""
        now, before = time.monotonic(), self._charts_at
        if before is not None and (now - before < CHARTS_S or not listening):
            return 0
        self._charts_at = now
        if before is None:
            return _COLUMNS
        passed = int((now - before) / self._ear.model.front_end.hop_s)
        return min(_COLUMNS, passed + _SPARE_COLUMNS)

    def _heard(self) -> dict[str, Any]:
        forgotten, latest = self._mic.forgotten, self._mic.latest()
        reset = forgotten != self._forgotten
        if not reset and (latest is None or latest.serial <= self._serial):
            return {}
        heard = self._mic.heard()
        events = [event for event in heard if reset or event.serial > self._serial]
        self._forgotten = forgotten
        self._serial = max([self._serial, *(event.serial for event in events)])
        counts = Counter(event.word for event in heard)
        return {
            "counts": [counts[word] for word in self._ear.model.words],
            "events": [asdict(board_event(event, self._zone)) for event in events[-SHOWN_EVENTS:]],
            "all_events": reset,
        }
