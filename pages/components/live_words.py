"""The live half of "Recognise speech": tiles, level, rolling spectrogram, log and latency."""

from __future__ import annotations

import base64
import csv
import io
import json
import time
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.audio.microphone import Heard, Microphone
from core.speech import Mode, SpeechModel
from core.speech.ear import SpeechEar
from pages.components.cells import harmless
from pages.components.decisions import threshold_of
from pages.components.i18n import escape_markdown, t
from pages.components.mic import draw_diagnosis, follow, microphone
from pages.components.word_board import BoardEvent, BoardTile, draw_board

__all__ = ["log_csv", "log_json", "show_live"]

_KEY = "live"
_TILES_S = 0.2
_CHARTS_S = 0.5
_SHOWN_EVENTS = 40
# Columns sent each time: twice what two charts are apart, so that a lost one leaves no gap.
_COLUMNS = 96


def show_live(model: SpeechModel, mode: Mode, *, settings: DeltaGenerator) -> None:
    """Draw the microphone, its settings elsewhere, and everything that it hears."""
    mic = microphone(_KEY, settings=settings)
    ear = _ear(mic, model, mode)
    follow(mic, lambda: _board(mic, ear, mode), every_s=_TILES_S)
    _log_buttons(mic)


def _ear(mic: Microphone, model: SpeechModel, mode: Mode) -> SpeechEar:
    """Return the session's ear, a new one for another model; options change at once."""
    ear: SpeechEar | None = st.session_state.get("live_ear")
    if ear is None or ear.model is not model:
        ear = st.session_state["live_ear"] = SpeechEar(model, mode)
        mic.listen(ear)
    ear.set_mode(mode)
    return ear


def _board(mic: Microphone, ear: SpeechEar, mode: Mode) -> None:
    status = mic.status()
    was = (mic.playing, mic.connecting)
    found = draw_diagnosis(_KEY)
    if status.problem:
        st.error(t("live.stopped", reason=escape_markdown(status.problem)), icon=":material/error:")
    elif not any(was) and not found:
        st.info(f"{t('live.idle')} {t('live.idle_hint')}", icon=":material/mic:")
    heard = mic.heard()
    counts: dict[str, int] = {}
    for event in heard:
        counts[event.word] = counts.get(event.word, 0) + 1
    scores = ear.scores() if status.listening else {}
    tiles = [
        BoardTile(word, scores.get(word, 0.0), threshold_of(mode, word), counts.get(word, 0))
        for word in ear.model.words
    ]
    now, zone = time.time(), _zone()
    events = [
        BoardEvent(
            event.serial,
            event.word,
            datetime.fromtimestamp(event.at_s, zone).strftime("%H:%M:%S"),
            event.time_s,
            event.probability,
            now - event.at_s,
        )
        for event in heard[-_SHOWN_EVENTS:]
    ]
    draw_board(
        tiles, events, key="live_board", live=_live(mic, ear, heard) if status.frames else {}
    )
    _figures(mic, heard)


def _live(mic: Microphone, ear: SpeechEar, heard: list[Heard]) -> dict[str, Any]:
    status = mic.status()
    if status.clipping:
        level = t("live.clipping")
    elif status.level_db is None:
        level = t("live.silence") if status.listening else t("live.none_yet")
    else:
        level = t("live.decibels", db=status.level_db)
    work_ms = 1000 * status.work_s
    if heard:
        latency_ms = 1000 * heard[-1].latency_s
        caption = t("live.caption", latency=latency_ms, work=work_ms, dropped=status.dropped)
    else:
        caption = t("live.caption_first", work=work_ms, dropped=status.dropped)
    return {
        "level_db": status.level_db,
        "level_text": level,
        "clipping": status.clipping,
        "caption": caption,
        "spectrogram": _spectrogram(ear),
    }


def _spectrogram(ear: SpeechEar) -> dict[str, Any] | None:
    """Return the latest columns, at most twice a second."""
    now = time.monotonic()
    if now - st.session_state.get("live_chart_at", 0.0) < _CHARTS_S:
        return None
    at, columns = ear.columns(_COLUMNS)
    if not len(columns):
        return None
    st.session_state["live_chart_at"] = now
    return {
        "at": at,
        "bands": columns.shape[1],
        "columns": base64.b64encode(columns.tobytes()).decode("ascii"),
    }


def _figures(mic: Microphone, heard: list[Heard]) -> None:
    panel = st.expander(
        t("live.connection"), icon=":material/monitoring:", key="live_figures", on_change="rerun"
    )
    if not panel.open:
        return
    with panel:
        status = mic.status()
        none = t("live.none_yet")
        form = none
        if status.rate_hz:
            form = t("live.format_value", rate=status.rate_hz / 1000, channels=status.channels)
        latencies = [1000 * event.latency_s for event in heard]
        rows = {
            "frames": f"{status.frames}",
            "format": form,
            "dropped": f"{status.dropped}",
            "time": f"{status.time_s:.1f} s",
            "tone": f"{mic.tone_hz():.0f} Hz",
            "waiting": f"{1000 * status.waiting_s:.0f} ms",
            "latency_median": f"{np.median(latencies):.0f} ms" if latencies else none,
            "latency_p95": f"{np.percentile(latencies, 95):.0f} ms" if latencies else none,
            "connections": f"{status.connections}",
        }
        lines = [f"| {t(f'live.{name}')} | {value} |" for name, value in rows.items()]
        head = f"| {t('live.figure')} | {t('live.now')} |"
        st.markdown("\n".join([head, "| :-- | --: |", *lines]))


def _log_buttons(mic: Microphone) -> None:
    zone = _zone()  # downloads are made in another thread
    with st.container(horizontal=True):
        st.download_button(
            t("live.log_csv"),
            lambda: log_csv(mic.heard(), zone),
            file_name="heard.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            key="live_csv",
        )
        st.download_button(
            t("live.log_json"),
            lambda: log_json(mic.heard(), zone),
            file_name="heard.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
            key="live_json",
        )
        st.button(t("live.clear"), icon=":material/delete:", on_click=mic.forget, key="live_clear")


def _zone() -> tzinfo:
    """Return the visitor's time zone; the server may stand elsewhere."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (KeyError, ValueError):
        return UTC


def log_csv(heard: list[Heard], zone: tzinfo) -> bytes:
    """Return the log as CSV in UTF-8, with a byte order mark so that Excel reads Chinese."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["clock", "time_s", "word", "probability", "latency_ms"])
    for event in heard:
        clock = datetime.fromtimestamp(event.at_s, zone).isoformat(timespec="milliseconds")
        writer.writerow(
            [
                clock,
                f"{event.time_s:.3f}",
                harmless(event.word),
                f"{event.probability:.4f}",
                f"{1000 * event.latency_s:.0f}",
            ]
        )
    return buffer.getvalue().encode("utf-8-sig")


def log_json(heard: list[Heard], zone: tzinfo) -> bytes:
    """Return the log as JSON, in the form of the command line's events."""
    events = [
        {
            "clock": datetime.fromtimestamp(event.at_s, zone).isoformat(timespec="milliseconds"),
            "time_s": round(event.time_s, 3),
            "word": event.word,
            "probability": round(event.probability, 6),
            "latency_ms": round(1000 * event.latency_s),
        }
        for event in heard
    ]
    return json.dumps({"events": events}, ensure_ascii=False, indent=1).encode("utf-8")
