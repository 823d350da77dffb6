"""The unit of work: one commit, savepoints that undo everything, retries, pages."""

import threading

import pytest
import sqlalchemy as sa

from assets.actions import record_repair
from assets.models import Asset, Customer, Repair
from assets.queries import customers
from core import feed
from core.database import Database
from core.errors import Conflict, Invalid, StaleVersion
from core.unit import Unit, perform, reading, unit_of_work
from tests.makers import Maker
from work import actions as work
from work.models import Comment, WorkOrder


def test_what_raises_inside_an_attempt_leaves_no_row_no_event_and_no_trail(make: Maker) -> None:
    order = make.order()
    with unit_of_work(make.system, action="test") as unit:
        work.add_comment(unit, order.id, text="Before")
        with pytest.raises(Conflict), unit.attempt():
            work.add_comment(unit, order.id, text="Inside")
            raise Conflict("No")
        work.add_comment(unit, order.id, text="After")
    with reading(make.system) as unit:
        assert {row.text for row in unit.session.scalars(sa.select(Comment))} == {"Before", "After"}


def test_a_unit_that_raises_writes_nothing(make: Maker) -> None:
    order = make.order()
    with pytest.raises(Conflict), unit_of_work(make.system) as unit:
        work.add_comment(unit, order.id, text="Never")
        raise Conflict("No")
    with reading(make.system) as unit:
        assert unit.session.scalars(sa.select(Comment)).all() == []


def test_a_row_that_was_brought_is_changed_like_any_other(make: Maker) -> None:
    asset = make.asset()

    def line(unit: Unit, title: str) -> Repair:
        return record_repair(
            unit,
            unit.must(Asset, asset.id, "gone"),
            order_no="W-1",
            day=unit.happened_at.date(),
            finished_at=unit.happened_at,
            kind="repair",
            title=title,
        )

    with unit_of_work(make.system, action="test") as unit:
        unit.expect_rows(Repair.order_no, ["W-1"])
        first = line(unit, "Unwritten")
        assert line(unit, "Still unwritten") is first
        unit.session.flush()
        assert line(unit, "Written") is first
    with reading(make.system) as unit:
        (row,) = unit.session.scalars(sa.select(Repair))
        assert (row.id, row.title, row.version) == (first.id, "Written", 2)
        document = unit.session.scalars(
            sa.select(feed.Document).where(
                feed.Document.org_id == make.org.id, feed.Document.id == row.id
            )
        ).one()
        assert document.version == 2


def test_a_row_that_was_brought_inside_an_attempt_that_raises_is_not_there(make: Maker) -> None:
    asset = make.asset()
    with unit_of_work(make.system, action="test") as unit:
        machine = unit.must(Asset, asset.id, "gone")
        line = {
            "day": unit.happened_at.date(),
            "finished_at": unit.happened_at,
            "kind": "repair",
            "title": "Inside",
        }
        with pytest.raises(Conflict), unit.attempt():
            record_repair(unit, machine, order_no="W-1", **line)
            unit.session.flush()
            raise Conflict("No")
        assert unit.rows_of(Repair.order_no, "W-1") == []
        record_repair(unit, machine, order_no="W-1", **(line | {"title": "After"}))
    with reading(make.system) as unit:
        assert [row.title for row in unit.session.scalars(sa.select(Repair))] == ["After"]


def test_eight_people_who_change_one_order_at_once_lose_no_change(
    make: Maker, database: Database
) -> None:
    order = make.order(duration_min=60)

    def longer() -> None:
        for _ in range(10):

            def add(unit: object) -> None:
                row = unit.take(WorkOrder, order.id)  # type: ignore[attr-defined]
                row.duration_min += 1

            perform(make.system, add)

    threads = [threading.Thread(target=longer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(make.system) as unit:
        row = unit.must(WorkOrder, order.id, "gone")
        assert (row.duration_min, row.version) == (140, 81)


def test_whoever_was_overtaken_every_time_is_told_so(make: Maker) -> None:
    order = make.order()

    def overtaken(unit: object) -> None:
        from sqlalchemy.orm.exc import StaleDataError

        raise StaleDataError

    with pytest.raises(StaleVersion):
        perform(make.system, overtaken)
    assert order.version == 1


def test_a_list_in_pages_shows_every_row_once(make: Maker) -> None:
    names = {make.customer(name=f"Customer {number % 3} {number}").name for number in range(23)}
    seen: list[str] = []
    cursor = None
    with reading(make.system) as unit:
        while True:
            page = customers(unit, limit=5, cursor=cursor)
            seen += [row.name for row in page.items]
            cursor = page.next
            if cursor is None:
                break
    assert sorted(seen) == sorted(names)
    assert seen == sorted(seen)


@pytest.mark.parametrize("cursor", ["", "x", "WzFd", "bnVsbA", "W10", "WyJhIiwiYiJd", "ÿ"])
def test_a_cursor_of_another_list_is_refused(make: Maker, cursor: str) -> None:
    with pytest.raises(Invalid), reading(make.system) as unit:
        customers(unit, cursor=cursor)


def test_a_read_sees_one_moment(make: Maker) -> None:
    first = make.customer()
    with reading(make.system) as unit:
        assert len(unit.session.scalars(sa.select(Customer)).all()) == 1
        make.customer()
        assert len(unit.session.scalars(sa.select(Customer)).all()) == 1
    assert first.version == 1
