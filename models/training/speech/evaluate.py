"""The figures of the card: ours and the original's model, in the same conditions."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from core.speech.decide import SmoothMode, decide
from core.speech.evaluate import evaluate_folder
from core.speech.model import SpeechModel
from core.speech.read import read_speech_model
from models.training.speech.conditions import SNR_DB, build_conditions
from models.training.speech.corpus import Corpus
from models.training.speech.labels import LABELS
from models.training.speech.measure import (
    hits,
    name_folder,
    percent_of,
    poisson_upper,
    summary,
    tracks_of,
    wilson,
)
from models.training.speech.streams import negative_files, unknown_stream, word_streams

__all__ = ["measure_clips", "measure_folds", "measure_streams", "write_results"]

_SEED = 4


def measure_clips(model: SpeechModel, conditions: Path, *, only: str = "") -> dict[str, Any]:
    """Return the figures of clips of one second in each condition.

    Parameters
    ----------
    model : SpeechModel
    conditions : pathlib.Path
        As :func:`~models.training.speech.conditions.build_conditions` writes them.
    only : str, optional
        One condition instead of all.

    Returns
    -------
    dict
        By condition; ``quiet`` has the confusion matrix too.
    """
    names = [f"{kind}_{snr}_db" for kind in ("babble", "noise") for snr in SNR_DB]
    out: dict[str, Any] = {}
    for name in [only] if only else ["quiet", *names, "band_8_khz"]:
        named = name_folder(model, conditions / name)
        out[name] = summary(named)
        if name == "quiet":
            matrix = np.zeros((len(LABELS), len(LABELS)), int)
            np.add.at(matrix, (named.truth, named.said), 1)
            out[name]["confusion"] = matrix.tolist()
    if not only:
        # The same folder through the command that everybody has must say the same.
        said = evaluate_folder(model, conditions / "quiet")
        ours = out["quiet"]["micro"]["right"] / out["quiet"]["micro"]["count"]
        if abs((said.word_accuracy or 0) - ours) > 1e-9:
            raise SystemExit(f"core evaluate says {said.word_accuracy}, this script {ours}")
    return out


def measure_streams(folder: Path, work: Path, background: Path) -> dict[str, Any]:
    """Return false alarms in running speech, and how words in a stream are caught.

    Parameters
    ----------
    folder : pathlib.Path
        The model's; its words are decided as the page does by default.
    work : pathlib.Path
        With the corpus and the running speech.
    background : pathlib.Path
        Noise recordings.

    Returns
    -------
    dict
        ``false_alarms`` and ``caught``.
    """
    mode = SmoothMode(thresholds=read_speech_model(folder).thresholds)
    corpus = Corpus(work)
    files = negative_files(work, thresholds=False)
    streams = list(word_streams(corpus, background, seed=_SEED))
    tracks = tracks_of(
        folder,
        [*files, unknown_stream(corpus, seed=_SEED), *(stream.sound for stream in streams)],
    )
    running, unknown, said = tracks[: len(files)], tracks[len(files)], tracks[len(files) + 1 :]
    alarms = Counter(event.word for track in running for event in decide(track, mode))
    seconds = sum(track.duration_s for track in running)
    in_unknown = Counter(event.word for event in decide(unknown, mode))
    hours = (seconds + unknown.duration_s) / 3600
    count = alarms.total() + in_unknown.total()
    results = [
        hits(stream, decide(track, mode)) for stream, track in zip(streams, said, strict=True)
    ]
    words = sum(one["words"] for one in results)
    caught = sum(one["caught"] for one in results)
    delays = np.concatenate([one["delays_s"] for one in results])
    return {
        "false_alarms": {
            "hours": hours,
            "voices": len(files),
            "running_hours": seconds / 3600,
            "running": dict(alarms),
            "unknown_clips": dict(in_unknown),
            "count": count,
            "upper_per_hour": poisson_upper(count, hours),
        },
        "caught": {
            "words": words,
            "percent": 100 * caught / words,
            "interval": wilson(caught, words),
            "twice": sum(one["twice"] for one in results),
            "wrong": sum(one["wrong"] for one in results),
            "delay_p50_ms": 1000 * float(np.median(delays)),
            "delay_p95_ms": 1000 * float(np.quantile(delays, 0.95)),
        },
    }


def measure_folds(models: list[Path], folders: list[Path]) -> dict[str, Any]:
    """Return how the scarce words are named by models that never heard their speakers.

    Parameters
    ----------
    models, folders : list of pathlib.Path
        One of each for a fold: the model, and the recordings that were kept from it.

    Returns
    -------
    dict
        ``all`` and by word.
    """
    right: dict[str, list[bool]] = {}
    for path, folder in zip(models, folders, strict=True):
        named = name_folder(read_speech_model(path), folder)
        for word, good in zip(named.words, named.said == named.truth, strict=True):
            right.setdefault(str(word), []).append(bool(good))
    everything = np.array([good for goods in right.values() for good in goods])
    return {
        "all": percent_of(everything),
        "words": {word: percent_of(np.array(goods)) for word, goods in sorted(right.items())},
    }


def write_results(work: Path, data: Path, model: Path) -> dict[str, Any]:
    """Measure both models and write ``results.json`` into the working folder.

    Parameters
    ----------
    work : pathlib.Path
        With the corpus and the running speech.
    data : pathlib.Path
        The recordings, with the yardstick ``official_18w_approx`` where it is at hand.
    model : pathlib.Path
        Our model's folder.

    Returns
    -------
    dict
        ``ours`` and ``official``, each with ``clips`` and ``streams``; ``folds`` if they were
        trained.
    """
    conditions = work / "conditions"
    if not conditions.exists():
        build_conditions(work, data)
    path = work / "results.json"
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for name, folder in (("ours", model), ("official", data / "official_18w_approx")):
        if folder.exists() and (name == "ours" or name not in results):
            read = read_speech_model(folder)
            results[name] = {"clips": measure_clips(read, conditions)}
            path.write_text(json.dumps(results, indent=1))
            results[name]["streams"] = measure_streams(folder, work, data / "background")
            path.write_text(json.dumps(results, indent=1))
    return results
