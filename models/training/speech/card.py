"""Writes the measured tables into the model card, between two markers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.training.speech.labels import LABELS, SCARCE, TARGETS
from models.training.speech.voices import LICENSES

__all__ = ["tables", "write_card"]

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def _share(value: dict[str, Any] | None) -> str:
    if not value or not value["count"]:
        return "–"
    return f"{value['percent']:.1f} ({value['low']:.1f}–{value['high']:.1f})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def tables(results: dict[str, Any], metadata: dict[str, Any]) -> str:
    """Return the measured part of the card as Markdown.

    Parameters
    ----------
    results : dict
        As :func:`~models.training.speech.evaluate.write_results` writes them.
    metadata : dict
        Of our model.

    Returns
    -------
    str
    """
    ours, theirs = results["ours"], results.get("official")
    both = [("ours", ours), *([("original", theirs)] if theirs else [])]
    head = ["%, 95 % interval", *(name for name, _ in both)]
    quiet = [one["clips"]["quiet"] for _, one in both]
    rows = [
        ["18 words, all clips", *(_share(one["micro"]) for one in quiet)],
        ["18 words, mean of the words", *(f"{one['macro']:.1f}" for one in quiet)],
        ["unknown, mean of the six rows below", *(f"{one['unknown']:.1f}" for one in quiet)],
    ]
    for word in quiet[0]["unknown_words"]:
        rows.append([f"unknown: {word}", *(_share(one["unknown_words"][word]) for one in quiet)])
    rows.append(["noise and silence", *(_share(one["noise"]) for one in quiet)])
    out = ["### Clips of speakers that did not train", "", *_table(head, rows)]
    out += ["### Noise, babble and telephone band: the 18 words", ""]
    names = [name for name in ours["clips"] if name != "quiet"]
    rows = [["quiet", *(_share(one["micro"]) for one in quiet)]]
    for name in names:
        rows.append(
            [name.replace("_", " "), *(_share(one["clips"][name]["micro"]) for _, one in both)]
        )
    out += _table(head, rows)
    out += _words(both, metadata)
    if "folds" in results:
        out += _folds(results["folds"])
    out += _streams(both)
    return "\n".join([*out, *_confusion(ours["clips"]["quiet"]["confusion"])])


def _words(both: list[tuple[str, Any]], metadata: dict[str, Any]) -> list[str]:
    head = ["word", "clips"]
    for name, _ in both:
        head += [f"recall, {name}", f"precision, {name}"]
    rows = []
    for word in TARGETS:
        found = [one["clips"]["quiet"]["words"][word] for _, one in both]
        row = [word, str(found[0]["recall"]["count"])]
        for one in found:
            row += [_share(one["recall"]), _share(one["precision"])]
        rows.append([*row, f"{metadata['thresholds'][word]:.2f}"])
    return ["### Each word", "", *_table([*head, "threshold"], rows)]


def _folds(folds: dict[str, Any]) -> list[str]:
    rows = [[word, str(folds["words"][word]["count"]), _share(folds["words"][word])]
            for word in SCARCE if word in folds["words"]]  # fmt: skip
    rows.append(["all", str(folds["all"]["count"]), _share(folds["all"])])
    title = "### Scarce words, five folds by speaker, all their real clips"
    return [title, "", *_table(["word", "clips", "recall"], rows)]


def _streams(both: list[tuple[str, Any]]) -> list[str]:
    head = ["streams, default thresholds", *(name for name, _ in both)]
    alarms = [one["streams"]["false_alarms"] for _, one in both]
    caught = [one["streams"]["caught"] for _, one in both]
    rows = [
        ["hours without a word", *(f"{a['hours']:.2f}" for a in alarms)],
        ["of it running speech", *(f"{a['running_hours']:.2f}" for a in alarms)],
        ["voices", *(str(a["voices"]) for a in alarms)],
        ["false alarms in running speech", *(str(sum(a["running"].values())) for a in alarms)],
        ["false alarms in unknown clips", *(str(sum(a["unknown_clips"].values())) for a in alarms)],
        ["an hour, upper 95 % bound", *(f"{a['upper_per_hour']:.2f}" for a in alarms)],
        ["words in streams at 20 dB", *(str(c["words"]) for c in caught)],
        ["caught once, %", *(
            f"{c['percent']:.1f} ({c['interval'][0]:.1f}–{c['interval'][1]:.1f})" for c in caught
        )],
        ["caught twice", *(str(c["twice"]) for c in caught)],
        ["other words heard", *(str(c["wrong"]) for c in caught)],
        ["after the word's end, median; p95, ms", *(
            f"{c['delay_p50_ms']:.0f}; {c['delay_p95_ms']:.0f}" for c in caught
        )],
    ]  # fmt: skip
    return ["### Streams", "", *_table(head, rows)]


def _confusion(matrix: list[list[int]]) -> list[str]:
    short = ["noise", "unkn.", *LABELS[2:]]
    rows = [
        [f"**{short[place]}**", *(str(count) if count else "·" for count in row)]
        for place, row in enumerate(matrix)
    ]
    title = "### Confusion: rows are said, columns are named"
    return [title, "", *_table(["", *short], rows)]


def voice_table() -> str:
    """Return the voices with their Debian packages and licences as Markdown."""
    rows = [[name, package, licence] for name, (package, licence) in LICENSES.items()]
    return "\n".join(_table(["voice", "Debian package", "licence"], rows))


def write_card(work: Path, folder: Path) -> None:
    """Put the measured tables into ``README.md``, between the markers.

    Parameters
    ----------
    work : pathlib.Path
        With ``results.json``.
    folder : pathlib.Path
        The model's.
    """
    results = json.loads((work / "results.json").read_text())
    metadata = json.loads((folder / "metadata.json").read_text())
    path = folder / "README.md"
    card = path.read_text(encoding="utf-8")
    before, rest = card.split(BEGIN)
    _, after = rest.split(END)
    path.write_text(f"{before}{BEGIN}\n{tables(results, metadata)}\n{END}{after}", encoding="utf-8")
