"""Where recordings come from: the samples, a recording made in the page, an upload."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from pages.components.i18n import t

__all__ = ["SOUND_SOURCES", "Sound", "choose_sound", "sample_sounds"]

SOUND_SOURCES = ("sample", "record", "upload")
_SAMPLES = Path(__file__).resolve().parents[2] / "models" / "demo_sets" / "speech"
_ORDER = ("digits", "directions", "among_others")
_MAX_UPLOAD_MB = 100


@dataclass(frozen=True)
class Sound:
    """A sound file and the name that its owner gave it, which is shown and never opened."""

    name: str
    data: bytes

    @property
    def key(self) -> str:
        """Tells the content from every other."""
        return hashlib.sha256(self.data).hexdigest()


@st.cache_resource(show_spinner=False)
def sample_sounds() -> dict[str, bytes]:
    """Return the sample clips by name: words that synthetic voices speak."""
    return {name: (_SAMPLES / f"{name}.flac").read_bytes() for name in _ORDER}


def choose_sound(source: str) -> Sound | None:
    """Draw the choice for one source; return what was chosen, perhaps nothing yet.

    Parameters
    ----------
    source : str
        One of `SOUND_SOURCES`.
    """
    if source == "record":
        made = st.audio_input(t("sounds.record_hint"), sample_rate=48_000, key="recording")
        return None if made is None else Sound(t("sounds.recording_name"), made.getvalue())
    if source == "upload":
        # No list of extensions: a name proves nothing, and a wrong file gets a sentence.
        file = st.file_uploader(
            t("sounds.upload_hint", megabytes=_MAX_UPLOAD_MB),
            max_upload_size=_MAX_UPLOAD_MB,
            key="sound_upload",
        )
        return None if file is None else Sound(file.name, file.getvalue())
    clips = sample_sounds()
    chosen = st.pills(
        t("sounds.sample_hint"),
        list(clips),
        format_func={name: t(f"sounds.{name}") for name in clips}.__getitem__,
        default=next(iter(clips)),
        required=True,
        key="sound_sample",
    )
    if chosen is None:
        return None
    return Sound(t(f"sounds.{chosen}"), clips[chosen])
