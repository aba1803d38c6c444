"""``python -m core prepare``: make the offline model ready, so that the first picture is quick."""

from __future__ import annotations

import argparse
import sys
import time

from core.home import teachdeck_home, user_model_folders
from core.pretrained.store import ModelStore

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    parser.add_argument("--model", help="id of the model (default: the one used first)")


def run(arguments: argparse.Namespace) -> int:
    """Load the model once, which converts and caches it; return the exit status."""
    start_s = time.perf_counter()
    store = ModelStore(teachdeck_home(), user_model_folders())
    backbone = store.load(arguments.model or store.default_id())
    print(f"{backbone.title} is ready ({time.perf_counter() - start_s:.1f} s).", file=sys.stderr)
    return 0
