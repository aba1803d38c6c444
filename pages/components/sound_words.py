"""The words of a recording: tiles, when each was heard, the scores over time, downloads."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core.audio import decode_audio, encode_wav
from core.speech import Mode, SmoothMode, SpeechModel, WordEvent, decide, smooth_scores
from pages.components import charts
from pages.components.decisions import threshold_of
from pages.components.i18n import error_text, escape_markdown, t
from pages.components.sound_charts import EventMark, ScoreLines, sound_figure
from pages.components.sounds import Sound
from pages.components.speech_analysis import Analysis, analyse, events_csv, events_json
from pages.components.word_board import BoardEvent, BoardTile, draw_board

__all__ = ["show_recording"]

_PLAYER = "sound_player"
_NAMED_WORDS = 12
# What browsers play as it is; other sound is handed to the player as WAV, if it is not long.
_MIME = {
    "wav": "audio/wav",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "mp3": "audio/mpeg",
    "aac": "audio/aac",
    "mov": "audio/mp4",
    "matroska": "audio/webm",
}
_MOST_REWRITTEN_S = 900


def show_recording(sound: Sound, model: SpeechModel, mode: Mode) -> None:
    """Draw the whole answer for one recording."""
    analysis = analyse(sound, model)
    track = analysis.scored.track
    events = decide(track, mode)
    st.subheader(_headline(events, track.duration_s), anchor=False)
    if not events:
        st.caption(t("speech.none_hint"))
    with st.container(key=_PLAYER):
        _player(sound, analysis)
    draw_board(
        _tiles(model, mode, analysis, events),
        _listed(events),
        key="sound_board",
        audio=_PLAYER,
        run=f"{sound.key}/{mode}",
    )
    for note in analysis.scored.notes:
        st.info(error_text(note), icon=":material/info:")
    st.caption(
        t(
            "speech.facts",
            name=escape_markdown(sound.name),
            format=escape_markdown(analysis.scored.format),
            rate=analysis.scored.source_rate_hz / 1000,
            channels=analysis.scored.source_channels,
            seconds=track.duration_s,
            work=analysis.work_s,
            times=track.duration_s / max(analysis.work_s, 1e-3),
            title=escape_markdown(model.title),
        )
    )
    _chart(analysis, mode, events)
    _downloads(analysis, events, model)


def _headline(events: tuple[WordEvent, ...], seconds: float) -> str:
    if not events:
        return t("speech.heard_none", seconds=seconds)
    words = ", ".join(escape_markdown(event.word) for event in events[:_NAMED_WORDS])
    if len(events) > _NAMED_WORDS:
        words = t("speech.more_words", words=words)
    key = "speech.heard" if len(events) > 1 else "speech.heard_one"
    return t(key, count=len(events), seconds=seconds, words=words)


def _player(sound: Sound, analysis: Analysis) -> None:
    mime = _MIME.get(analysis.scored.format)
    if mime is not None:
        st.audio(sound.data, format=mime, alt=t("speech.player_alt"))
    elif analysis.scored.track.duration_s <= _MOST_REWRITTEN_S:
        rate_hz = analysis.scored.rate_hz
        samples = decode_audio(sound.data, rate_hz=rate_hz).samples
        st.audio(
            encode_wav(samples, rate_hz=rate_hz), format="audio/wav", alt=t("speech.player_alt")
        )


def _tiles(
    model: SpeechModel, mode: Mode, analysis: Analysis, events: tuple[WordEvent, ...]
) -> list[BoardTile]:
    time_s, scores = _scores(analysis, mode)
    tiles = []
    for word, index in zip(model.words, model.word_indices, strict=True):
        best = float(scores[:, index].max()) if len(time_s) else 0.0
        count = sum(event.word == word for event in events)
        note = t("speech.best", percent=100 * best)
        tiles.append(BoardTile(word, best, threshold_of(mode, word), count, note))
    return tiles


def _listed(events: tuple[WordEvent, ...]) -> list[BoardEvent]:
    return [
        BoardEvent(place, event.word, _minutes(event.time_s), event.time_s, event.probability)
        for place, event in enumerate(events, 1)
    ]


def _minutes(time_s: float) -> str:
    if time_s < 60:
        return f"{time_s:.1f} s"
    minutes, seconds = divmod(time_s, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{seconds:04.1f}" if hours else f"{minutes}:{seconds:04.1f}"


def _scores(analysis: Analysis, mode: Mode) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores that the mode decides from, and their times."""
    track = analysis.scored.track
    if isinstance(mode, SmoothMode):
        return track.times_s, smooth_scores(track, mode)
    heard = ~np.isnan(track.browser_scores).any(axis=1)
    time_s = (np.arange(len(track.browser_scores)) + 1) * track.hop_s
    return time_s[heard], track.browser_scores[heard]


def _chart(analysis: Analysis, mode: Mode, events: tuple[WordEvent, ...]) -> None:
    track = analysis.scored.track
    with st.expander(t("speech.details"), icon=":material/graphic_eq:", expanded=True):
        time_s, scores = _scores(analysis, mode)
        by_word = {
            label: scores[:, index]
            for index, label in enumerate(track.labels)
            if label in track.words
        }
        common = isinstance(mode, SmoothMode) and bool(mode.thresholds)
        threshold = None if common else threshold_of(mode, "")
        figure = sound_figure(
            analysis.overview,
            ScoreLines(time_s, by_word, threshold),
            [EventMark(event.time_s, event.word) for event in events],
            words={
                "time": t("speech.axis_time"),
                "score": t("speech.axis_score"),
                "frequency": t("speech.axis_frequency"),
            },
        )
        words = ", ".join(event.word for event in events[:_NAMED_WORDS])
        alt = t("speech.chart_alt", seconds=track.duration_s, words=words or t("speech.nothing"))
        charts.show(figure, key="sound_chart", alt=alt, legend=True, zoom=True)
        st.caption(t("speech.details_hint"))


def _downloads(analysis: Analysis, events: tuple[WordEvent, ...], model: SpeechModel) -> None:
    with st.container(horizontal=True):
        st.download_button(
            t("speech.download_csv"),
            events_csv(events),
            file_name="words.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            key="sound_csv",
        )
        st.download_button(
            t("speech.download_json"),
            lambda: events_json(analysis, events, title=model.title),
            file_name="words.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
            key="sound_json",
        )
