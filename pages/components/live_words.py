"""The live half of "Recognise speech": tiles, level, rolling spectrogram, log and latency."""

from __future__ import annotations

import csv
import io
import json
import time
from collections import Counter
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
from pages.components.i18n import escape_markdown, language, saying, t
from pages.components.live_channel import LiveChannel, channel_of
from pages.components.live_feed import (
    CHARTS_S,
    SHOWN_EVENTS,
    BoardFeed,
    board_event,
    caption,
    level,
    spectrogram,
)
from pages.components.mic import draw_diagnosis, follow, microphone
from pages.components.word_board import BoardTile, draw_board

__all__ = ["log_csv", "log_json", "show_live"]

_KEY = "live"
_TILES_S = 0.2
_FIGURES_S = 1.0


def show_live(model: SpeechModel, mode: Mode, *, settings: DeltaGenerator) -> None:
    """Draw the microphone, its settings elsewhere, and everything that it hears."""
    mic = microphone(_KEY, settings=settings)
    ear = _ear(mic, model, mode)
    channel = _channel(mic, ear)
    follow(mic, lambda: _board(mic, ear, mode, channel), every_s=lambda: _every_s(mic, channel))
    _log_buttons(mic)


def _ear(mic: Microphone, model: SpeechModel, mode: Mode) -> SpeechEar:
    """Return the session's ear, a new one for another model; options change at once."""
    ear: SpeechEar | None = st.session_state.get("live_ear")
    if ear is None or ear.model is not model:
        ear = st.session_state["live_ear"] = SpeechEar(model, mode)
        mic.listen(ear)
    ear.set_mode(mode)
    return ear


def _channel(mic: Microphone, ear: SpeechEar) -> LiveChannel | None:
    """Return the session's channel, which tells of this ear in the page's language."""
    channel = channel_of(_KEY)
    if channel is None:
        return None
    code, zone = language(), _zone()
    told = (ear, code, str(zone))
    if st.session_state.get("live_told") != told:
        st.session_state["live_told"] = told
        channel.tell(lambda: BoardFeed(mic, ear, saying(code), zone))
        mic.on_heard = channel.poke
    return channel


def _every_s(mic: Microphone, channel: LiveChannel | None) -> float | None:
    if channel is None or not channel.connected:
        return _TILES_S
    if not mic.listening:
        return _FIGURES_S
    return _FIGURES_S if st.session_state.get("live_figures") else None


def _board(mic: Microphone, ear: SpeechEar, mode: Mode, channel: LiveChannel | None) -> None:
    status = mic.status()
    was = (mic.playing, mic.connecting)
    found = draw_diagnosis(_KEY)
    if status.problem:
        st.error(t("live.stopped", reason=escape_markdown(status.problem)), icon=":material/error:")
    elif not any(was) and not found:
        st.info(f"{t('live.idle')} {t('live.idle_hint')}", icon=":material/mic:")
    # Over a channel the board learns of what happens; what it is given here stays the same.
    told = channel is not None and channel.connected
    heard = [] if told else mic.heard()
    counts = Counter(event.word for event in heard)
    scores = ear.scores() if status.listening and not told else {}
    tiles = [
        BoardTile(word, scores.get(word, 0.0), threshold_of(mode, word), counts[word])
        for word in ear.model.words
    ]
    zone = _zone()
    live: dict[str, Any] = {}
    if status.frames and not told:
        live = level(mic, t) | {"caption": caption(mic, t), "spectrogram": _spectrogram(ear)}
    draw_board(
        tiles,
        [board_event(event, zone) for event in heard[-SHOWN_EVENTS:]],
        key="live_board",
        live=live,
        channel="" if channel is None else channel.address,
    )
    _figures(mic)


def _spectrogram(ear: SpeechEar) -> dict[str, Any] | None:
    """Return the latest columns, at most twice a second."""
    now = time.monotonic()
    if now - st.session_state.get("live_chart_at", 0.0) < CHARTS_S:
        return None
    st.session_state["live_chart_at"] = now
    return spectrogram(ear)


def _figures(mic: Microphone) -> None:
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
        latencies = [1000 * event.latency_s for event in mic.heard()]
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
