"""The numbers people read aloud: nobody's twice, and nobody waits for them."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from core.database import Database
from core.errors import Conflict
from core.numbers import next_number
from core.unit import perform, reading, unit_of_work
from tests.makers import Maker
from work import actions as work
from work.models import Visit, WorkOrder


def test_two_units_that_are_open_both_draw_and_neither_waits_for_the_other(
    make: Maker, database: Database
) -> None:
    if database.sqlite:
        # One writer at a time is what SQLite promises; a second unit does not even open.
        with unit_of_work(make.system) as unit:
            assert [next_number(unit, "WO"), next_number(unit, "WO")] == ["WO-000001", "WO-000002"]
        return
    with unit_of_work(make.system) as first:
        mine = next_number(first, "WO")
        with unit_of_work(make.system) as second:
            second.session.execute(sa.text("SET LOCAL lock_timeout = '1s'"))
            assert (mine, next_number(second, "WO")) == ("WO-000001", "WO-000002")
        assert next_number(first, "WO") == "WO-000003"


def test_writers_who_have_taken_every_connection_still_draw(
    make: Maker, database: Database
) -> None:
    crowd = 1 if database.sqlite else 24
    together = threading.Barrier(crowd)

    def draw(_: int) -> str:
        with unit_of_work(make.system) as unit:
            unit.session.connection()
            together.wait(10)
            return next_number(unit, "WO")

    with ThreadPoolExecutor(crowd) as pool:
        drawn = list(pool.map(draw, range(crowd)))
    assert sorted(drawn) == [f"WO-{number:06d}" for number in range(1, crowd + 1)]


def test_eight_people_who_open_orders_at_once_all_get_numbers_of_their_own(make: Maker) -> None:
    machine = make.asset()

    def open_some(_: int) -> None:
        for _ in range(5):
            perform(
                make.system, lambda unit: work.open_order(unit, title="Leak", asset_id=machine.id)
            )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(open_some, range(8)))
    with reading(make.system) as unit:
        for model in (WorkOrder, Visit):
            numbers = unit.session.scalars(sa.select(model.no)).all()
            assert len(set(numbers)) == len(numbers) == 40


def test_a_unit_that_fails_gives_its_number_to_nobody_twice(make: Maker) -> None:
    with pytest.raises(Conflict), unit_of_work(make.system) as unit:
        next_number(unit, "WO")
        raise Conflict("No")
    with unit_of_work(make.system) as unit:
        after = [next_number(unit, "WO") for _ in range(2)]
    assert len(set(after)) == 2
    assert after == sorted(after)


def test_companies_count_each_for_itself(make: Maker) -> None:
    other = Maker()
    with unit_of_work(make.system) as unit:
        next_number(unit, "WO")
    with unit_of_work(other.system) as unit:
        assert next_number(unit, "WO") == "WO-000001"
