"""Teach pictures as a visitor does, in a real Chromium, from the demo set to an own web page."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pages.components.teach_demo import pictures_to_try
from tests.tfjs.oracle import FOLDER, require_node

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.browser.conftest import Visit
    from tests.browser.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

TFJS = FOLDER / "node_modules" / "@tensorflow" / "tfjs" / "dist" / "tf.min.js"
# TensorFlow starts in a process of its own, and two cores have Chromium to feed too.
_SLOW_MS = 180_000
TEACH = "/teach_pictures?lang=en"


@pytest.fixture(scope="module")
def taught(browser: Browser, server: Server) -> Iterator[Visit]:
    """Return a visitor who loaded the demo set and trained on it."""
    from tests.browser.conftest import Visit

    visit = Visit(browser, server)
    page = visit.open(TEACH)
    page.set_default_timeout(_SLOW_MS)
    page.get_by_role("button", name="Load the demo set").click()
    page.get_by_text("Expected accuracy").wait_for()
    page.get_by_role("button", name="Train", exact=True).click()
    # The curves are there while it trains, and stay.
    page.locator(".js-plotly-plot .legendtext", has_text="training").first.wait_for()
    page.get_by_role("button", name="Train again").wait_for()
    yield visit
    visit.close()


def _choose_to_try(page: Page, place: int) -> None:
    page.locator(".strip").first.locator("button").nth(place).click()


def test_the_model_names_pictures_that_it_has_not_seen(taught: Visit, server: Server) -> None:
    for place, answer in ((1, "Robot"), (2, "Fruit"), (4, "Window")):
        _choose_to_try(taught.page, place)
        taught.page.get_by_role("heading", name=answer).wait_for()
    assert not any("libtensorflow" in path for path in server.loaded_libraries())
    assert taught.outside_hosts == set()


def test_the_exported_page_answers_in_tensorflowjs_without_a_network(
    taught: Visit, browser: Browser, tmp_path: Path
) -> None:
    require_node()
    page = taught.page
    page.get_by_role("tab", name="Take it away").click()
    page.get_by_role("button", name="Make the file").click()
    button = page.get_by_role("button", name="Download")
    button.wait_for()
    with page.expect_download() as started:
        button.click()
    content = Path(started.value.path()).read_bytes()
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            archive.extractall(tmp_path)
    else:
        (tmp_path / "index.html").write_bytes(content)
    shutil.copy(TFJS, tmp_path / "tf.min.js")
    context = browser.new_context(locale="en-GB")
    context.set_offline(True)
    own = context.new_page()
    own.goto((tmp_path / "index.html").as_uri())
    own.wait_for_selector("#choose:enabled", timeout=_SLOW_MS)
    for label, name, data in pictures_to_try():
        (tmp_path / name).write_bytes(data)
        own.set_input_files("#file", str(tmp_path / name))
        own.wait_for_function(
            "name => document.querySelector('#status').textContent.startsWith('Ready') "
            "&& document.querySelector('#picture').dataset.name === name",
            arg=name,
            timeout=_SLOW_MS,
        )
        best = own.locator("#scores li").first.inner_text()
        assert label in best.lower()
    context.close()


def test_pictures_are_chosen_moved_and_removed_with_the_keyboard(taught: Visit) -> None:
    page = taught.page
    robots = page.get_by_role("region", name="Robot")
    assert robots.locator(".count").first.inner_text() == "36"
    robots.locator(".tile").first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    robots.get_by_text("2 chosen").wait_for()
    robots.get_by_label("Move to …").select_option("Fruit")
    page.get_by_role("region", name="Fruit").locator(".count", has_text="38").wait_for()
    page.get_by_role("region", name="Robot").locator(".tile").first.focus()
    page.keyboard.press("Delete")
    page.get_by_role("region", name="Robot").locator(".count", has_text="33").wait_for()
    # While the page is drawn anew, the button before may still stand beside the new one.
    undo = page.locator(".st-key-teach_undo button").first
    undo.click()
    page.get_by_role("region", name="Robot").locator(".count", has_text="34").wait_for()
    undo.click()
    page.get_by_role("region", name="Robot").locator(".count", has_text="36").wait_for()


def test_a_second_visitor_sees_nothing_of_the_first(
    taught: Visit, visitor_with: Callable[..., Visit]
) -> None:
    page = visitor_with().open(TEACH)
    page.get_by_role("button", name="Load the demo set").wait_for()
    assert page.locator(".card").count() == 0
    assert page.locator(".js-plotly-plot").count() == 0


def test_a_held_camera_fills_a_class(visitor_with: Callable[..., Visit]) -> None:
    page = visitor_with(permissions=["camera"]).open(TEACH)
    page.get_by_role("radio", name="Camera").first.click()
    page.get_by_role("button", name="Start the camera").click()
    page.locator("video").evaluate("v => v.readyState > 1 || new Promise(r => v.onloadeddata = r)")
    hold = page.get_by_role("button", name="Hold to take pictures")
    hold.hover()
    page.mouse.down()
    page.wait_for_timeout(900)
    page.mouse.up()
    page.get_by_role("region", name="Class 1").locator(".tile").first.wait_for()
    assert page.locator(".tile").count() >= 2
