"""Servers that help two machines find each other: none, unless whoever hosts names some.

They come from Streamlit's secrets (``[webrtc]`` with ``ice_servers``, a list of tables with
``urls`` and, for TURN, ``username`` and ``credential``) or from the environment variable
``TEACHDECK_ICE_SERVERS``, the same list as JSON. Without either the list is empty, and nobody
outside is asked.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Sequence

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

__all__ = ["ENVIRONMENT", "checked_servers", "ice_servers"]

ENVIRONMENT = "TEACHDECK_ICE_SERVERS"
_ADDRESS = re.compile(r"^(stuns?|turns?):[^\s]{1,250}$")


def ice_servers() -> list[dict[str, str | list[str]]]:
    """Return the servers that are set, in the form of the browser's ``iceServers``."""
    text = os.environ.get(ENVIRONMENT, "")
    if text:
        try:
            return checked_servers(json.loads(text))
        except ValueError as error:
            logging.getLogger(__name__).error("%s cannot be used: %s", ENVIRONMENT, error)
            return []
    try:
        section = st.secrets.get("webrtc")
    except StreamlitSecretNotFoundError:
        return []
    if section is None:
        return []
    try:
        return checked_servers([dict(server) for server in section["ice_servers"]])
    except (ValueError, KeyError, TypeError) as error:
        logging.getLogger(__name__).error("[webrtc] in the secrets cannot be used: %s", error)
        return []


def checked_servers(servers: object) -> list[dict[str, str | list[str]]]:
    """Return the servers if all are such; the message of the error names no credential.

    Raises
    ------
    ValueError
    """
    if not isinstance(servers, Sequence) or isinstance(servers, str):
        raise ValueError(f"a list of servers is expected, not {type(servers).__name__}")
    return [_checked(place, server) for place, server in enumerate(servers, 1)]


def _checked(place: int, server: object) -> dict[str, str | list[str]]:
    if not isinstance(server, dict) or "urls" not in server:
        raise ValueError(f"server {place} lacks urls")
    unknown = sorted(set(server) - {"urls", "username", "credential"})
    if unknown:
        raise ValueError(f"server {place} has unknown fields {unknown}")
    urls = [server["urls"]] if isinstance(server["urls"], str) else list(server["urls"])
    if not urls or not all(isinstance(url, str) and _ADDRESS.match(url) for url in urls):
        raise ValueError(f"server {place}: urls begin with stun:, stuns:, turn: or turns:")
    if any(url.startswith("turn") for url in urls) and not server.get("credential"):
        raise ValueError(f"server {place}: a TURN server needs username and credential")
    found: dict[str, str | list[str]] = {"urls": urls}
    for name in ("username", "credential"):
        if server.get(name) is not None:
            found[name] = str(server[name])
    return found
