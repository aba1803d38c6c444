"""Bound the work that a JPEG asks for, which its size in pixels does not.

A progressive JPEG is refined scan by scan, each a pass over all pixels, and a scan can be as
short as 75 bytes: 100 more of them in a picture of 49 megapixels took 6 s longer. Metadata cut
into very many segments is joined with effort that grows with their number squared.
"""

from __future__ import annotations

import re

__all__ = ["MAX_SCANS", "MAX_SEGMENTS", "asks_for_too_much"]

# Encoders write 1 to about 15 scans; 25 MB of metadata fill 400 segments.
MAX_SCANS = 64
MAX_SEGMENTS = 2000

# Any marker but those within a scan's data (stuffed zeros, restarts) or without a length.
_MARKER = re.compile(rb"\xff([\x02-\xcf\xd9-\xfe])")
_END_OF_IMAGE = 0xD9
_START_OF_SCAN = 0xDA


def asks_for_too_much(data: bytes) -> bool:
    """Return whether a JPEG has more than `MAX_SCANS` scans or `MAX_SEGMENTS` segments.

    Parameters
    ----------
    data : bytes
        The whole file. What comes behind the first picture's end is not looked at.

    Returns
    -------
    bool
    """
    scans = segments = 0
    marker = _MARKER.search(data)
    while marker is not None and marker[1][0] != _END_OF_IMAGE:
        segments += 1
        scans += marker[1][0] == _START_OF_SCAN
        if scans > MAX_SCANS or segments > MAX_SEGMENTS:
            return True
        length = int.from_bytes(data[marker.end() : marker.end() + 2], "big")
        marker = _MARKER.search(data, marker.end() + max(2, length))
    return False
