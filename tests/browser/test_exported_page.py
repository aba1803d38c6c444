"""The exported web page, opened from disk and without a network, answers as the pages do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from core.vision.exports import export_model, picture_model
from core.vision.taught import TaughtImageModel
from tests.picture_models import LABELS, odd_photos, taught_model
from tests.tfjs.oracle import FOLDER, require_node

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

TFJS = FOLDER / "node_modules" / "@tensorflow" / "tfjs" / "dist" / "tf.min.js"
# Decoders of JPEG differ by a level or two, and the pages decode big ones at a reduced size.
JPEG_TOLERANCE, TOLERANCE = 0.03, 2e-5
# A canvas multiplies colours with their transparency and rounds.
TRANSPARENT_TOLERANCE = 0.005


@pytest.fixture(scope="module")
def taught() -> TaughtImageModel:
    return page_model()[0]


def page_model() -> tuple[TaughtImageModel, object]:
    model, network = taught_model()
    familiar = sorted(model.predict(content).familiarity for content in odd_photos().values())
    return model.with_threshold((familiar[4] + familiar[5]) / 2), network


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_node()
    folder = tmp_path_factory.mktemp("page")
    export = export_model(picture_model(*page_model(), name="Marks <i>1</i>"), "page")
    for name, content in export.files.items():
        (folder / name).write_bytes(content)
    for name, content in odd_photos().items():
        (folder / name).write_bytes(content)
    shutil.copy(TFJS, folder / "tf.min.js")
    return folder


@pytest.fixture(scope="module")
def page(browser: Browser, folder: Path) -> Iterator[Page]:
    context = browser.new_context(locale="en-GB")
    context.set_offline(True)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto((folder / "index.html").as_uri())
    page.wait_for_selector("#choose:enabled", timeout=60_000)
    yield page
    context.close()
    assert problems == []


def answers_on(page: Page, path: Path) -> tuple[str, list[float]]:
    page.set_input_files("#file", str(path))
    page.wait_for_function(
        "name => document.querySelector('#status').textContent.startsWith('Ready') "
        "&& document.querySelector('#picture').dataset.name === name",
        arg=path.name,
        timeout=60_000,
    )
    rows = page.eval_on_selector_all(
        "#scores li", "rows => rows.map(row => [row.dataset.index, row.dataset.probability])"
    )
    by_index = {int(index): float(value) for index, value in rows}
    return page.inner_text("#answer"), [by_index[index] for index in sorted(by_index)]


def test_every_odd_photo_gets_the_same_answer(
    page: Page, folder: Path, taught: TaughtImageModel
) -> None:
    rejected = set()
    for name, content in odd_photos().items():
        expected = taught.predict(content)
        answer, probabilities = answers_on(page, folder / name)
        tolerance = JPEG_TOLERANCE if name.endswith(".jpg") else TOLERANCE
        tolerance = TRANSPARENT_TOLERANCE if name.startswith("transparent") else tolerance
        difference = np.abs(np.array(probabilities) - expected.probabilities).max()
        assert difference <= tolerance, name
        assert answer == ("None of these" if expected.rejected else expected.label), name
        rejected.add(expected.rejected)
    assert rejected == {True, False}


def test_the_page_checks_itself_and_shows_names_as_text(page: Page) -> None:
    assert "the same answers as in Teachdeck" in page.inner_text("#checked")
    assert page.inner_text("h1") == "Marks <i>1</i>"
    assert page.locator("h1 i").count() == 0
    labels = json.loads(page.inner_text("#contract") or page.text_content("#contract") or "")
    assert labels["labels"] == list(LABELS)


def test_many_pictures_are_listed_and_what_is_none_is_named(page: Page, folder: Path) -> None:
    (folder / "notes.txt").write_text("no picture")
    page.set_input_files(
        "#file", [str(folder / name) for name in ("photo.jpg", "notes.txt", "grey.png")]
    )
    page.wait_for_function("document.querySelectorAll('#files li').length === 3")
    names = page.eval_on_selector_all("#files li", "rows => rows.map(row => row.innerText)")
    assert names[1].startswith("notes.txt")


def test_the_page_speaks_chinese(page: Page) -> None:
    page.click("#language")
    assert page.inner_text("#choose") == "选择图片"
    assert page.get_attribute("html", "lang") == "zh"
    page.click("#language")


def test_the_camera_is_looked_at_live(browser: Browser, folder: Path) -> None:
    context = browser.new_context(permissions=["camera"])
    page = context.new_page()
    page.goto((folder / "index.html").as_uri())
    page.wait_for_selector("#choose:enabled", timeout=60_000)
    page.click("#camera")
    page.wait_for_selector("#scores li", timeout=60_000)
    page.click("#camera")
    page.wait_for_selector("#video", state="hidden")
    context.close()


def test_without_tensorflow_js_the_page_says_what_to_do(
    browser: Browser, folder: Path, tmp_path: Path
) -> None:
    shutil.copy(folder / "index.html", tmp_path)
    context = browser.new_context(locale="en-GB")
    context.set_offline(True)
    page = context.new_page()
    page.goto((tmp_path / "index.html").as_uri())
    page.wait_for_selector("#status.bad", timeout=60_000)
    assert "tf.min.js" in page.inner_text("#status")
    context.close()
