"""Fixtures that every test may use, and the rules for tests that could not run."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

# On some processors TensorFlow leaves oneDNN out, and with it layers that the tests compare.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

SHARED_DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
LEFT_OUT = "the shared test data is not beside this checkout; cases of our own still ran"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real recordings, pictures and models that is kept beside a checkout."""
    if not SHARED_DATA.is_dir():
        pytest.skip(LEFT_OUT)
    return SHARED_DATA


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test an empty data folder of its own."""
    folder = tmp_path / "home"
    monkeypatch.setenv("TEACHDECK_HOME", str(folder))
    return folder


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skipped browser or Node test into a failure where CI promises to run them."""
    report = yield
    promised = [mark for mark in ("browser", "node") if item.get_closest_marker(mark)]
    if report.skipped and promised and os.environ.get("CI") == "true":
        left_out_with_reason = isinstance(report.longrepr, tuple) and LEFT_OUT in report.longrepr[2]
        if not left_out_with_reason:
            report.outcome = "failed"
            report.longrepr = f"skipped although CI=true: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the cases that were left out for want of the shared data."""
    skipped = terminalreporter.stats.get("skipped", [])
    left_out = [report.nodeid for report in skipped if LEFT_OUT in str(report.longrepr)]
    if left_out:
        terminalreporter.section("left out: no shared test data beside this checkout")
        for nodeid in left_out:
            terminalreporter.line(nodeid)
