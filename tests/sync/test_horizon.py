"""Scopes by time: a day passes, nobody writes, and every phone holds what the new day says."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from core import feed
from core.unit import reading, unit_of_work
from people.models import Account, Technician
from sync import horizon
from tests.doors import Phone
from tests.makers import Maker
from work import actions as work
from work.models import Visit, VisitState

# Ten in the evening in Shanghai, where the company works; midnight is two hours away.
EVENING = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
TODAY = date(2026, 3, 2)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)

SetClock = Callable[[datetime], None]


@pytest.fixture(autouse=True)
def _evening(at: SetClock) -> None:
    at(EVENING)


@pytest.fixture
def account(make: Maker) -> Account:
    return make.account("technician")


@pytest.fixture
def ann(make: Maker, account: Account) -> Technician:
    return make.technician("Ann", account=account)


def finished(make: Maker, ann: Technician, day: date) -> Visit:
    """Make a visit that was finished on an earlier day."""
    visit = make.visit(by=ann, day=TODAY)
    with unit_of_work(make.system, action="visit.age") as unit:
        row = unit.must(Visit, visit.id, "gone")
        row.day, row.state = day, VisitState.COMPLETED
    return visit


def held(phone: Phone) -> set[str]:
    return {doc["id"] for doc in phone.docs("visit")}


def test_h14_midnight_passes_and_visits_come_and_go_without_anybody_writing(
    make: Maker, ann: Technician, account: Account, phone: Callable[..., Phone], at: SetClock
) -> None:
    coming = make.visit(by=ann, day=TODAY + 15 * DAY)
    going = finished(make, ann, TODAY - 30 * DAY)
    staying = make.visit(by=ann, day=TODAY)
    mobile = phone(account)
    mobile.pull()
    assert held(mobile) == {str(going.id), str(staying.id)}
    at(EVENING + 2 * HOUR)
    mobile.pull()
    assert held(mobile) == {str(coming.id), str(staying.id)}
    orders = {doc["id"] for doc in mobile.docs("work_order")}
    assert orders == {str(coming.order_id), str(staying.order_id)}
    assert mobile.pull_page() is None, "nothing is new"


def test_h14_the_day_is_the_company_s_and_not_the_server_s(
    make: Maker, ann: Technician, account: Account, phone: Callable[..., Phone], at: SetClock
) -> None:
    coming = make.visit(by=ann, day=TODAY + 15 * DAY)
    mobile = phone(account)
    mobile.pull()
    at(EVENING + 2 * HOUR - timedelta(seconds=1))
    mobile.pull()
    assert held(mobile) == set()
    at(EVENING + 2 * HOUR)
    mobile.pull()
    assert held(mobile) == {str(coming.id)}


def test_h14_what_moves_by_time_keeps_its_version_and_nothing_else_is_written(
    make: Maker, ann: Technician, at: SetClock
) -> None:
    coming = make.visit(by=ann, day=TODAY + 15 * DAY)
    staying = make.visit(by=ann, day=TODAY + 14 * DAY)
    horizon.refresh(make.system)

    def entries() -> dict[str, tuple[int, int]]:
        with reading(make.system) as unit:
            rows = unit.session.execute(
                sa.select(feed.Document.id, feed.FeedEntry.version, feed.FeedEntry.seq)
                .join(feed.FeedEntry, feed.FeedEntry.document_no == feed.Document.no)
                .where(feed.Document.org_id == make.org.id, feed.Document.entity == "visit")
            )
            return {str(row.id): (row.version, row.seq) for row in rows}

    before = entries()
    at(EVENING + 2 * HOUR)
    assert horizon.refresh(make.system) == 1
    after = entries()
    assert after[str(staying.id)] == before[str(staying.id)]
    with reading(make.system) as unit:
        assert unit.must(Visit, coming.id, "gone").version == after[str(coming.id)][0]
    assert horizon.refresh(make.system) == 0


def test_h14_a_server_that_slept_for_weeks_catches_up_at_the_first_pull(
    make: Maker, ann: Technician, account: Account, phone: Callable[..., Phone], at: SetClock
) -> None:
    near = [finished(make, ann, TODAY - n * DAY) for n in (30, 20, 0)]
    far = [make.visit(by=ann, day=TODAY + n * DAY) for n in (15, 40, 60)]
    mobile = phone(account)
    mobile.pull()
    assert held(mobile) == {str(visit.id) for visit in near}
    at(EVENING + 30 * DAY)
    mobile.pull()
    assert held(mobile) == {str(near[2].id), str(far[0].id), str(far[1].id)}


def test_h14_an_unfinished_visit_stays_however_old_it_is(
    make: Maker, ann: Technician, account: Account, phone: Callable[..., Phone], at: SetClock
) -> None:
    visit = make.visit(by=ann, day=TODAY)
    mobile = phone(account)
    mobile.pull()
    at(EVENING + 50 * DAY)
    mobile.pull()
    assert held(mobile) == {str(visit.id)}


def test_h14_a_change_made_while_the_day_turns_is_not_undone(
    make: Maker, ann: Technician, account: Account, phone: Callable[..., Phone], at: SetClock
) -> None:
    ben = make.technician("Ben")
    coming = make.visit(by=ann, day=TODAY + 15 * DAY)
    mobile = phone(account)
    mobile.pull()
    at(EVENING + 2 * HOUR)
    with unit_of_work(make.system, action="visit.edit") as unit:
        work.edit_visit(unit, coming.id, technician_id=ben.id)
    mobile.pull()
    assert held(mobile) == set()
