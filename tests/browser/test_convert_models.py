"""Convert models as a visitor does, in a real Chromium."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Visit
    from server import Server

pytestmark = pytest.mark.browser

_PROVED_WITHIN_MS = 120_000  # TensorFlow starts in a process of its own and compares outputs


def test_the_sample_is_converted_proved_and_downloaded(visit: Visit, server: Server) -> None:
    page = visit.open("/convert_models?lang=en")
    page.locator(".js-plotly-plot").wait_for()
    page.get_by_role("button", name="Convert").click()
    download_button = page.get_by_role("button", name="Download")
    download_button.wait_for(timeout=_PROVED_WITHIN_MS)
    assert page.get_by_text("Every weight came back bit for bit.").is_visible()
    with page.expect_download() as started:
        download_button.click()
    archive = zipfile.ZipFile(io.BytesIO(Path(started.value.path()).read_bytes()))
    model = json.loads(archive.read("model.json"))
    assert model["format"] == "layers-model"
    shards = [path for group in model["weightsManifest"] for path in group["paths"]]
    assert set(archive.namelist()) == {"model.json", *shards}
    assert not any("libtensorflow" in path for path in server.loaded_libraries())
    assert visit.outside_hosts == set()


def test_a_file_that_is_no_model_gets_a_sentence_and_nothing_to_convert(visit: Visit) -> None:
    page = visit.open("/convert_models?lang=en")
    page.get_by_role("radio", name="Upload").click()
    page.get_by_text("Add a model on the left").wait_for()
    broken = {"name": "model.h5", "mimeType": "application/x-hdf5", "buffer": b"just some words"}
    page.locator('input[type="file"]').first.set_input_files([broken])
    alert = page.get_by_test_id("stAlert").filter(has_text="model.h5")
    alert.wait_for()
    assert "Traceback" not in alert.inner_text()
