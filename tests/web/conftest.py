"""A real server with the built pages, and real browsers whose signal can be cut."""

import io
import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from socket import SHUT_RDWR
from threading import Event, Thread
from typing import Any, NoReturn
from urllib.parse import urlsplit

import pytest
import segno
from flask import Flask
from PIL import Image
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)
from playwright.sync_api import Error as BrowserError
from werkzeug.serving import WSGIRequestHandler, make_server

from api.app import create_app
from core import clock
from core.database import Database
from core.unit import Unit, perform
from people.models import Account, Organisation
from sync.streams import watcher
from tests.doors import settings_for
from tests.makers import PASSWORD, Maker

IN_CHROMIUM = [
    pytest.mark.needs("Chromium"),
    # What compresses answers leaves a served file to be closed by its last reference.
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
WEB = Path(__file__).parent.parent.parent / "web" / "dist"
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# A busy machine is slow; a test that passes never waits this long.
PATIENCE_MS = 60_000
# The first question of a process loads the planner.
LOADING_MS = 120_000
LOOK_MS = 50
expect.set_options(timeout=PATIENCE_MS)
PHONE = {"width": 360, "height": 640}
DESK = {"width": 1440, "height": 900}


class _Silent(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        pass


class Line:
    """The way to the application: it notes what arrives, may lose an answer on its way back, or be closed."""

    def __init__(self, application: Any) -> None:
        self.application = application
        self.asked: list[tuple[str, str]] = []
        # The mutations that arrived, as often as they did.
        self.said: list[dict[str, Any]] = []
        self.lose_next = ""
        self.lost = 0
        self.closed_to = ""
        # Whose signal is cut; each browser carries the name of its person in a cookie.
        self.cut: set[str] = set()
        # Who asks for this waits until they may go on.
        self.waits_at = ""
        self.go_on = Event()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Pass a request on."""
        path = environ["PATH_INFO"]
        if self.cut & set(environ.get("HTTP_COOKIE", "").split("; ")):
            _hang_up(environ)
        self.asked.append((environ["REQUEST_METHOD"], path))
        if path == self.waits_at:
            self.go_on.wait(PATIENCE_MS / 1000)
        if self.closed_to and path.startswith(self.closed_to):
            body = b'{"code": "busy", "message": "Busy.", "details": {}, "request_id": ""}'
            start_response("503 Busy", [("Content-Type", "application/json"), ("Retry-After", "1")])
            return [body]
        if path == "/v1/sync/push":
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            environ["wsgi.input"] = io.BytesIO(body)
            self.said += json.loads(body)["mutations"]
        answer = self.application(environ, start_response)
        if self.lose_next and path == self.lose_next:
            self.lose_next = ""
            self.lost += 1
            for _ in answer:
                pass
            _hang_up(environ)
        return answer  # type: ignore[no-any-return]


def _hang_up(environ: dict[str, Any]) -> NoReturn:
    environ["werkzeug.socket"].shutdown(SHUT_RDWR)
    raise ConnectionAbortedError


@dataclass
class Served:
    """A running application and where it answers."""

    app: Flask
    url: str
    line: Line
    web: Path

    def release(self) -> None:
        """Put up another build of the pages, as an update of the server does."""
        worker = self.web / "sw.js"
        worker.write_text(worker.read_text().replace("'fieldwright-' +", "'fieldwright-next-' +"))


@pytest.fixture
def served(database: Database, tmp_path: Path) -> Iterator[Served]:
    """Serve the application over the test's database, with the built pages."""
    assert (WEB / "sw.js").is_file(), "web/dist is not built; run `make web`"
    server = make_server(
        "127.0.0.1", 0, lambda *_: iter(()), threaded=True, request_handler=_Silent
    )
    url = f"http://127.0.0.1:{server.port}"
    web = tmp_path / "web"
    shutil.copytree(WEB, web)
    settings = settings_for(tmp_path, FIELDWRIGHT_PUBLIC_URL=url, FIELDWRIGHT_WEB=str(web))
    app = create_app(settings, db=database)
    line = server.app = Line(app)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Served(app, url, line, web)
    # That a browser is gone is noticed late, and nobody may look into a database that is gone too.
    watcher.stop()
    server.shutdown()
    thread.join(10)
    server.server_close()


@pytest.fixture
def app(served: Served) -> Flask:
    """Give the application that the browsers meet to the other doors too."""
    return served.app


# What the camera of every browser here sees: a code as it is printed on a part.
SEEN = "6901234567892"


def _film(path: Path) -> Path:
    """Write a film of one frame, as a camera gives it, that shows a code."""
    frame = Image.new("L", (640, 480), 200)
    out = io.BytesIO()
    segno.make(SEEN, micro=False).save(out, kind="png", scale=10, border=4)
    frame.paste(Image.open(out).convert("L"), (150, 60))
    path.write_bytes(
        b"YUV4MPEG2 W640 H480 F10:1 Ip A1:1 C420\nFRAME\n"
        + frame.tobytes()
        + bytes([128]) * (640 * 480 // 2)
    )
    return path


@pytest.fixture(scope="session")
def browser(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Start a real Chromium."""
    film = _film(tmp_path_factory.mktemp("camera") / "code.y4m")
    camera = ("--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={film}")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=[*QUIET, *camera])
        yield started
        started.close()


@dataclass
class Person:
    """Somebody with a browser of their own."""

    context: BrowserContext
    url: str
    line: Line
    # As it stands in a cookie, so that the line knows whose browser asks.
    name: str
    complaints: list[str] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)

    @property
    def page(self) -> Page:
        """The tab in front."""
        return self.pages[-1]

    def open(self, path: str = "/app/") -> Page:
        """Open another tab."""
        page = self.context.new_page()
        self.pages.append(page)
        page.goto(self.url + path)
        return page

    def sign_in(self, account: Account) -> Page:
        """Sign in on the page that everybody meets first."""
        page = self.open()
        page.get_by_label("E-mail").fill(account.email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.locator("header.top").wait_for()
        return page

    def cut(self) -> None:
        """Take the signal away."""
        # A tab that has just been opened may not know yet that it has none.
        self.line.cut.add(self.name)
        self.context.set_offline(True)

    def connect(self) -> None:
        """Give the signal back."""
        self.line.cut.discard(self.name)
        self.context.set_offline(False)

    def heard(self, message: ConsoleMessage) -> None:
        """Remember what a page complains of; that there is no network it may say."""
        if message.type in ("error", "warning") and "net::ERR_" not in message.text:
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def watch(self, page: Page) -> None:
        """Listen to a tab."""
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", self.heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._asked)

    def _asked(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https") and f"{parts.scheme}://{parts.netloc}" != self.url:
            self.complaints.append(f"asked another host: {request.url}")


def until(page: Page, holds: str) -> None:
    """Ask the page until it says yes; its own policy lets nobody wait inside it."""
    for _ in range(PATIENCE_MS // LOOK_MS):
        if page.evaluate(holds):
            return
        page.wait_for_timeout(LOOK_MS)
    raise AssertionError(holds)


def by_day(make: Maker) -> None:
    """Let the company live where midnight is far away."""
    hour = clock.now().hour
    zone = "UTC" if 12 <= hour < 20 else "Asia/Shanghai"

    def move(unit: Unit) -> None:
        organisation = unit.session.get(Organisation, make.org.id)
        assert organisation is not None
        organisation.timezone = zone

    perform(make.system, move)
    make.org.timezone = zone


def turn_to(page: Page, day: date) -> None:
    """Turn the board to a day, and wait until it shows what was on it."""
    asked = re.compile(rf"/v1/dispatch/board\?.*day={day}")
    with page.expect_response(asked) as answer:
        page.get_by_label("Day", exact=True).fill(str(day))
    answer.value.finished()
    page.evaluate("new Promise((shown) => requestAnimationFrame(() => setTimeout(shown)))")


@pytest.fixture
def somebody(
    browser: Browser, served: Served, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Person]]:
    """Return a function that gives somebody a browser; what it showed is kept when the test fails."""
    people: list[Person] = []
    with ExitStack() as stack:

        def come(size: dict[str, int] | None = None) -> Person:
            context = browser.new_context(
                viewport=size or PHONE,  # type: ignore[arg-type]
                locale="en-GB",
                timezone_id="Asia/Shanghai",
            )
            stack.callback(context.close)
            name = str(len(people))
            context.add_cookies([{"name": "person", "value": name, "url": served.url}])
            person = Person(context, served.url, served.line, f"person={name}")
            context.on("page", person.watch)
            people.append(person)
            return person

        failures = request.session.testsfailed
        yield come
        report = getattr(request.node, "call_report", None)
        if (report is not None and report.failed) or request.session.testsfailed > failures:
            _keep_pictures(people, tmp_path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Let fixtures see how their test ended."""
    report = yield
    if report.when == "call":
        item.call_report = report  # type: ignore[attr-defined]
    return report


def _keep_pictures(people: list[Person], folder: Path) -> None:
    for number, person in enumerate(people):
        for tab, page in enumerate(person.pages):
            if page.is_closed():
                continue
            try:
                page.screenshot(path=folder / f"browser-{number}-tab-{tab}.png", full_page=True)
            except BrowserError as error:
                (folder / f"browser-{number}-tab-{tab}.txt").write_text(str(error))
