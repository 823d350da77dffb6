"""The map in a real Chromium: whoever's tiles it shows is named at its edge."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from PIL import Image
from playwright.sync_api import Route, expect
from werkzeug.serving import make_server

from api.app import create_app
from core.database import Database
from sync.streams import watcher
from tests.doors import settings_for
from tests.makers import Maker
from tests.web.conftest import DESK, IN_CHROMIUM, Line, Person, Served, WEB

pytestmark = [
    *IN_CHROMIUM,
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]

TILES = "https://tile.openstreetmap.org/{z}/{x}/{y}.png"


NAMED = [
    ({}, "© OpenStreetMap contributors"),
    ({"FIELDWRIGHT_TILES_ATTRIBUTION": "© Maps & <b>Sons</b>"}, "© Maps & <b>Sons</b>"),
]


@pytest.fixture
def served(database: Database, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    """Serve the application with somebody's tiles behind its maps."""
    settings = settings_for(
        tmp_path, FIELDWRIGHT_WEB=str(WEB), FIELDWRIGHT_TILES_URL=TILES, **request.param
    )
    app = create_app(settings, db=database)
    line = Line(app)
    server = make_server("127.0.0.1", 0, line, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Served(app, f"http://127.0.0.1:{server.port}", line, WEB)
    watcher.stop()
    server.shutdown()
    thread.join(10)
    server.server_close()


def tile(route: Route) -> None:
    """Answer as the host of the tiles would."""
    out = io.BytesIO()
    Image.new("RGB", (256, 256), "#cfe3d8").save(out, "png")
    route.fulfill(body=out.getvalue(), content_type="image/png")


@pytest.mark.parametrize(("served", "named"), NAMED, indirect=["served"])
def test_whose_tiles_they_are_stands_at_the_edge_as_it_was_written(
    make: Maker, somebody: Callable[..., Person], named: str
) -> None:
    make.technician("Ann")
    desk = somebody(DESK)
    desk.context.route("https://tile.openstreetmap.org/**", tile)
    board = desk.sign_in(make.account("dispatcher"))
    expect(board.locator(".leaflet-tile-loaded").first).to_be_visible()
    expect(board.locator(".leaflet-control-attribution")).to_have_text(named)
