"""Locks: the plan leaves an engineer, a start or both as the office settled them."""

from datetime import timedelta

import pytest

from core import jobs
from core.errors import Invalid
from core.unit import perform, reading
from dispatch import actions as dispatch
from dispatch.models import DayPlan
from dispatch.queries import board
from tests.dispatch.test_placing import a_day, at, check, messages, row, standing
from tests.makers import Maker
from work import actions as work
from work.models import Visit


def lock(make: Maker, visit: Visit, **changes: object) -> Visit:
    return perform(make.system, lambda unit: work.edit_visit(unit, visit.id, **changes))


def plan_day(make: Maker) -> DayPlan:
    plan = perform(make.system, lambda unit: dispatch.ask_plan(unit, day=a_day(), seconds=1))
    jobs.drain()
    with reading(make.system) as unit:
        return unit.must(DayPlan, plan.id, "gone")


def starts(plan: DayPlan) -> dict[str, tuple[str, str]]:
    return {
        stop["visit_id"]: (route["technician_id"], stop["starts_at"])
        for route in plan.routes
        for stop in route["stops"]
    }


def text(hour: int) -> str:
    return at(hour).isoformat().replace("+00:00", "Z")


def test_a_start_that_is_locked_stays_though_an_earlier_one_would_be_cheaper(make: Maker) -> None:
    ann = make.technician("Ann")
    locked = standing(make, ann, 14, "Pump", start_locked=True)
    loose = standing(make, ann, 13, "Hose")
    found = starts(plan_day(make))
    assert found[str(locked.id)][1] == text(14)
    assert str(loose.id) in found


def test_a_start_without_its_engineer_may_go_to_a_colleague_and_with_both_locks_stays(
    make: Maker,
) -> None:
    ann = make.technician("Ann", skills=[])
    ben = make.technician("Ben")
    order = make.order(title="Pump", skills=[{"code": "hydraulics", "level": 1}])
    visit = make.visit(
        by=ann, order=order, day=a_day(), arrives_at=at(11), duration_min=60, start_locked=True
    )
    assert starts(plan_day(make)) == {str(visit.id): (str(ben.id), text(11))}
    lock(make, visit, locked=True)
    assert starts(plan_day(make)) == {}


def test_a_visit_without_a_start_cannot_be_locked_to_it_and_one_that_loses_it_is_let_go(
    make: Maker,
) -> None:
    ann, ben = make.technician("Ann"), make.technician("Ben")
    loose = make.visit()
    with pytest.raises(Invalid):
        lock(make, loose, start_locked=True)
    visit = standing(make, ann, 11, "Pump")
    assert lock(make, visit, start_locked=True).start_locked
    assert not lock(make, visit, technician_id=ben.id).start_locked
    assert row(make, visit).arrives_at is None


def test_a_hand_that_would_move_a_locked_start_is_told_so(make: Maker) -> None:
    ann = make.technician("Ann")
    visit = standing(make, ann, 11, "Pump", start_locked=True)
    assert messages(check(make, visit, ann, at(13))["violations"]) == [
        "Pump is locked to its start at 11:00."
    ]
    assert check(make, visit, ann, None)["starts_at"] == at(11)
    perform(
        make.system,
        lambda unit: setattr(
            unit.must(Visit, visit.id, "gone"), "day", a_day() + timedelta(days=1)
        ),
    )
    assert messages(check(make, visit, ann, at(11))["violations"]) == [
        "Pump is locked to its start on another day."
    ]


def test_what_a_hand_lays_before_a_locked_start_may_not_push_it(make: Maker) -> None:
    ann = make.technician("Ann")
    standing(make, ann, 11, "Pump", start_locked=True)
    hose = make.visit(order=make.order(title="Hose"), duration_min=120)
    said = check(make, hose, ann, at(10))
    assert "Pump is locked to its start at 11:00." in messages(said["violations"])
    assert not said["fits"]


def test_the_board_shows_both_locks(make: Maker) -> None:
    ann = make.technician("Ann")
    standing(make, ann, 11, "Pump", start_locked=True, locked=True)
    with reading(make.system) as unit:
        [shown] = board(unit, a_day())["visits"]
    assert (shown["locked"], shown["start_locked"]) == (True, True)
