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
from collections.abc import Mapping, Sequence

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

__all__ = ["ENVIRONMENT", "checked_servers", "ice_problem", "ice_servers"]

ENVIRONMENT = "TEACHDECK_ICE_SERVERS"
_ADDRESS = re.compile(r"^(stuns?|turns?):[^\s]{1,250}$")
_told: set[str] = set()


def ice_servers() -> list[dict[str, str | list[str]]]:
    """Return the servers that are set, in the form of the browser's ``iceServers``.

    None of them when one of them cannot be used; the server's log says why, once.
    """
    try:
        return _servers()
    except ValueError as error:
        if str(error) not in _told:
            _told.add(str(error))
            logging.getLogger(__name__).error("%s", error)
        return []


def ice_problem() -> str:
    """Return why the servers that are set cannot be used; empty where they can or none is set.

    It names no credential, but it is for whoever runs the server, not for visitors.
    """
    try:
        _servers()
    except ValueError as error:
        return str(error)
    return ""


def _servers() -> list[dict[str, str | list[str]]]:
    text = os.environ.get(ENVIRONMENT, "")
    if text:
        try:
            return checked_servers(json.loads(text))
        except json.JSONDecodeError as error:
            # The error's own text would quote nothing of the value, its document all of it.
            where = f"line {error.lineno}, column {error.colno}"
            raise ValueError(f"${ENVIRONMENT} is not JSON ({where})") from None
        except ValueError as error:
            raise ValueError(f"${ENVIRONMENT} cannot be used: {error}") from None
    try:
        section = st.secrets.get("webrtc")
    except StreamlitSecretNotFoundError:
        return []
    if section is None:
        return []
    if not isinstance(section, Mapping) or "ice_servers" not in section:
        raise ValueError("[webrtc] in the secrets lacks ice_servers; write [[webrtc.ice_servers]]")
    servers = section["ice_servers"]
    if isinstance(servers, Sequence) and not isinstance(servers, str):
        servers = [dict(one) if isinstance(one, Mapping) else one for one in servers]
    try:
        return checked_servers(servers)
    except ValueError as error:
        raise ValueError(f"[webrtc] in the secrets cannot be used: {error}") from None


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
    urls = [server["urls"]] if isinstance(server["urls"], str) else server["urls"]
    if (
        not isinstance(urls, Sequence)
        or not urls
        or not all(isinstance(url, str) and _ADDRESS.match(url) for url in urls)
    ):
        raise ValueError(f"server {place}: urls begin with stun:, stuns:, turn: or turns:")
    secret = [server.get(name) for name in ("username", "credential")]
    if any(url.startswith("turn") for url in urls) and not all(secret):
        raise ValueError(f"server {place}: a TURN server needs username and credential")
    found: dict[str, str | list[str]] = {"urls": list(urls)}
    for name, value in zip(("username", "credential"), secret, strict=True):
        if value is not None:
            found[name] = str(value)
    return found
