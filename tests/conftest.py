"""Fixtures that every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real recordings, pictures and models that is kept beside a checkout."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the shared test data is not beside this checkout; cases of our own still ran")
    return SHARED_DATA


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test an empty data folder of its own."""
    folder = tmp_path / "home"
    monkeypatch.setenv("TEACHDECK_HOME", str(folder))
    return folder
