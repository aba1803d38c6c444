"""How values travel to the small components of our own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["component_data"]


def component_data(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return plain values as a component takes them; its script reads ``data: [data]``.

    In a mapping Streamlit looks for tables, and imports pandas and pyarrow to know one: 75 MB
    that a page without tables need not pay for. In a list it does not look.
    """
    return [dict(values)]
