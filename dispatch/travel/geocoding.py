"""Places from addresses, by any geocoder that geopy knows; asked seldom, and remembered.

What was found stands in a small SQLite file that all processes of a machine share, together with
whose turn it is: a public service is asked by all of them together no faster than its terms allow.
"""

import inspect
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from geopy.adapters import URLLibAdapter
from geopy.distance import geodesic
from geopy.exc import GeocoderRateLimited, GeopyError
from geopy.geocoders import get_geocoder_for_service

from core import clock
from core.settings import Geocoder, SettingsError
from dispatch.engine.problem import Place
from dispatch.travel.calls import ServiceError

TIMEOUT_S = 5
LONGEST_WAIT_S = 10.0
LONGEST_ADDRESS = 300
# What was not found today may be on the map next week.
NOTHING_FOUND_KEPT = timedelta(days=1)
# By which name geocoders take their key.
KEY_NAMES = ("api_key", "apikey", "access_token", "auth_token", "consumer_key")

TABLES = """
create table if not exists found (
    service text, query text, lat real, lng real, name text, until real,
    place integer, primary key (service, query, place)
);
create table if not exists turn (service text primary key, next_at real)
"""


@dataclass(frozen=True, slots=True)
class Found:
    """A place, and what the geocoder calls it."""

    place: Place
    name: str


class Geocoding:
    """The way from addresses to places."""

    def __init__(self, geocoder: Geocoder, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._service = geocoder.service
        self._asks = _client(geocoder)
        self._cache = geocoder.cache
        self._pause_s = geocoder.pause_ms / 1000
        self._kept = timedelta(days=geocoder.days)
        self._sleep = sleep

    def place_of(self, address: str, *, near: Place | None = None) -> Found | None:
        """Return the place of an address, of several the one nearest to `near`; None if there is none.

        Raises ServiceError when it is not remembered and the service is away or not to be asked yet.
        """
        query = " ".join(address.split())[:LONGEST_ADDRESS]
        if not query:
            return None
        found = self._remembered(query)
        if found is None:
            self._wait_for_turn()
            found = self._ask(query)
            self._remember(query, found)
        if near is None or not found:
            return found[0] if found else None
        return min(found, key=lambda one: metres_between(near, one.place))

    def _ask(self, query: str) -> list[Found]:
        try:
            locations = self._asks.geocode(query, exactly_one=False, timeout=TIMEOUT_S) or []
        except GeocoderRateLimited as error:
            self._put_off(float(error.retry_after or 60))
            raise ServiceError(f"{self._service} wants to be left alone for a while") from error
        except (GeopyError, OSError) as error:
            raise ServiceError(f"{self._service} did not answer: {error}") from error
        return [
            Found(Place(float(one.latitude), float(one.longitude)), str(one.address))
            for one in locations
        ]

    @contextmanager
    def _file(self) -> Iterator[sqlite3.Connection]:
        self._cache.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self._cache, timeout=10, isolation_level=None)
        try:
            db.executescript(TABLES)
            db.execute("begin immediate")
            yield db
            db.execute("commit")
        finally:
            db.close()

    def _remembered(self, query: str) -> list[Found] | None:
        now = clock.now().timestamp()
        with self._file() as db:
            rows = db.execute(
                "select lat, lng, name from found where service = ? and query = ? and until > ?"
                " order by place",
                (self._service, query, now),
            ).fetchall()
        if not rows:
            return None
        return [Found(Place(lat, lng), name) for lat, lng, name in rows if lat is not None]

    def _remember(self, query: str, found: list[Found]) -> None:
        kept = self._kept if found else NOTHING_FOUND_KEPT
        until = (clock.now() + kept).timestamp()
        rows: list[tuple[Any, ...]] = [
            (self._service, query, one.place.lat, one.place.lng, one.name, until, number)
            for number, one in enumerate(found)
        ]
        rows = rows or [(self._service, query, None, None, None, until, 0)]
        with self._file() as db:
            db.execute(
                "delete from found where (service = ? and query = ?) or until <= ?",
                (self._service, query, clock.now().timestamp()),
            )
            db.executemany("insert into found values (?, ?, ?, ?, ?, ?, ?)", rows)

    def _wait_for_turn(self) -> None:
        with self._file() as db:
            now = clock.now().timestamp()
            row = db.execute("select next_at from turn where service = ?", (self._service,))
            mine = max(now, (row.fetchone() or (0.0,))[0])
            wait = mine - now
            if wait <= LONGEST_WAIT_S:
                self._set_turn(db, mine + self._pause_s)
        if wait > LONGEST_WAIT_S:
            raise ServiceError(f"{self._service} may be asked again in {wait:.0f} s")
        if wait > 0:
            self._sleep(wait)

    def _put_off(self, seconds: float) -> None:
        with self._file() as db:
            self._set_turn(db, clock.now().timestamp() + seconds)

    def _set_turn(self, db: sqlite3.Connection, at: float) -> None:
        db.execute(
            "insert into turn values (?, ?) on conflict do update set next_at = excluded.next_at",
            (self._service, at),
        )


def metres_between(one: Place, other: Place) -> float:
    """Return the shortest way over the WGS-84 ellipsoid."""
    metres: float = geodesic((one.lat, one.lng), (other.lat, other.lng)).meters
    return metres


def _client(geocoder: Geocoder) -> Any:
    try:
        kind = get_geocoder_for_service(geocoder.service)
    except GeopyError as error:
        raise SettingsError(
            f"FIELDWRIGHT_GEOCODER is {geocoder.service!r}; geopy knows no geocoder by that name."
        ) from error
    takes = inspect.signature(kind.__init__).parameters
    # The other adapter asks again by itself, and sleeps for as long as the service says.
    options: dict[str, Any] = {
        "user_agent": "Fieldwright",
        "timeout": TIMEOUT_S,
        "adapter_factory": URLLibAdapter,
    }
    if geocoder.url:
        if "domain" not in takes:
            raise SettingsError(
                f"FIELDWRIGHT_GEOCODER_URL: {geocoder.service} has one address only."
            )
        parts = urlsplit(geocoder.url)
        options |= {"scheme": parts.scheme, "domain": parts.netloc + parts.path}
    if geocoder.key:
        name = next((name for name in KEY_NAMES if name in takes), None)
        if name is None:
            raise SettingsError(f"FIELDWRIGHT_GEOCODER_KEY: {geocoder.service} takes no key.")
        options[name] = geocoder.key
    try:
        return kind(**{name: value for name, value in options.items() if name in takes})
    except (TypeError, GeopyError) as error:
        raise SettingsError(f"The geocoder {geocoder.service} cannot be set up: {error}") from error
