"""Speak what taught words are told apart from: sentences and words in several languages.

    .venv/bin/python -m models.training.other_speech

Needs the program ``espeak-ng`` (Debian and Ubuntu: ``apt install espeak-ng``). Writes
``models/other_speech.ogg``: a few minutes of synthetic voices in 16 kHz Opus, each with its own
pitch, pace and loudness. The sentences are ours. Words that people are likely to teach as commands
(next, back, open, numbers and their like in other languages) are left out on purpose.
"""

from __future__ import annotations

import io
import subprocess
import wave
from itertools import cycle
from pathlib import Path

import av
import numpy as np
import soxr
from numpy.typing import NDArray

__all__ = ["RATE_HZ", "SENTENCES", "TARGET", "WORDS", "make_sound", "write"]

RATE_HZ = 16_000
TARGET = Path(__file__).resolve().parents[1] / "other_speech.ogg"
SENTENCES = {
    "en-us": (
        "The children were playing in the garden while their mother prepared lunch.",
        "I think it will rain this afternoon, so please take your umbrella.",
        "Has anybody seen my glasses? They were on the table in the kitchen.",
        "He walked along the river and thought about his work.",
    ),
    "en-gb": (
        "We should ask the manager whether the meeting can be moved to Thursday.",
        "My brother bought a used bicycle and painted it himself.",
        "There is some soup in the pot if you are still hungry.",
    ),
    "en-gb-scotland": (
        "The train was late because of snow on the tracks near the village.",
        "Would you mind closing the window, it is rather cold in here.",
    ),
    "cmn": (
        "今天天气很好我们一起去公园散步吧",
        "请问附近有没有便宜一点的饭馆",
        "他昨天晚上看书看到很晚才睡觉",
        "这个问题我们明天开会的时候再讨论",
        "孩子们在院子里高高兴兴地玩游戏",
        "火车站离这里大概三公里左右",
        "老师让大家把作业交给班长",
        "我想学习怎么做中国菜",
    ),
    "de": (
        "Am Wochenende fahren wir mit dem Zug zu meinen Eltern aufs Land.",
        "Die Suppe schmeckt gut, aber es fehlt noch etwas Salz.",
    ),
    "fr": (
        "Nous avons mangé dans un petit restaurant près de la gare.",
        "Il fait très chaud aujourd'hui, je voudrais boire quelque chose.",
    ),
    "es": (
        "Mi hermana trabaja en un hospital en el centro de la ciudad.",
        "Mañana por la tarde vamos a visitar a los abuelos.",
    ),
    "ja": ("きのうともだちとえいがをみにいきました", "このみせのコーヒーはとてもおいしいです"),
    "hi": ("मुझे सुबह चाय पीना बहुत अच्छा लगता है", "वह अपने दोस्त के साथ बाज़ार गया था"),
    "ar": ("ذهبت مع صديقي إلى المكتبة بعد الظهر", "الطقس جميل هذا الصباح"),
}
WORDS = {
    "en-us": "water table morning Peter music banana window river teacher garden paper coffee "
    "bread summer doctor people money horse yellow village chair bottle milk",
    "en-gb": "because sometimes maybe really thanks okay sorry in it us letter kitchen bus cup",
    "cmn": "苹果 老师 天气 朋友 电脑 音乐 早上 妈妈 问题 因为 可能 谢谢 桌子 房子 水 猫 书 人",
    "de": "Wasser Tisch Morgen Musik Garten vielleicht Haus Katze Brot",
    "fr": "maison bonjour musique jardin peut-être pain chat",
    "es": "casa agua mesa gracias jardín perro pan",
}
_VARIANTS = ("m1", "f1", "m3", "f4", "m7", "f2", "m5", "f5", "klatt", "m2")
_SEED = 20_261_125
_BITS_A_SECOND = 24_000
_OPUS_RATE_HZ = 48_000

Sound = NDArray[np.float32]


def _speak(voice: str, text: str, *, pitch: int, words_a_minute: int) -> Sound:
    command = ["espeak-ng", "-v", voice, "-p", str(pitch), "-s", str(words_a_minute)]
    command += ["--stdout", text]
    spoken = subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603
    # Written to a pipe, the header does not know how long the sound is.
    with wave.open(io.BytesIO(spoken), "rb") as file:
        rate_hz, data = file.getframerate(), file.readframes(60 * file.getframerate())
    samples = np.frombuffer(data, "<i2").astype(np.float32) / 32768
    return np.asarray(soxr.resample(samples, rate_hz, RATE_HZ), np.float32)


def make_sound() -> Sound:
    """Return everything that is said, one after the other, float32, 16 kHz."""
    rng = np.random.default_rng(_SEED)
    variants = cycle(_VARIANTS)
    said = [(voice, text) for voice, texts in SENTENCES.items() for text in texts]
    said += [(voice, word) for voice, words in WORDS.items() for word in words.split()]
    pieces: list[Sound] = []
    for voice, text in said:
        sound = _speak(
            f"{voice}+{next(variants)}",
            text,
            pitch=int(rng.integers(35, 68)),
            words_a_minute=int(rng.integers(140, 205)),
        )
        level = rng.uniform(0.25, 0.8) / max(float(np.abs(sound).max()), 1e-6)
        pause = np.zeros(int(rng.uniform(0.1, 0.6) * RATE_HZ), np.float32)
        pieces += [sound * np.float32(level), pause]
    whole = np.concatenate(pieces)
    noise = rng.standard_normal(whole.size).astype(np.float32) * np.float32(1e-3)
    return np.asarray(whole + noise, np.float32)


def write(sound: Sound, target: Path) -> None:
    """Write 16 kHz sound as an Ogg file with Opus."""
    high = soxr.resample(sound, RATE_HZ, _OPUS_RATE_HZ)
    samples = (np.clip(high, -1, 1) * 32767).astype(np.int16)
    with av.open(str(target), "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=_OPUS_RATE_HZ, layout="mono")
        stream.bit_rate = _BITS_A_SECOND
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = _OPUS_RATE_HZ
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)


def main() -> None:
    """Write the file."""
    write(make_sound(), TARGET)


if __name__ == "__main__":
    main()
