"""Positions: told with consent, on shift and under way alone; shown last, forgotten soon."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from core import clock
from core.errors import DomainError, Forbidden
from core.unit import perform, reading
from dispatch import positions
from dispatch.positions import Position
from dispatch.upkeep import forget_positions
from people.models import Technician
from tests.doors import Visitor
from tests.makers import HOUR, MORNING, Maker
from work import actions as work
from work.models import Visit

# Nine o'clock in Shanghai on a Monday.
NINE = MORNING + HOUR / 2


class Field:
    """An engineer with a visit, and a clock that the test turns."""

    def __init__(self, make: Maker, at: Any) -> None:
        self.make, self.set_clock = make, at
        self.now(NINE)
        self.account = make.account("technician")
        self.ann: Technician = make.technician("Ann", account=self.account)
        self.visit: Visit = make.visit(self.ann)
        self.actor = make.as_technician(self.ann)

    def now(self, moment: datetime) -> None:
        self.set_clock(moment)

    def share(self) -> None:
        perform(self.actor, positions.share_position)

    def tell(self, lat: float = 31.2, **more: Any) -> None:
        given = {"lat": lat, "lng": 121.5, "at": clock.now()} | more
        perform(self.actor, lambda unit: positions.report_position(unit, **given))

    def refused(self, **more: Any) -> str:
        with pytest.raises(DomainError) as refusal:
            self.tell(**more)
        return refusal.value.code

    def shown(self) -> list[float]:
        with reading(self.make.actor("dispatcher")) as unit:
            return [one["lat"] for one in positions.positions_shown(unit)]

    def kept(self) -> int:
        with reading(self.make.system) as unit:
            return unit.session.scalar(sa.select(sa.func.count()).select_from(Position)) or 0


@pytest.fixture
def field(make: Maker, at: Any) -> Field:
    """Give an engineer at nine in the morning."""
    return Field(make, at)


def test_nothing_is_known_without_consent_off_shift_or_while_nothing_is_under_way(
    field: Field,
) -> None:
    perform(field.actor, lambda unit: work.start_travel(unit, field.visit.id))
    assert field.refused() == "not_sharing"
    field.share()
    field.tell()
    field.now(NINE + 8 * HOUR)
    assert field.refused() == "off_shift"
    assert field.shown() == []
    field.now(NINE + HOUR)
    perform(field.actor, lambda unit: work.hold_visit(unit, field.visit.id, reason="customer"))
    assert field.refused() == "no_visit"
    assert field.shown() == []
    perform(field.actor, lambda unit: work.start_work(unit, field.visit.id))
    field.tell(31.3)
    assert field.shown() == [31.3]
    perform(field.actor, lambda unit: work.complete_visit(unit, field.visit.id, findings="Done"))
    field.now(NINE + HOUR + timedelta(minutes=1))
    assert field.refused() == "no_visit"
    assert field.shown() == []


def test_only_the_last_position_is_shown_and_what_comes_too_fast_is_let_go(field: Field) -> None:
    field.share()
    perform(field.actor, lambda unit: work.start_travel(unit, field.visit.id))
    field.tell(31.1)
    field.now(NINE + timedelta(seconds=3))
    field.tell(31.2)
    assert field.shown() == [31.1]
    field.now(NINE + timedelta(seconds=20))
    field.tell(31.3)
    assert field.shown() == [31.3]
    assert field.kept() == 2


def test_a_position_is_told_when_it_is_new_or_not_at_all(field: Field) -> None:
    field.share()
    field.now(NINE + HOUR)
    perform(field.actor, lambda unit: work.start_travel(unit, field.visit.id))
    for moment in (timedelta(minutes=-11), timedelta(minutes=6)):
        assert field.refused(at=clock.now() + moment) == "invalid"
    # Just before the visit began is before it all the same.
    field.tell(at=clock.now() - timedelta(minutes=5))
    assert field.kept() == 0


def test_consent_taken_back_forgets_at_once_what_was_known(field: Field) -> None:
    field.share()
    perform(field.actor, lambda unit: work.start_travel(unit, field.visit.id))
    field.tell()
    told = perform(field.actor, positions.stop_sharing)
    assert (told["sharing"], field.kept(), field.shown()) == (False, 0, [])
    assert field.refused() == "not_sharing"
    field.now(NINE + HOUR)
    field.share()
    # What was measured before the new word is not told after it.
    field.tell(at=clock.now() - timedelta(minutes=1))
    assert field.kept() == 0
    field.tell()
    assert field.kept() == 1


def test_positions_are_forgotten_after_the_hours_of_the_setting(field: Field) -> None:
    field.share()
    perform(field.actor, lambda unit: work.start_travel(unit, field.visit.id))
    field.tell()
    field.now(NINE + 23 * HOUR)
    forget_positions(field.make.system)
    assert field.kept() == 1
    field.now(NINE + 24 * HOUR)
    forget_positions(field.make.system)
    assert field.kept() == 0


def test_a_visit_given_to_a_colleague_takes_the_position_off_the_map(field: Field) -> None:
    field.share()
    perform(field.actor, lambda unit: work.start_travel(unit, field.visit.id))
    field.tell()
    ben = field.make.technician("Ben")

    def hand_over(unit: Any) -> None:
        unit.must(Visit, field.visit.id, "gone").technician_id = ben.id

    perform(field.make.system, hand_over)
    assert field.shown() == []


def test_nobody_tells_for_another_and_only_the_office_looks(field: Field) -> None:
    for actor in (field.make.actor("dispatcher"), field.make.actor("customer")):
        with pytest.raises(Forbidden):
            perform(actor, positions.share_position)
    with pytest.raises(Forbidden), reading(field.actor) as unit:
        positions.positions_shown(unit)
    with pytest.raises(Forbidden):
        perform(field.make.actor("technician"), positions.share_position)


def test_another_company_sees_nothing(field: Field, make: Maker) -> None:
    field.share()
    perform(field.actor, lambda unit: work.start_travel(unit, field.visit.id))
    field.tell()
    with reading(Maker().actor("admin")) as unit:
        assert positions.positions_shown(unit) == []


def test_the_doors_take_a_position_and_refuse_rubbish(
    app: Flask, field: Field, sign_in: Callable[..., Visitor]
) -> None:
    field.now(NINE)
    phone = sign_in(field.account)
    assert phone.get("/v1/positions/consent") == {
        "sharing": False,
        "since": None,
        "kept_hours": 24,
    }
    assert phone.send("PUT", "/v1/positions/consent")["sharing"]
    where = {"lat": 31.2, "lng": 121.5, "at": NINE.isoformat()}
    answer = phone.call("POST", "/v1/positions", where)
    assert (answer.status_code, answer.json["code"]) == (409, "no_visit")
    perform(field.actor, lambda unit: work.start_travel(unit, field.visit.id))
    phone.send("POST", "/v1/positions", where, status=204)
    rubbish: list[dict[str, Any]] = [
        {},
        where | {"lat": 91},
        where | {"lat": float("nan")},
        where | {"lng": "east"},
        where | {"at": "2026-03-02T09:00"},
        where | {"at": None},
        where | {"accuracy_m": -1},
        where | {"technician_id": str(field.ann.id)},
    ]
    for one in rubbish:
        assert phone.call("POST", "/v1/positions", one).status_code == 422, one
    office = sign_in(field.make.account("dispatcher"))
    [seen] = office.get("/v1/positions")["items"]
    assert (seen["technician_id"], seen["visit_id"]) == (str(field.ann.id), str(field.visit.id))
    assert not phone.send("DELETE", "/v1/positions/consent")["sharing"]
    assert office.get("/v1/positions")["items"] == []
