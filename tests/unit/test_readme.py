"""What the README promises is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from core.cli import COMMANDS
from core.tfjs.registry import FORMATS, pairs
from pages.components.i18n import catalogue
from pages.components.site import PAGES

PROJECT = Path(__file__).resolve().parent.parent.parent
README = (PROJECT / "README.md").read_text(encoding="utf-8")


def test_the_table_of_conversions_is_the_registrys() -> None:
    targets = [target for target in FORMATS.values() if target.writes]
    notes = {(source.name, target.name): note for source, target, note in pairs()}
    lines = ["| from \\ to | " + " | ".join(f"`{target.name}`" for target in targets) + " |"]
    lines.append("|---" * (len(targets) + 1) + "|")
    for source in FORMATS.values():
        if source.reads:
            cells = ["no" if notes[source.name, target.name] else "yes" for target in targets]
            lines.append(f"| `{source.name}` | " + " | ".join(cells) + " |")
    assert "\n".join(lines) in README


def test_every_page_is_described() -> None:
    for entry in PAGES:
        assert f"**{catalogue('en')[entry.title_key]}**" in README


def test_every_command_that_is_shown_exists() -> None:
    shown = set(re.findall(r"python -m core (\w+)", README))
    assert shown
    assert shown <= COMMANDS.keys()


def test_every_picture_that_is_shown_exists() -> None:
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", README)
    assert pictures
    assert all((PROJECT / picture).is_file() for picture in pictures)
