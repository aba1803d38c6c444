"""A real server and a real Chromium for the tests of this folder."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np
import pytest
from numpy.typing import NDArray

from core.audio import encode_wav
from tests.browser.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserType, ConsoleMessage, Page

CHROMIUM_ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]


# On a page's own address Streamlit looks for the server first below that address, then at the
# root; Chromium reports the first look as an error.
_PROBE = re.compile(r"/[a-z_]+/_stcore/(health|host-config)$")


_STORY_LINES = 80
_STORIES = pytest.StashKey[list[str]]()
_started: list[Browser] = []


def _missing(what: str) -> None:
    """Skip with the reason; where everything must run, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}, and CI=true wants the browser tests to run")
    pytest.skip(what)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("Playwright for Python is not installed")
    if _chromium() is None:
        _missing("Chromium is not installed")
    with sync_playwright() as playwright:
        started = launch(playwright.chromium)
        yield started
        started.close()


def _chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


def launch(kind: BrowserType, sound: Path | None = None) -> Browser:
    """Start Chromium, whose microphone may play a WAV over and over."""
    arguments = CHROMIUM_ARGUMENTS.copy()
    if sound is not None:
        arguments.append(f"--use-file-for-fake-audio-capture={sound}")
    started = kind.launch(executable_path=_chromium(), args=arguments)
    _started.append(started)
    return started


def _stories() -> list[str]:
    """Return what each page shows that is open now."""
    return [
        _story(page)
        for started in _started
        if started.is_connected()
        for context in started.contexts
        for page in context.pages
    ]


def _story(page: Page) -> str:
    main = page.locator('[data-testid="stMain"]')
    try:
        shown = (main if main.count() else page.locator("body")).aria_snapshot(timeout=5000)
    except Exception as error:
        # Whatever keeps the page from being read must not hide the failure itself.
        shown = f"it could not be read: {error}"
    return "\n".join([page.url, *shown.splitlines()[:_STORY_LINES]])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say with a failure what its pages showed: it may not come again where somebody looks."""
    report = yield
    if report.failed and report.when == "call":
        stories = item.stash.get(_STORIES, None) or _stories()
        report.sections += [("What a page showed", story) for story in stories]
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, Server):
                log = value.log().splitlines()[-_STORY_LINES:]
                report.sections.append(("What the server wrote", "\n".join(log)))
    return report


class Visit:
    """One visitor: a page, what it logged and what it asked the network for."""

    def __init__(self, browser: Browser, server: Server, **context: object) -> None:
        context.setdefault("locale", "en-GB")
        context.setdefault("viewport", {"width": 1280, "height": 900})
        self._context = browser.new_context(**context)
        self.page: Page = self._context.new_page()
        self.page.set_default_timeout(60_000)
        self.server = server
        self.console_errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("websocket", lambda socket: self.requests.append(socket.url))
        self.page.on("pageerror", lambda error: self.console_errors.append(str(error)))
        self.page.on("console", self._note_console)

    def open(self, path: str = "/") -> Page:
        self.page.goto(self.server.url + path)
        return self.page

    def _note_console(self, message: ConsoleMessage) -> None:
        url = message.location.get("url", "")
        if message.type == "error" and not _PROBE.search(url):
            self.console_errors.append(f"{message.text} {url}")

    @property
    def outside_hosts(self) -> set[str]:
        """The hosts other than the server's own that were asked for anything."""
        web = [urlsplit(url) for url in self.requests]
        hosts = {url.hostname or "" for url in web if url.scheme in ("http", "https", "ws", "wss")}
        return hosts - {"127.0.0.1", "localhost"}

    def close(self) -> None:
        self._context.close()


@pytest.fixture
def visitor_on(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Return a function that begins a visit of a server.

    It takes options of Playwright's ``new_context`` too.
    """
    visitors: list[Visit] = []

    def begin(server: Server, **context: object) -> Visit:
        visitors.append(Visit(browser, server, **context))
        return visitors[-1]

    yield begin
    for visitor in visitors:
        visitor.close()


@pytest.fixture
def visitor_with(visitor_on: Callable[..., Visit], server: Server) -> Callable[..., Visit]:
    """Return a function that begins a visit of the common server with options."""
    return lambda **context: visitor_on(server, **context)


@pytest.fixture
def visit(visitor_with: Callable[..., Visit]) -> Visit:
    return visitor_with()


@pytest.fixture
def speaking(
    browser: Browser, server: Server, tmp_path: Path, request: pytest.FixtureRequest
) -> Callable[[NDArray[np.float32]], object]:
    """Return a context of a visit whose microphone plays a sound, 48 kHz, over and over."""

    @contextmanager
    def begin(samples: NDArray[np.float32]) -> Iterator[Visit]:
        path = tmp_path / "said.wav"
        path.write_bytes(encode_wav(samples, rate_hz=48_000))
        started = launch(browser.browser_type, path)
        visit = Visit(started, server)
        try:
            yield visit
        except BaseException:
            # The report is made when this browser is gone.
            request.node.stash[_STORIES] = _stories()
            raise
        finally:
            visit.close()
            started.close()

    return begin
