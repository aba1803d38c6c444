"""How the small components of our own get their files and their values."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["component_data", "component_files"]

_FRONTEND = Path(__file__).parent / "frontend"


@cache
def component_files(name: str, *, elements: bool = False) -> tuple[str, str]:
    """Return style and script of a component, read once.

    Parameters
    ----------
    name : str
        Of the files in ``frontend``.
    elements : bool, optional
        Whether the script uses the functions of ``elements.js``, which then precede it: a script
        that travels as text cannot import another.

    Returns
    -------
    css, js : str
    """
    css, js = ((_FRONTEND / f"{name}.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    if elements:
        js = (_FRONTEND / "elements.js").read_text(encoding="utf-8") + js
    return css, js


def component_data(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return plain values as a component takes them; its script reads ``data: [data]``.

    In a mapping Streamlit looks for tables, and imports pandas and pyarrow to know one: 75 MB
    that a page without tables need not pay for. In a list it does not look.
    """
    return [dict(values)]
