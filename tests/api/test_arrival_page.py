"""The customer's page that says when somebody comes: what it shows, to whom, for how long, and what it keeps."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from api.limits import limiter
from core.database import Database
from core.unit import perform, reading
from dispatch import positions
from dispatch.tracking import VisitLink, share_arrival
from people.models import Technician
from tests.doors import Visitor, settings_for
from tests.makers import HOUR, MORNING, Maker
from work import actions as work
from work.models import Visit

NINE = MORNING + HOUR / 2


class House:
    """A customer who waits, an engineer who comes, and the page between them."""

    def __init__(self, make: Maker, at: Any, client: FlaskClient) -> None:
        self.make, self.now, self.client = make, at, client
        at(NINE)
        self.ann: Technician = make.technician("Ann Smith 史安", home_lat=31.2, home_lng=121.4)
        self.customer = make.customer(name="Secret Quarry", contact_name="Mrs Hidden")
        site = make.site(self.customer, lat=31.25, lng=121.5)
        self.order = make.order(make.asset(site, public_name="Digger 7"))
        self.visit: Visit = make.visit(
            self.ann, order=self.order, arrives_at=NINE + 2 * HOUR, travel_s=1800
        )
        self.actor = make.as_technician(self.ann)
        self.secret = perform(make.system, lambda unit: share_arrival(unit, self.visit.id))

    def page(self, language: str = "en", secret: str = "") -> str:
        answer = self.client.get(f"/e/{secret or self.secret}?lang={language}")
        assert answer.status_code == 200
        return str(answer.get_data(as_text=True))

    def says(self, language: str = "en") -> tuple[str, str]:
        text = self.page(language)
        stage = re.search("<h2>([^<]+)</h2>", text)
        when = re.search('<p class="when">(?:<strong>)?([^<]*)<', text)
        assert stage is not None
        return stage[1], when[1].strip() if when else ""

    def does(self, action: Callable[..., object], **given: Any) -> None:
        perform(self.actor, lambda unit: action(unit, self.visit.id, **given))


@pytest.fixture
def house(app: Flask, make: Maker, at: Any) -> House:
    """Give a customer with a link."""
    return House(make, at, app.test_client())


def test_the_page_follows_the_engineer_from_the_plan_to_the_end(house: House) -> None:
    assert house.says() == ("Planned", "10:40–11:20")
    house.does(work.start_travel)
    assert house.says() == ("On the way to you", "09:20–09:40")
    house.now(NINE + HOUR)
    house.does(work.arrive)
    assert house.says() == ("With you now", "since 10:00")
    house.does(work.complete_visit, findings="Tightened")
    assert house.says()[0] == "The visit is over"


def test_a_position_makes_it_nearer_and_an_engineer_who_is_late_is_said_to_be(
    house: House,
) -> None:
    perform(house.actor, positions.share_position)
    house.does(work.start_travel)
    perform(
        house.actor,
        lambda unit: positions.report_position(unit, lat=31.25, lng=121.49, at=NINE),
    )
    stage, when = house.says()
    assert (stage, when) == ("On the way to you", "09:00–09:10")
    perform(house.actor, positions.stop_sharing)
    assert house.says()[1] == "09:20–09:40"
    house.now(NINE + 4 * HOUR)
    assert "later than planned" in house.page()


def test_work_that_takes_longer_elsewhere_moves_the_expectation(house: House) -> None:
    first = house.make.visit(house.ann, arrives_at=NINE, duration_min=150)
    perform(house.actor, lambda unit: work.start_work(unit, first.id))
    # Until half past eleven there, half an hour's drive, and it may be ten minutes more or less.
    assert house.says() == ("Planned", "11:30–12:30")
    assert "later than planned" in house.page()


def test_the_page_is_small_without_scripts_and_tells_no_more_than_it_must(house: House) -> None:
    house.does(work.start_travel)
    for language, who in (("en", "Your engineer: Ann<"), ("zh-CN", "史师傅")):
        answer = house.client.get(f"/e/{house.secret}?lang={language}")
        text = answer.get_data(as_text=True)
        assert len(answer.data) < 30_000
        assert "<script" not in text
        assert who in text
        for hidden in (
            "Smith",
            "Secret Quarry",
            "Mrs Hidden",
            house.ann.phone,
            str(house.visit.id),
            house.order.no,
            "121.",
        ):
            assert hidden not in text, hidden
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "noindex" in answer.headers["X-Robots-Tag"]
        assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert house.says("zh-CN")[0] == "正在前往"


def test_a_link_ends_a_day_after_the_visit_and_is_then_as_unknown_as_any_other(
    house: House,
) -> None:
    house.does(work.complete_visit, findings="Tightened")
    house.now(NINE + 23 * HOUR)
    assert house.says()[0] == "The visit is over"
    house.now(NINE + 24 * HOUR)
    gone = house.client.get(f"/e/{house.secret}")
    unknown = house.client.get("/e/fse_" + "x" * 43)
    assert gone.status_code == unknown.status_code == 404
    assert gone.data == unknown.data


def test_a_visit_that_was_called_off_says_so_and_one_without_an_engineer_waits(
    house: House,
) -> None:
    perform(
        house.make.system, lambda unit: work.edit_visit(unit, house.visit.id, technician_id=None)
    )
    assert house.says() == ("A time is being found", "")
    perform(house.make.system, lambda unit: work.cancel_order(unit, house.order.id, reason="Sold"))
    assert house.says()[0] == "This visit was called off"


def test_another_day_shows_the_day_and_the_hours_that_were_promised(house: House) -> None:
    day = NINE.date() + timedelta(days=2)

    def promise(unit: Any) -> None:
        visit = unit.must(Visit, house.visit.id, "gone")
        visit.day, visit.arrives_at = day, NINE + timedelta(days=2)
        visit.window_from = NINE + timedelta(days=2)
        visit.window_to = NINE + timedelta(days=2, hours=3)

    perform(house.make.system, promise)
    assert house.says() == ("Planned", f"{day} 09:00–12:00")


def test_only_the_hash_of_a_secret_is_kept_and_no_other_door_opens_to_it(house: House) -> None:
    with reading(house.make.system) as unit:
        [link] = unit.session.query(VisitLink).all()
        assert house.secret.encode() not in link.secret_hash
    for path in (f"/r/{house.secret}", f"/s/{house.secret}", f"/q/{house.secret}"):
        assert house.client.get(path).status_code == 404


def test_rubbish_at_the_door_is_a_page_and_no_crash(house: House) -> None:
    for secret in ("x", "%00", "..%2f..", "a" * 5000, house.secret.lower(), house.secret + "x"):
        answer = house.client.get(f"/e/{secret}")
        assert answer.status_code == 404, secret
    assert house.client.post(f"/e/{house.secret}").status_code == 405


def test_the_office_makes_the_link_and_nobody_else(
    house: House, sign_in: Callable[..., Visitor]
) -> None:
    office = sign_in(house.make.account("dispatcher"))
    path = f"/v1/visits/{house.visit.id}/arrival-link"
    url = office.send("POST", path, status=201)["url"]
    assert house.says() == ("Planned", "10:40–11:20")
    assert "Planned" in house.page(secret=url.split("/e/")[1])
    for role in ("technician", "storekeeper", "customer"):
        assert sign_in(house.make.account(role)).call("POST", path).status_code == 403
    house.does(work.complete_visit, findings="Tightened")
    assert office.call("POST", path).status_code == 409


def test_one_address_asks_so_often_and_no_more(
    database: Database, tmp_path: Path, house: House
) -> None:
    app = create_app(settings_for(tmp_path, FIELDWRIGHT_LIMITS="on"), db=database)
    limiter.reset()
    client = app.test_client()
    codes = [client.get(f"/e/{house.secret}").status_code for _ in range(61)]
    assert codes == [200] * 60 + [429]
    limiter.reset()
