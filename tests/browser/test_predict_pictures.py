"""A visitor's way through the pages, in real Chromium against the real server."""

from __future__ import annotations

import csv
import importlib.util
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from PIL import Image, ImageDraw

from tests.browser.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser

ANSWER = re.compile(r"\d % sure")
PREDICT = "/predict_pictures"


def sample(name: str) -> Path:
    """Return the path of a photo that scikit-learn ships, without importing it."""
    spec = importlib.util.find_spec("sklearn")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "datasets" / "images" / name


def drawing(colour: str) -> bytes:
    picture = Image.new("RGB", (400, 300), "white")
    ImageDraw.Draw(picture).ellipse((100, 50, 300, 250), fill=colour)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def wait_until_done(page: Page) -> None:
    """Wait until the server has nothing left to send for this page."""
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()


def open_upload(visit: Visit, address: str = PREDICT) -> Page:
    page = visit.open(address)
    page.get_by_role("heading", name=ANSWER).wait_for()  # the sample, named without a click
    # The server forgets a picture that is left: it must have been fetched before.
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-testid=stImage] img')]"
        ".some((picture) => picture.complete && picture.naturalWidth)"
    )
    page.get_by_role("radio", name="Upload").click()
    page.locator('input[type="file"]').wait_for(state="attached")
    return page


def upload(page: Page, *files: dict[str, object] | Path) -> None:
    page.locator('input[type="file"]').set_input_files(list(files))


def png(name: str, content: bytes) -> dict[str, object]:
    return {"name": name, "mimeType": "image/png", "buffer": content}


def contrast(first: list[float], second: list[float]) -> float:
    """Return the contrast of two sRGB colours as WCAG 2.2 defines it, 1 to 21."""

    def luminance(colour: list[float]) -> float:
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
            for c in (value / 255 for value in colour)
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dim = sorted((luminance(first), luminance(second)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def colour_of(page: Page, selector: str, style: str) -> list[float]:
    """Return red, green and blue, 0..255, of the first element that matches."""
    text = page.locator(selector).first.evaluate(f"e => getComputedStyle(e)['{style}']")
    return [float(part) for part in re.findall(r"[\d.]+", text)[:3]]


def test_a_photo_is_uploaded_and_its_name_is_read(visit: Visit) -> None:
    page = open_upload(visit)
    upload(page, sample("china.jpg"))
    page.get_by_role("heading", name=re.compile(r"palace, \d+ % sure")).wait_for()
    page.get_by_text("china.jpg, 640 × 427 pixels").wait_for()
    page.locator('[data-testid="stPlotlyChart"] svg').get_by_text("palace").wait_for()
    assert visit.console_errors == []


def test_why_shows_a_map_and_says_that_it_is_exact(visit: Visit) -> None:
    page = visit.open(PREDICT)
    page.get_by_role("heading", name=ANSWER).wait_for()
    picture = page.locator('[data-testid="stImage"] img').first
    before = picture.get_attribute("src")
    page.locator('[data-testid="stCheckbox"] label', has_text="Show why").click()
    page.get_by_text("It is exact").wait_for()
    wait_until_done(page)
    assert picture.get_attribute("src") != before
    assert visit.console_errors == []


def test_how_it_works_shows_this_very_picture_as_numbers(visit: Visit) -> None:
    page = visit.open(PREDICT)
    page.get_by_role("heading", name=ANSWER).wait_for()
    page.get_by_text("How it works").click()
    page.get_by_text("1 × 224 × 224 × 3").wait_for()
    page.get_by_text("Logits and softmax").wait_for()


def test_the_camera_takes_a_picture_and_it_is_named(visit: Visit) -> None:
    page = visit.open(PREDICT)
    page.get_by_role("heading", name=ANSWER).wait_for()
    page.get_by_role("radio", name="Camera").click()
    page.wait_for_function("document.querySelector('video')?.videoWidth > 0")
    # Until the run is over the sample's answer still stands there.
    wait_until_done(page)
    page.get_by_text("the answer appears here").wait_for()
    page.get_by_role("button", name="Take photo").click()
    page.get_by_role("heading", name=ANSWER).wait_for()
    page.get_by_text(re.compile(r"Photo, \d+ × \d+ pixels")).wait_for()


def test_many_files_become_a_table_that_can_be_downloaded(visit: Visit) -> None:
    page = open_upload(visit)
    upload(
        page,
        png("round.png", drawing("red")),
        png("=1+1.png", drawing("green")),
        png("broken.png", drawing("blue")[:90]),
        png("flower.jpg", sample("flower.jpg").read_bytes()),
    )
    page.get_by_role("heading", name=re.compile("3 pictures")).wait_for()
    page.get_by_text("1 could not be read").wait_for()
    page.get_by_text("broken.png:").wait_for()
    page.locator('[data-testid="stDataFrame"] canvas').first.wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as CSV").click()
    content = Path(download.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(content)))
    assert [row["file"] for row in rows] == ["round.png", "'=1+1.png", "flower.jpg"]
    assert rows[2]["label_1"] == "daisy"
    assert 0 < float(rows[2]["probability_1"]) <= 1
    assert visit.console_errors == []


def test_a_download_that_fails_says_so_and_another_model_answers(visit: Visit) -> None:
    page = visit.open(PREDICT)
    page.get_by_role("heading", name=ANSWER).wait_for()
    picker = page.locator('[data-testid="stSelectbox"]').first
    picker.click()
    page.get_by_role("option", name="MobileNet V1 0.25").click()
    page.get_by_text("Until it is here, EfficientNet-Lite0 answers").wait_for()
    page.get_by_role("button", name="Get this model").click()
    page.get_by_role("alert").get_by_text("cannot be reached").wait_for()
    page.get_by_role("heading", name=ANSWER).wait_for()
    wait_until_done(page)
    assert picker.locator("input").input_value() == "MobileNet V1 0.25 · not reachable now"
    assert page.get_by_text("cannot be reached").count() == 1


def test_a_file_that_is_no_picture_gets_a_sentence_and_no_traceback(visit: Visit) -> None:
    page = open_upload(visit)
    upload(page, png("holiday.png", b"%PDF-1.7 not a picture"))
    page.get_by_role("alert").get_by_text("This is a PDF document").wait_for()
    assert "Traceback" not in page.inner_text("body")


def test_markup_in_a_file_name_is_shown_and_does_not_act(visit: Visit) -> None:
    page = open_upload(visit)
    name = "<b>*a*</b> :material_home: :smile: [x](y) www.example.com.png"
    upload(page, png(name, drawing("red")))
    caption = page.locator('[data-testid="stImageCaption"]')
    caption.get_by_text("400 × 300 pixels").wait_for()
    shown = caption.inner_text().replace("\u200b", "")
    assert shown.startswith(name)
    assert caption.locator("a, b, em, strong, span[role=img]").count() == 0


def test_the_language_is_switched_and_stays_over_pages_and_reloads(visit: Visit) -> None:
    page = visit.open("/")
    page.get_by_role("heading", name="Try it yourself").wait_for()
    page.get_by_role("radio", name="中文").click()
    page.get_by_role("heading", name="自己试试").wait_for()
    page.wait_for_url(re.compile("lang=zh"))
    page.locator('[data-testid="stSidebarNav"]').get_by_text("识别图片").click()
    page.get_by_role("heading", name=re.compile("的把握")).wait_for()
    page.wait_for_url(re.compile(r"predict_pictures.*lang=zh"))
    page.reload()
    page.get_by_role("heading", name=re.compile("的把握")).wait_for()
    page.get_by_role("radio", name="English").click()
    page.get_by_role("heading", name=ANSWER).wait_for()
    page.wait_for_url(re.compile("lang=en"))
    assert visit.console_errors == []


def test_a_browser_in_chinese_is_greeted_in_chinese(
    visitor_with: Callable[..., Visit],
) -> None:
    page = visitor_with(locale="zh-CN").open("/")
    page.get_by_role("heading", name="自己试试").wait_for()


def test_home_leads_to_the_pages_that_exist(visit: Visit) -> None:
    page = visit.open("/")
    home = page.get_by_role("heading", name="Try it yourself")
    home.wait_for()
    main = page.locator('[data-testid="stMain"]')
    links = main.locator('[data-testid="stPageLink-NavLink"]')
    links.nth(5).wait_for()
    wait_until_done(page)
    addresses = [str(link.get_attribute("href")) for link in links.all()]
    for address in addresses:
        main.locator(f'a[href="{address}"]').click()
        # Home has a heading too: to go back before the other page is there would leave the app.
        home.wait_for(state="detached")
        page.locator('[data-testid="stMain"] h1').wait_for()
        wait_until_done(page)
        assert urlsplit(page.url).path == "/" + address
        assert page.get_by_role("alert").count() == 0
        page.go_back()
        home.wait_for()
        wait_until_done(page)


def test_nothing_but_our_own_server_is_asked_for_anything(visit: Visit) -> None:
    page = visit.open("/")
    page.get_by_role("heading", name="Try it yourself").wait_for()
    page = open_upload(visit)
    upload(page, sample("flower.jpg"))
    page.get_by_text("flower.jpg, 640 × 427 pixels").wait_for()
    page.get_by_text("How it works").click()
    page.get_by_text("Logits and softmax").wait_for()
    wait_until_done(page)
    assert visit.requests
    assert visit.outside_hosts == set()
    assert visit.console_errors == []


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("path", ["/", PREDICT])
def test_a_phone_needs_no_sideways_scrolling(
    visitor_with: Callable[..., Visit], path: str, language: str
) -> None:
    visitor = visitor_with(viewport={"width": 375, "height": 812})
    page = visitor.open(f"{path}?lang={language}")
    page.locator('[data-testid="stPlotlyChart"] svg.main-svg').first.wait_for()
    wait_until_done(page)
    for selector in ("html", '[data-testid="stMain"]'):
        beyond = page.locator(selector).evaluate("e => e.scrollWidth - e.clientWidth")
        assert beyond <= 0, f"{selector} is {beyond} px too wide"
    # What is cut off inside its own box does not widen the page, so look at each control too.
    cut = page.locator('[data-testid="stMain"] button').evaluate_all(
        "all => all.filter(e => e.getBoundingClientRect().right > innerWidth).length"
    )
    assert cut == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(visitor_with: Callable[..., Visit], scheme: str) -> None:
    page = visitor_with(color_scheme=scheme).open(PREDICT)
    page.get_by_role("heading", name=ANSWER).wait_for()
    page.locator('[data-testid="stPlotlyChart"] svg.main-svg text').first.wait_for()
    wait_until_done(page)
    ground = colour_of(page, '[data-testid="stApp"]', "backgroundColor")
    assert (sum(ground) < 3 * 60) == (scheme == "dark")
    for selector, style, least in (
        ("h1", "color", 7.0),
        ('[data-testid="stMain"] p', "color", 4.5),
        ('[data-testid="stCaptionContainer"] p', "color", 3.0),
        ('[data-testid="stPlotlyChart"] svg text', "fill", 4.5),
    ):
        ratio = contrast(colour_of(page, selector, style), ground)
        assert ratio >= least, f"{selector}: {ratio:.1f}"
    # The bars themselves, drawn on the screen and not only in the style sheet.
    chart = page.locator('[data-testid="stPlotlyChart"]').first
    pixels = Image.open(io.BytesIO(chart.screenshot())).convert("RGB")
    count, _ = max(
        (found, colour)
        for found, colour in pixels.getcolors(maxcolors=1 << 20)
        if contrast(list(colour), ground) >= 3
    )
    assert count > 200


def test_a_new_server_can_be_entered_by_any_page(
    browser: object, tmp_path: Path, visitor_on: Callable[..., Visit]
) -> None:
    with Server(tmp_path / "home") as fresh:
        visitor = visitor_on(fresh)
        page = visitor.open(f"{PREDICT}?lang=zh")
        page.get_by_role("heading", name=re.compile("的把握")).wait_for()
        page.locator('[data-testid="stSidebarNav"]').get_by_text("识别图片").wait_for()
        page.locator('[data-testid="stPlotlyChart"] svg.main-svg').first.wait_for()
        assert page.get_by_role("alert").count() == 0
        assert "Traceback" not in fresh.log()


def test_the_server_never_loads_tensorflow(visit: Visit, server: Server) -> None:
    page = visit.open(PREDICT)
    page.get_by_role("heading", name=ANSWER).wait_for()
    wait_until_done(page)
    names = {Path(path).name for path in server.loaded_libraries()}
    assert any("litert" in path.lower() for path in server.loaded_libraries())
    heavy = ("libtensorflow", "_pywrap_tensorflow", "sklearn", "scipy", "llvmlite")
    assert [name for name in names if name.startswith(heavy)] == []
    assert "Traceback" not in server.log()
