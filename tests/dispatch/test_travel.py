"""Driving times and places: from the stated model, from routers and geocoders, and without them."""

import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from geopy.distance import geodesic

from assets.actions import move_site
from assets.models import Site
from core import clock
from core.errors import Conflict, Forbidden, NotFound
from core.settings import Geocoder, Router, SettingsError, from_environment
from core.unit import perform, reading
from dispatch import addresses
from dispatch.engine.problem import LATEST_S, Place, Problem, ProblemError
from dispatch.engine.travel import TravelModel, paces, straight_km, travel_matrix
from dispatch.travel.calls import ServiceError
from dispatch.travel.drives import drives_between, modelled, service_of
from dispatch.travel.geocoding import Geocoding
from dispatch.travel.roads import ESTIMATED, Roads
from dispatch.travel.services import Matrix, Osrm, Valhalla
from tests.dispatch.services import Speaker, serving
from tests.makers import Maker


def city(size: int) -> list[Place]:
    """Places all over a town, the same each time."""
    rnd = random.Random(size)
    return [Place(31 + rnd.random() / 4, 121 + rnd.random() / 4) for _ in range(size)]


def way(a: Sequence[float], b: Sequence[float]) -> float:
    """Driving seconds as the routers here have it: longer eastwards than back."""
    return round(1000 * (abs(a[0] - b[0]) + abs(a[1] - b[1])) + 50 * (b[0] > a[0]), 1)


def expected(places: Sequence[Place]) -> list[list[int]]:
    points = [(round(p.lng, 6), round(p.lat, 6)) for p in places]
    return [[-int(-way(a, b) // 1) for b in points] for a in points]


def osrm(*, largest: int = 100, **changes: Any) -> Speaker:
    """An OSRM server's table service."""

    def speak(method: str, path: str, query: dict[str, list[str]], _body: Any) -> Any:
        assert (method, path.split("/")[1:4]) == ("GET", ["table", "v1", "car"])
        assert query["annotations"] == ["duration,distance"]
        points = [tuple(map(float, pair.split(","))) for pair in path.split("/")[4].split(";")]
        rows = [points[int(n)] for n in query["sources"][0].split(";")]
        columns = [points[int(n)] for n in query["destinations"][0].split(";")]
        if len(rows) * len(columns) > largest**2:
            return 400, {"code": "TooBig", "message": "Too many table coordinates"}
        seconds: list[list[float | None]] = [[way(a, b) for b in columns] for a in rows]
        if changes.get("island"):
            seconds[0][-1] = None
        metres = [[way(a, b) * 10 for b in columns] for a in rows]
        return 200, {"code": "Ok", "durations": seconds, "distances": metres} | changes

    return speak


def valhalla(*, concise: bool = False) -> Speaker:
    """A Valhalla server's matrix service, in its long or its concise form."""

    def speak(_method: str, path: str, _query: dict[str, list[str]], body: Any) -> Any:
        assert path == "/sources_to_targets"
        assert body["costing"] == "auto"
        points = [
            [(round(p["lon"], 6), round(p["lat"], 6)) for p in body[k]]
            for k in ("sources", "targets")
        ]
        seconds = [[way(a, b) for b in points[1]] for a in points[0]]
        if concise:
            km = [[cell / 100 for cell in row] for row in seconds]
            return 200, {"sources_to_targets": {"durations": seconds, "distances": km}}
        rows = [
            [
                {"from_index": i, "to_index": j, "time": cell, "distance": cell / 100}
                for j, cell in enumerate(row)
            ]
            for i, row in enumerate(seconds)
        ]
        return 200, {"sources_to_targets": rows, "units": "kilometers"}

    return speak


def matrix(_method: str, _path: str, _query: dict[str, list[str]], body: Any) -> Any:
    """A service that answers as openrouteservice does."""
    points = [(round(lng, 6), round(lat, 6)) for lng, lat in body["locations"]]
    rows, columns = ([points[n] for n in body[k]] for k in ("sources", "destinations"))
    return 200, {"durations": [[way(a, b) for b in columns] for a in rows]}


@pytest.mark.parametrize(
    ("kind", "speaker"),
    [(Osrm, osrm()), (Valhalla, valhalla()), (Valhalla, valhalla(concise=True)), (Matrix, matrix)],
    ids=["osrm", "valhalla", "valhalla concise", "matrix"],
)
def test_a_router_is_asked_in_its_own_words_and_piece_by_piece(kind: Any, speaker: Speaker) -> None:
    places = city(11)
    with serving(speaker) as (url, asked):
        drives = drives_between(places, kind(url, side=4))
    assert drives.seconds.tolist() == expected(places)
    assert (drives.source, drives.notes) == (kind.name, ())
    assert len(asked) == 9
    assert not np.array_equal(drives.seconds, drives.seconds.T)


def test_a_router_that_takes_less_at_a_time_is_asked_for_less() -> None:
    places = city(10)
    with serving(osrm(largest=3)) as (url, _):
        drives = drives_between(places, Osrm(url, side=10))
    assert drives.seconds.tolist() == expected(places)


def test_a_pair_without_a_road_is_as_far_as_can_be_and_said_so() -> None:
    with serving(osrm(island=True)) as (url, _):
        drives = drives_between(city(3), Osrm(url))
    assert drives.seconds[0, 2] == LATEST_S
    assert drives.notes == ("osrm knows no road for 1 of 9 pairs.",)


def slow(*_: Any) -> Any:
    time.sleep(0.5)
    return 200, {}


@pytest.mark.parametrize(
    "speaker",
    [
        lambda *_: (503, {"message": "down"}),
        lambda *_: (404, b"<html>not here</html>"),
        lambda *_: (200, b"<html>welcome</html>"),
        lambda *_: (200, ["no object"]),
        lambda *_: (200, {"code": "NoSegment", "message": "far away"}),
        lambda *_: (200, {"code": "Ok"}),
        lambda *_: (200, {"code": "Ok", "durations": [[0, 1]]}),
        osrm(durations=[[0, "1", 1], [1, 0, 1], [1, 1, 0]]),
        osrm(durations=[[0, -1, 1], [1, 0, 1], [1, 1, 0]]),
        osrm(durations=[[0, True, 1], [1, 0, 1], [1, 1, 0]]),
        slow,
    ],
    ids=map(str, count(1)),
)
def test_a_router_in_trouble_never_fails_a_plan_and_the_model_answers(speaker: Speaker) -> None:
    places = city(3)
    with serving(speaker) as (url, _):
        drives = drives_between(places, Osrm(url), seconds=0.2)
    assert np.array_equal(drives.seconds, modelled(places).seconds)
    assert drives.source == "model"
    assert "not osrm's" in drives.notes[0]


def test_a_router_that_is_not_there_never_fails_a_plan() -> None:
    drives = drives_between(city(2), Valhalla("http://127.0.0.1:9"), seconds=0.5)
    assert drives.source == "model"
    assert "did not answer" in drives.notes[0]


def test_the_settings_name_the_router() -> None:
    env = {
        "FIELDWRIGHT_SECRET_KEY": "x" * 32,
        "FIELDWRIGHT_DATABASE_URL": "sqlite://",
        "FIELDWRIGHT_ROUTER": "valhalla",
        "FIELDWRIGHT_ROUTER_URL": "http://roads:8002/",
        "FIELDWRIGHT_ROUTER_SIDE": "7",
    }
    service = service_of(from_environment(env).router)
    assert service is not None
    assert (service.name, service.url, service.side) == ("valhalla", "http://roads:8002", 7)
    assert service_of(from_environment(env | {"FIELDWRIGHT_ROUTER": "none"}).router) is None
    for wrong in (
        {"FIELDWRIGHT_ROUTER_URL": ""},
        {"FIELDWRIGHT_ROUTER_URL": "ftp://x"},
        {"FIELDWRIGHT_ROUTER": "x"},
    ):
        with pytest.raises(SettingsError):
            from_environment(env | wrong)


def question(places: Sequence[Place]) -> Problem:
    return Problem(tuple(places), travel_matrix(places), (), ())


def test_a_day_is_planned_with_the_router_s_times_and_without_it_with_the_model_s() -> None:
    problem = question(city(3))
    with serving(osrm()) as (url, _):
        asked = Roads(Router("osrm", url)).laid(problem)
    assert (asked.problem.travel_s.tolist(), asked.note) == (expected(city(3)), "")
    assert Roads().laid(problem).problem == problem
    silent = Roads(Router("osrm", "http://127.0.0.1:9", seconds=0.2)).laid(problem)
    assert (silent.problem, silent.note) == (problem, ESTIMATED)


def test_roads_that_are_known_are_not_asked_for_again_and_only_what_is_new_is() -> None:
    places = city(9)
    with serving(osrm()) as (url, asked):
        roads = Roads(Router("osrm", url))
        roads.laid(question(places[:6]))
        assert len(asked) == 1
        again = roads.laid(question([places[4], places[0], places[4]]), seconds=0)
        assert again.problem.travel_s.tolist() == expected([places[4], places[0], places[4]])
        assert len(asked) == 1
        more = roads.laid(question(places[:7]))
        assert more.problem.travel_s.tolist() == expected(places[:7])
        points = [len(path.split("/")[4].split(";")) for path in asked[1:]]
        # From the new one to all, and from the others to the new one.
        assert points == [1 + 7, 6 + 1]
        unknown = roads.laid(question(places), seconds=0)
        assert unknown.note == ESTIMATED
        assert len(asked) == 3


def test_a_router_that_did_not_answer_is_left_alone_for_a_while() -> None:
    with serving(lambda *_: (500, {"message": "down"})) as (url, asked):
        roads = Roads(Router("osrm", url))
        for _ in range(3):
            assert roads.laid(question(city(4))).note == ESTIMATED
    assert len(asked) == 1


# The model.


def test_the_model_agrees_with_the_ellipsoid_to_half_a_percent() -> None:
    places = city(30)
    for one, other in pairwise(places):
        metres = geodesic((one.lat, one.lng), (other.lat, other.lng)).meters
        assert straight_km([one, other])[0][1] * 1000 == pytest.approx(metres, rel=0.006)


def test_a_table_of_1700_places_takes_well_under_a_second() -> None:
    places = city(1700)
    travel_matrix(places[:10])
    began = time.process_time()
    table = travel_matrix(places)
    assert time.process_time() - began < 1
    assert table.shape == (1700, 1700)


def test_a_place_where_parking_takes_long_is_farther_to_than_from() -> None:
    places = city(2)
    plain = travel_matrix(places)
    table = travel_matrix(places, arrival_s=[0, 300])
    assert table[0, 1] == plain[0, 1] + 300
    assert table[1, 0] == plain[1, 0]
    with pytest.raises(ProblemError):
        travel_matrix(places, arrival_s=[0, -1])


def test_paces_tell_the_rush_hour_from_the_night() -> None:
    model = TravelModel()
    told = {pace.from_s // 3600: pace.per_mille for pace in paces(model, days=2)}
    mean = model.speed_kmh()
    assert told[7] == round(mean / 28 * 1000)
    assert told[7] == told[24 + 7] > told[9] > told[20]


# Addresses.


class Town:
    """A Nominatim server that knows one street twice, and counts."""

    def __init__(self) -> None:
        self.status = 200

    def __call__(self, _method: str, path: str, query: dict[str, list[str]], _body: Any) -> Any:
        assert path == "/search"
        if self.status == 429:
            return 429, {}, {"Retry-After": "120"}
        if self.status != 200:
            return self.status, {}
        if query["q"] != ["Nanjing Road 1"]:
            return 200, []
        return 200, [
            {"lat": "31.2", "lon": "121.5", "display_name": "Nanjing Road 1, Shanghai"},
            {"lat": "39.9", "lon": "116.4", "display_name": "Nanjing Road 1, Beijing"},
        ]


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """Hold the clock at noon; the test moves it."""
    at = [datetime(2026, 3, 2, 12, tzinfo=UTC)]
    monkeypatch.setattr(clock, "source", lambda: at[0])
    return at


def test_an_address_is_asked_for_once_and_again_when_it_is_old(
    tmp_path: Path, noon: list[datetime]
) -> None:
    with serving(Town()) as (url, asked):
        geocoding = Geocoding(Geocoder("nominatim", tmp_path / "codes.db", url, days=90))
        found = geocoding.place_of("  Nanjing   Road 1 ")
        assert found is not None
        assert (found.place, found.name) == (Place(31.2, 121.5), "Nanjing Road 1, Shanghai")
        near = geocoding.place_of("Nanjing Road 1", near=Place(40, 116))
        assert near is not None
        assert near.name.endswith("Beijing")
        other_process = Geocoding(Geocoder("nominatim", tmp_path / "codes.db", url))
        assert other_process.place_of("Nanjing Road 1") == found
        assert len(asked) == 1
        noon[0] += timedelta(days=91)
        assert geocoding.place_of("Nanjing Road 1") == found
        assert len(asked) == 2


def test_what_is_not_on_the_map_is_asked_for_again_the_day_after(
    tmp_path: Path, noon: list[datetime]
) -> None:
    with serving(Town()) as (url, asked):
        geocoding = Geocoding(Geocoder("nominatim", tmp_path / "codes.db", url))
        assert geocoding.place_of("Nowhere") is None
        assert geocoding.place_of("Nowhere") is None
        assert geocoding.place_of(" ") is None
        assert len(asked) == 1
        noon[0] += timedelta(days=1, seconds=1)
        assert geocoding.place_of("Nowhere") is None
        assert len(asked) == 2


def test_a_service_is_asked_no_faster_than_its_terms_allow(
    tmp_path: Path, noon: list[datetime]
) -> None:
    waited: list[float] = []
    with serving(Town()) as (url, asked):
        told = Geocoder("nominatim", tmp_path / "codes.db", url, pause_ms=4000)
        one, other = (Geocoding(told, sleep=waited.append) for _ in range(2))
        for number, geocoding in enumerate((one, other, one)):
            geocoding.place_of(f"Street {number}")
        assert waited == [pytest.approx(4), pytest.approx(8)]
        with pytest.raises(ServiceError, match="again in 12 s"):
            other.place_of("Street 4")
        assert len(asked) == 3


def test_a_service_that_wants_peace_is_left_in_peace(tmp_path: Path, noon: list[datetime]) -> None:
    town = Town()
    town.status = 429
    with serving(town) as (url, asked):
        geocoding = Geocoding(Geocoder("nominatim", tmp_path / "codes.db", url))
        with pytest.raises(ServiceError, match="left alone"):
            geocoding.place_of("Nanjing Road 1")
        town.status = 200
        with pytest.raises(ServiceError, match="again in"):
            geocoding.place_of("Nanjing Road 1")
        assert len(asked) == 1
        noon[0] += timedelta(seconds=121)
        assert geocoding.place_of("Nanjing Road 1") is not None


def test_a_geocoder_that_is_away_says_so(tmp_path: Path) -> None:
    town = Town()
    town.status = 500
    with serving(town) as (url, _):
        geocoding = Geocoding(Geocoder("nominatim", tmp_path / "codes.db", url))
        with pytest.raises(ServiceError, match="did not answer"):
            geocoding.place_of("Nanjing Road 1")


def test_photon_is_asked_in_its_own_way(tmp_path: Path) -> None:
    def photon(_method: str, path: str, query: dict[str, list[str]], _body: Any) -> Any:
        assert (path, query["q"]) == ("/api", ["Pudong"])
        spot = {"geometry": {"coordinates": [121.5, 31.2]}, "properties": {"name": "Pudong"}}
        return 200, {"features": [spot]}

    with serving(photon) as (url, _):
        found = Geocoding(Geocoder("photon", tmp_path / "codes.db", url)).place_of("Pudong")
    assert found is not None
    assert found.place == Place(31.2, 121.5)


@pytest.mark.parametrize(
    "wrong",
    [
        Geocoder("nobody", Path("x")),
        Geocoder("nominatim", Path("x"), key="k"),
        Geocoder("opencage", Path("x")),
    ],
)
def test_a_geocoder_that_cannot_be_set_up_is_refused_with_a_sentence(wrong: Geocoder) -> None:
    with pytest.raises(SettingsError):
        Geocoding(wrong)


# Addresses of sites.


def test_a_site_is_found_by_its_address_and_moved_by_a_person_alone(
    make: Maker, tmp_path: Path
) -> None:
    site = make.site(address="Nanjing Road 1", lat=31.0, lng=121.0)
    dispatcher = make.actor("dispatcher")
    with pytest.raises(Conflict, match="No map service"):
        addresses.find_site(dispatcher, site.id)
    with serving(Town()) as (url, _):
        addresses.configure(Geocoder("nominatim", tmp_path / "places.db", url, pause_ms=0))
        try:
            found = addresses.find_site(dispatcher, site.id)
            assert found["away_m"] > 1000
            with reading(dispatcher) as unit:
                assert unit.must(Site, site.id, "gone").lat == 31.0
            with pytest.raises(NotFound):
                addresses.find_site(dispatcher, make.site(address="Nowhere 9").id)
            with pytest.raises(Forbidden):
                addresses.find_site(make.actor("technician"), site.id)
        finally:
            addresses.configure(None)
    place = {"lat": found["lat"], "lng": found["lng"]}
    moved = perform(dispatcher, lambda unit: move_site(unit, site.id, **place))
    assert (moved.lat, moved.lng) == (found["lat"], found["lng"])
