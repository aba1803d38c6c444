"""The visitor's microphone over WebRTC: start and stop, its settings, and why it does not work.

Draw `microphone` on the page, outside fragments; read what it returns in fragments that run while
it is playing. It draws Streamlit-WebRTC's button in mode SENDONLY; the frames go to a
`Microphone`, which is this session's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.audio.microphone import Ear, Heard, Microphone, MicStatus
from pages.components.cached import load_table_libraries
from pages.components.i18n import t
from pages.components.ice import ice_problem, ice_servers
from pages.components.rtc_packets import ask_for_long_packets
from pages.components.rtc_restart import (
    ConnectionEnd,
    connection_of,
    make_way_for_another_offer,
)

__all__ = [
    "Ear",
    "Heard",
    "MicStatus",
    "Microphone",
    "diagnosis",
    "diagnosis_of",
    "draw_diagnosis",
    "follow",
    "microphone",
    "microphone_of",
]

_FRONTEND = Path(__file__).parent / "frontend"
_SETTINGS = {
    "echo": "echoCancellation",
    "noise": "noiseSuppression",
    "gain": "autoGainControl",
}
# How long what is normal may take before the page says that something is wrong.
_CONNECTING_S = 12.0
_FIRST_FRAME_S = 4.0
_SILENT_S = 6.0
# How often the page looks while nothing comes that it could show.
_SLOW_S = 1.0


def microphone_of(key: str) -> Microphone:
    """Return this session's microphone of a page, without drawing anything."""
    place = f"{key}_microphone"
    if place not in st.session_state:
        st.session_state[place] = Microphone()
    found: Microphone = st.session_state[place]
    return found


def microphone(key: str, *, settings: DeltaGenerator | None = None) -> Microphone:
    """Draw the button and the settings; return the session's microphone.

    Its ``playing`` says whether the connection stands, ``connecting`` whether it is being made.

    Parameters
    ----------
    key : str
        One for each page that has a microphone.
    settings : DeltaGenerator, optional
        Where the settings go; below the button when left out.
    """
    # WebRTC's libraries take 46 MB and two seconds: pages without a microphone go without.
    from streamlit_webrtc import WebRtcMode, create_audio_sink_track, webrtc_streamer

    # Streamlit looks for tables in what this older kind of component is given; were it to import
    # pandas by itself, a chart of another visitor could meet it half imported.
    load_table_libraries()
    ask_for_long_packets()
    mic = microphone_of(key)
    constraints = {
        constraint: bool(st.session_state.get(f"{key}_{name}", False))
        for name, constraint in _SETTINGS.items()
    }
    make_way_for_another_offer(f"{key}_rtc")
    end = _connection_end(key)
    sink = create_audio_sink_track(mic.receive, key=f"{key}_sink", on_ended=end)
    try:
        context = webrtc_streamer(
            key=f"{key}_rtc",
            mode=WebRtcMode.SENDONLY,
            # An explicit list: without one the component looks for servers on the network.
            rtc_configuration={"iceServers": ice_servers()},
            media_stream_constraints={"video": False, "audio": constraints},
            sink_audio_track=sink,
            translations=_button_texts(),
        )
    finally:
        # It leaves by a rerun where a connection is made or ended.
        end.note(connection_of(f"{key}_rtc"))
    mic.note_connection(playing=context.state.playing, connecting=context.state.signalling)
    place = settings or st.container()
    with place, st.expander(t("mic.settings"), icon=":material/tune:", key=f"{key}_settings"):
        st.caption(t("mic.settings_lead"))
        for name in _SETTINGS:
            locked = mic.playing or mic.connecting
            st.toggle(
                t(f"mic.{name}"), key=f"{key}_{name}", disabled=locked, persist_state="session"
            )
    _check(key)
    return mic


def _connection_end(key: str) -> ConnectionEnd:
    place = f"{key}_end"
    if place not in st.session_state:
        st.session_state[place] = ConnectionEnd(microphone_of(key).ended)
    found: ConnectionEnd = st.session_state[place]
    return found


def _button_texts() -> dict[str, str]:
    return {
        name: t(f"mic.{name}")
        for name in (
            "start",
            "stop",
            "select_device",
            "media_api_not_available",
            "device_ask_permission",
            "device_not_available",
            "device_access_denied",
            "mute_microphone",
            "unmute_microphone",
            "select_microphone",
        )
    }


def follow(
    mic: Microphone, draw: Callable[[], None], *, every_s: float | Callable[[], float | None]
) -> None:
    """Draw what depends on the microphone, again and again while it is on.

    Parameters
    ----------
    mic : Microphone
    draw : callable
    every_s : float or callable
        While it listens; None where the page learns by itself of what there is to draw. Where no
        sound comes, because the connection is still being made or was lost, once a second is
        enough; where the microphone is off, nothing is drawn again.
    """
    period_s = _period_s(mic, every_s)

    def drawn() -> None:
        draw()
        if _period_s(mic, every_s) != period_s:
            st.rerun(scope="app")

    st.fragment(drawn, run_every=period_s)()


def _period_s(mic: Microphone, every_s: float | Callable[[], float | None]) -> float | None:
    if not mic.playing:
        return _SLOW_S if mic.connecting else None
    fresh = time.monotonic() - mic.playing_since < _FIRST_FRAME_S
    if not (mic.listening or fresh):
        return _SLOW_S
    return every_s() if callable(every_s) else every_s


def diagnosis(mic: Microphone, *, browser: str = "") -> str:
    """Return what keeps the microphone from being heard, a key of the catalogue's ``mic_help``.

    Parameters
    ----------
    mic : Microphone
    browser : str, optional
        What the browser found: ``"insecure"``, ``"no_api"``, ``"denied"`` or ``"no_device"``.

    Returns
    -------
    str
        Empty while nothing is wrong.
    """
    now = time.monotonic()
    status = mic.status()
    if mic.playing:
        since_s = now - mic.playing_since
        if status.since_frame_s > _FIRST_FRAME_S and since_s > _FIRST_FRAME_S:
            return "no_frames" if status.since_frame_s > since_s else "lost"
        return "silent" if status.silent_s > _SILENT_S and since_s > _SILENT_S else ""
    if browser:
        return browser
    if mic.connecting:
        return "slow" if now - mic.connecting_since > _CONNECTING_S else ""
    return "failed" if mic.failed else ""


def diagnosis_of(key: str) -> str:
    """Return what `diagnosis` finds, with what the browser has told."""
    return diagnosis(microphone_of(key), browser=_browser_problem(key))


def draw_diagnosis(key: str) -> str:
    """Say what is wrong and what to do, if anything is; return its name."""
    found = diagnosis_of(key)
    if found:
        parts = [f"**{t(f'mic_help.{found}')}**", t(f"mic_help.{found}_do")]
        if found in ("slow", "failed") and ice_problem():
            parts.append(t("mic_help.bad_servers"))
        # What does without a microphone is another thing on every page.
        parts.append(t(f"mic_help.else_{key}"))
        st.warning("\n\n".join(parts), icon=":material/mic_off:")
    return found


def _browser_problem(key: str) -> str:
    state = st.session_state.get(f"{key}_check") or {}
    found = state.get("problem") or ""
    return found if found in ("insecure", "no_api", "denied", "no_device") else ""


def _check(key: str) -> None:
    _component()(key=f"{key}_check", on_problem_change=lambda: None)


@cache
def _script() -> str:
    return (_FRONTEND / "mic_check.js").read_text(encoding="utf-8")


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    return st.components.v2.component("mic_check", html='<div class="check"></div>', js=_script())
