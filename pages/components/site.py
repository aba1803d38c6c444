"""The table of pages: the router, the sidebar and the home page read it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PAGES", "PageEntry"]


@dataclass(frozen=True)
class PageEntry:
    """One page: its file, its place in the URL, and the catalogue keys of its words."""

    path: str
    url_path: str
    icon: str
    title_key: str
    summary_key: str


# A new page is a file in pages/ and a row here.
PAGES: tuple[PageEntry, ...] = (
    PageEntry("pages/home.py", "home", ":material/home:", "home.page", "home.summary"),
    PageEntry(
        "pages/predict_pictures.py",
        "predict",
        ":material/image_search:",
        "predict.page",
        "predict.summary",
    ),
)
