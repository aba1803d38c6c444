"""The synthesised voices: engines, voices, licences, and which are kept for evaluation."""

from __future__ import annotations

from dataclasses import dataclass

from models.training.speech.texts import ESPEAK_VARIANTS

__all__ = ["ESPEAK_ACCENTS", "LICENSES", "Voice", "all_voices"]

ESPEAK_ACCENTS = (
    "en-us",
    "en-gb",
    "en-gb-scotland",
    "en-gb-x-rp",
    "en-gb-x-gbclan",
    "en-gb-x-gbcwmd",
    "en-029",
    "en-us-nyc",
)

# Debian package and licence of everything that speaks here; all of it is in Debian main.
LICENSES = {
    "espeak-ng": ("espeak-ng, espeak-ng-data", "GPL-3.0-or-later"),
    "flite kal": ("flite", "CMU Flite licence (BSD style)"),
    "flite kal16": ("flite", "CMU Flite licence (BSD style)"),
    "flite awb": ("flite", "CMU Flite licence (BSD style), CMU ARCTIC"),
    "flite rms": ("flite", "CMU Flite licence (BSD style), CMU ARCTIC"),
    "flite slt": ("flite", "CMU Flite licence (BSD style), CMU ARCTIC"),
    "festival kal_diphone": ("festvox-kallpc16k", "CMU licence (BSD style)"),
    "festival ked_diphone": ("festvox-kdlpc16k", "CMU licence (BSD style)"),
    "festival cmu_us_slt_arctic_hts": ("festvox-us-slt-hts", "CMU ARCTIC and HTS (BSD style)"),
    "asterisk prompts": ("asterisk-core-sounds-en-g722", "CC BY-SA 3.0, Digium and A. Smith"),
}


@dataclass(frozen=True)
class Voice:
    """One synthesised voice.

    Parameters
    ----------
    engine : str
        ``"espeak-ng"``, ``"flite"`` or ``"festival"``.
    name : str
        The engine's name for it; ``accent+variant`` for eSpeak NG.
    training : bool
        False for voices that only the false-alarm test hears.
    """

    engine: str
    name: str
    training: bool = True


def all_voices() -> list[Voice]:
    """Return every voice.

    Returns
    -------
    list of Voice
        Each seventh eSpeak NG variant is kept from training. The few recorded voices of the
        other engines train and evaluate, with different texts.
    """
    voices = [
        Voice("espeak-ng", f"{accent}+{variant}", training=place % 7 != 3)
        for accent in ESPEAK_ACCENTS
        for place, variant in enumerate(ESPEAK_VARIANTS)
    ]
    voices += [Voice("flite", name) for name in ("kal", "kal16", "awb", "rms", "slt")]
    voices += [
        Voice("festival", name) for name in ("kal_diphone", "ked_diphone", "cmu_us_slt_arctic_hts")
    ]
    return voices
