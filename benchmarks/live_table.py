"""How `benchmarks.live` prints."""

from __future__ import annotations

__all__ = ["print_table"]


def print_table(title: str, rows: list[tuple[str, str]]) -> None:
    """Print rows of two under a title."""
    print(f"\n{title}\n\n| what | measured |\n|---|---|")
    for what, measured in rows:
        print(f"| {what} | {measured} |", flush=True)
