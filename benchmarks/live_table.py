"""How `benchmarks.live` prints."""

from __future__ import annotations

__all__ = ["print_table", "spark"]

_BARS = "▁▂▃▄▅▆▇█"


def print_table(title: str, rows: list[tuple[str, str]]) -> None:
    """Print rows of two under a title."""
    print(f"\n{title}\n\n| what | measured |\n|---|---|")
    for what, measured in rows:
        print(f"| {what} | {measured} |", flush=True)


def spark(values: list[float]) -> str:
    """Return a curve of memory in one line of text."""
    low, high = min(values), max(max(values), min(values) + 10)
    bars = "".join(_BARS[round(7 * (value - low) / (high - low))] for value in values)
    return f"{bars} ({low:.0f} to {high:.0f} MB)"
