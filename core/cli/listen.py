"""``python -m core listen``: say which words are in a recording."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping

from core.cli.progress import show_bytes
from core.speech.decide import ARTICLE_MODE, Mode, SmoothMode, TfjsMode, WordEvent, decide
from core.speech.scorer import score_sound
from core.speech.store import load_model

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    article = ARTICLE_MODE
    parser.add_argument("file", metavar="FILE", help="WAV, FLAC, OGG, MP3, M4A, WebM or a video")
    parser.add_argument(
        "--model",
        metavar="MODEL",
        help="id, folder, model.json, zip or address (the default model)",
    )
    parser.add_argument(
        "--mode",
        choices=("smooth", "tfjs"),
        default="smooth",
        help="smooth decides every 0.1 s from smoothed scores; tfjs as the original (smooth)",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="P",
        help=f"score from which a word counts, 0 to 1 (the model's own; tfjs: "
        f"{article.probability_threshold})",
    )
    parser.add_argument(
        "--overlap",
        type=float,
        default=article.overlap_factor,
        metavar="F",
        help=f"tfjs: share of a second that the next one overlaps, 0 to below 1 "
        f"({article.overlap_factor})",
    )
    parser.add_argument(
        "--suppression-ms",
        type=float,
        default=0.0,
        metavar="MS",
        help="tfjs: no further word for so long after one (0)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace) -> int:
    """Listen to the file and print the words.

    Returns
    -------
    int
        0 when all went well.

    Raises
    ------
    TeachdeckError
        If the file, the model or an option cannot be used.
    """
    # Options are checked before the work begins.
    mode = _mode(arguments, {})
    model = load_model(arguments.model, progress=show_bytes)
    mode = _mode(arguments, model.thresholds)
    is_smooth = isinstance(mode, SmoothMode)
    period = mode.period(model.front_end.frames) if isinstance(mode, TfjsMode) else None
    sound = score_sound(
        model, arguments.file, steps=is_smooth, browser_period=period, progress=_show
    )
    if sys.stderr.isatty():
        print(file=sys.stderr)
    for note in (*model.notes, *sound.notes):
        print(note.message, file=sys.stderr)
    events = decide(sound.track, mode)
    if arguments.json:
        print(json.dumps({"events": [_entry(event) for event in events]}, ensure_ascii=False))
        return 0
    for event in events:
        print(f"{event.time_s:9.2f} s  {event.word}  {event.probability:.0%}")
    if not events:
        print(f"No word was heard in {sound.track.duration_s:.1f} s.", file=sys.stderr)
    return 0


def _mode(arguments: argparse.Namespace, thresholds: Mapping[str, float]) -> Mode:
    threshold = arguments.threshold
    if arguments.mode == "tfjs":
        return TfjsMode(
            probability_threshold=(
                ARTICLE_MODE.probability_threshold if threshold is None else threshold
            ),
            overlap_factor=arguments.overlap,
            suppression_time_millis=arguments.suppression_ms,
        )
    if threshold is not None:
        return SmoothMode(threshold=threshold)
    return SmoothMode(thresholds=thresholds)


def _entry(event: WordEvent) -> dict[str, object]:
    return {
        "time_s": round(event.time_s, 3),
        "word": event.word,
        "probability": round(event.probability, 4),
    }


def _show(heard_s: float, all_s: float | None) -> None:
    if sys.stderr.isatty():
        of = f" of {all_s:.0f}" if all_s else ""
        print(f"\r{heard_s:.0f}{of} s", end="", file=sys.stderr)
