"""Which servers help browsers through networks, and what is said of those that cannot."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from pages.components import ice
from pages.components.ice import ENVIRONMENT, checked_servers, ice_problem, ice_servers

STUN = {"urls": "stun:stun.example.org:3478"}
TURN = {"urls": ["turns:turn.example.org:443"], "username": "ann", "credential": "s3cret"}


class Secrets:
    """What stands in ``secrets.toml``; None for no such file."""

    def __init__(self, content: dict[str, Any] | None) -> None:
        self.content = content

    def get(self, name: str) -> Any:
        if self.content is None:
            raise StreamlitSecretNotFoundError("no secrets")
        return self.content.get(name)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    monkeypatch.setattr(st, "secrets", Secrets(None))
    monkeypatch.setattr(ice, "_told", set())


@pytest.mark.parametrize("secrets", [None, {}, {"other": 1}])
def test_nobody_is_asked_unless_somebody_is_named(
    monkeypatch: pytest.MonkeyPatch, secrets: dict[str, Any] | None
) -> None:
    monkeypatch.setattr(st, "secrets", Secrets(secrets))
    assert ice_servers() == []
    assert ice_problem() == ""


def test_servers_come_from_the_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "secrets", Secrets({"webrtc": {"ice_servers": [STUN, TURN]}}))
    assert ice_servers() == [{"urls": ["stun:stun.example.org:3478"]}, TURN]


def test_the_environment_goes_before_the_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "secrets", Secrets({"webrtc": {"ice_servers": [STUN]}}))
    monkeypatch.setenv(ENVIRONMENT, json.dumps([TURN]))
    assert ice_servers() == [TURN]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("turn:turn.example.org", "is not JSON (line 1, column 1)"),
        ('"turn:turn.example.org"', "a list of servers is expected, not str"),
        ("[]x", "is not JSON"),
        ('["stun:a"]', "server 1 lacks urls"),
        ('[{"urls": "stun:a"}, {"url": "stun:a"}]', "server 2 lacks urls"),
        ('[{"urls": "https://a"}]', "urls begin with stun:, stuns:, turn: or turns:"),
        ('[{"urls": []}]', "urls begin with"),
        ('[{"urls": 7}]', "urls begin with"),
        ('[{"urls": "turn:a"}]', "a TURN server needs username and credential"),
        ('[{"urls": "turn:a", "credential": "s3cret"}]', "needs username and credential"),
        ('[{"urls": "stun:a", "password": "s3cret"}]', "unknown fields ['password']"),
    ],
)
def test_bad_values_are_explained_once_in_the_log_without_secrets(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, value: str, says: str
) -> None:
    monkeypatch.setenv(ENVIRONMENT, value)
    with caplog.at_level(logging.ERROR):
        assert ice_servers() == ice_servers() == []
    (record,) = caplog.records
    assert record.message.startswith(f"${ENVIRONMENT} ")
    assert says in record.message
    assert "s3cret" not in record.message
    assert ice_problem() == record.message


@pytest.mark.parametrize("section", [{"servers": []}, "turn:a", {"ice_servers": "turn:a"}])
def test_bad_secrets_are_explained_too(monkeypatch: pytest.MonkeyPatch, section: object) -> None:
    monkeypatch.setattr(st, "secrets", Secrets({"webrtc": section}))
    assert ice_servers() == []
    assert ice_problem().startswith("[webrtc] in the secrets ")


def test_a_number_as_credential_is_sent_as_text() -> None:
    servers = [{"urls": "turn:a", "username": "ann", "credential": 12}]
    assert checked_servers(servers) == [{"urls": ["turn:a"], "username": "ann", "credential": "12"}]
