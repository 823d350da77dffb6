"""Something has happened: the least change is proposed at once, within a budget, and nothing is published."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from core import jobs
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.ids import new_id
from core.unit import perform, reading
from dispatch import actions as dispatch
from dispatch import planner as planners
from dispatch import replanning
from dispatch.days import Day
from dispatch.models import Absence, DayPlan, PlanKind, PlanState
from dispatch.planner import NotReady, Planner, planner
from dispatch.queries import absences, plan_view
from people.models import Technician
from tests.dispatch.standing_days import SHANGHAI, a_day, at, row, standing
from tests.makers import Maker
from work import actions as work
from work.models import Visit, VisitState


@pytest.fixture(scope="module", autouse=True)
def _rested() -> Iterator[None]:
    yield
    planner.close()


def answered(make: Maker, kind: PlanKind, **about: Any) -> DayPlan:
    with reading(make.system) as unit:
        replan = replanning.answer(unit, kind, **({"day": a_day()} | about))
    return perform(make.system, lambda unit: dispatch.keep_replan(unit, replan))


def emergency(make: Maker, visit: Visit, **more: Any) -> DayPlan:
    return answered(make, PlanKind.EMERGENCY, visit_id=visit.id, **more)


def away(make: Maker, who: Technician, from_hour: int, to_hour: int, kind: str = "sick") -> Absence:
    return perform(
        make.system,
        lambda unit: dispatch.note_absence(
            unit, technician_id=who.id, kind=kind, begins_at=at(from_hour), ends_at=at(to_hour)
        ),
    )


def hands(plan: DayPlan) -> dict[str, str]:
    return {
        stop["visit_id"]: route["technician_id"] for route in plan.routes for stop in route["stops"]
    }


def hours(plan: DayPlan) -> dict[str, str]:
    return {stop["visit_id"]: stop["starts_at"] for route in plan.routes for stop in route["stops"]}


def booked(make: Maker, who: Technician, **more: Any) -> list[Visit]:
    """Fill somebody's day from nine to five, so that not two hours are left."""
    perform(make.system, lambda unit: dispatch.set_planning_rules(unit, overtime_min=0))
    return [
        standing(make, who, hour, f"Work at {hour}", order=make.order(**more), duration_min=105)
        for hour in (9, 11, 13, 15)
    ]


def urgent(make: Maker, **more: Any) -> Visit:
    return make.visit(order=make.order(title="Burst pipe", priority=1), duration_min=120, **more)


def test_an_emergency_goes_where_there_is_room_and_nothing_else_moves(make: Maker) -> None:
    ann, ben = make.technician("Ann"), make.technician("Ben")
    booked(make, ann)
    bens = standing(make, ben, 9, "Pump")
    burst = urgent(make)
    plan = emergency(make, burst)
    assert (plan.kind, plan.state) == (PlanKind.EMERGENCY, PlanState.PROPOSED)
    assert hands(plan)[str(burst.id)] == str(ben.id)
    assert {route["technician_id"] for route in plan.routes} == {str(ben.id)}
    assert hours(plan)[str(bens.id)] == at(9).isoformat().replace("+00:00", "Z")
    assert row(make, burst).technician_id is None
    with reading(make.system) as unit:
        [why] = [
            stop["why"]
            for route in plan_view(unit, plan)["routes"]
            for stop in route["stops"]
            if stop["visit_id"] == str(burst.id)
        ]
    assert why["message"]
    perform(make.system, lambda unit: dispatch.publish_plan(unit, plan.id))
    assert row(make, burst).state is VisitState.DISPATCHED
    assert row(make, bens).technician_id == ben.id


def test_where_there_is_no_room_no_more_move_than_the_budget_allows(make: Maker) -> None:
    ann = make.technician("Ann")
    full = booked(make, ann, priority=4)
    burst = urgent(make)
    none = emergency(make, burst, budget=0)
    assert none.routes == []
    assert [left["visit_id"] for left in none.unplaced] == [str(burst.id)]
    assert none.unplaced[0]["reasons"][0]["code"] == "no_time_left"
    one = emergency(make, burst, budget=1)
    assert str(burst.id) in hands(one)
    [left] = one.unplaced
    assert left["visit_id"] in {str(visit.id) for visit in full}
    assert one.asked["budget"] == 1


def test_the_budget_is_the_company_s_where_nobody_says_another(make: Maker) -> None:
    booked(make, make.technician("Ann"), priority=4)
    perform(make.system, lambda unit: dispatch.set_planning_rules(unit, budget=0))
    assert emergency(make, urgent(make)).routes == []


def test_what_is_about_to_begin_stays_to_the_minute(make: Maker, at: Any) -> None:
    ann = make.technician("Ann")
    full = booked(make, ann, priority=4)
    perform(
        make.system,
        lambda unit: work.cancel_order(unit, full[0].order_id, reason="Customer says no"),
    )
    begins = full[1].arrives_at
    assert begins is not None
    at(begins - timedelta(minutes=20))
    burst = urgent(make)
    plan = emergency(make, burst, budget=4, day=full[1].day)
    kept = hours(plan)
    assert kept[str(full[1].id)] == begins.isoformat().replace("+00:00", "Z")
    assert kept[str(burst.id)] > kept[str(full[1].id)]


def test_the_visits_of_somebody_sick_go_to_others_and_what_nobody_can_take_says_why(
    make: Maker,
) -> None:
    ann, ben = make.technician("Ann"), make.technician("Ben", skills=[])
    early = standing(make, ann, 9, "Early")
    pump = standing(make, ann, 13, "Pump")
    skilled = make.order(title="Crane", skills=[{"code": "hydraulics", "level": 1}])
    crane = standing(make, ann, 15, "Crane", order=skilled, duration_min=170)
    bens = standing(make, ben, 9, "Hose")
    away(make, ann, 11, 18)
    plan = answered(make, PlanKind.ABSENCE, technician_id=ann.id)
    assert hands(plan)[str(pump.id)] == str(ben.id)
    assert hours(plan)[str(bens.id)] == at(9).isoformat().replace("+00:00", "Z")
    assert str(early.id) not in plan.seen
    [left] = plan.unplaced
    assert left["visit_id"] == str(crane.id)
    reasons = {one["technician_id"]: one["code"] for one in left["reasons"]}
    assert reasons[str(ben.id)] == "skill_missing"
    perform(make.system, lambda unit: dispatch.publish_plan(unit, plan.id))
    assert row(make, pump).technician_id == ben.id
    assert row(make, crane).technician_id is None


def test_whoever_is_away_the_whole_day_is_planned_for_nothing(make: Maker) -> None:
    ann, ben = make.technician("Ann"), make.technician("Ben")
    locked = standing(make, ann, 10, "Pump", locked=True)
    away(make, ann, 0, 23)
    plan = answered(make, PlanKind.ABSENCE, technician_id=ann.id)
    assert hands(plan) == {str(locked.id): str(ben.id)}


def test_who_is_late_begins_later_and_gives_away_only_what_they_cannot_make(make: Maker) -> None:
    ann, ben = make.technician("Ann"), make.technician("Ben")
    promised = standing(make, ann, 9, "Promised", window_from=at(9), window_to=at(10))
    easy = standing(make, ann, 11, "Easy")
    away(make, ann, 8, 11, kind="late")
    plan = answered(make, PlanKind.ABSENCE, technician_id=ann.id)
    assert hands(plan)[str(promised.id)] == str(ben.id)
    assert hands(plan)[str(easy.id)] == str(ann.id)
    assert hours(plan)[str(easy.id)] >= at(11).isoformat()[:16]


def test_a_cancellation_makes_room_for_what_waits_and_moves_nothing(make: Maker) -> None:
    ann = make.technician("Ann")
    full = booked(make, ann)
    waits = make.visit(order=make.order(title="Waits", priority=2), duration_min=120)
    before = answered(make, PlanKind.CANCELLATION)
    assert before.routes == []
    perform(
        make.system,
        lambda unit: work.cancel_order(unit, full[2].order_id, reason="Customer says no"),
    )
    plan = answered(make, PlanKind.CANCELLATION)
    assert hands(plan)[str(waits.id)] == str(ann.id)
    for visit in (full[0], full[1], full[3]):
        assert visit.arrives_at is not None
        kept = hours(plan)[str(visit.id)]
        assert kept == visit.arrives_at.isoformat().replace("+00:00", "Z")


def test_later_plans_keep_to_an_absence_until_it_is_called_off(make: Maker) -> None:
    ann = make.technician("Ann")
    make.visit(duration_min=60)
    absence = away(make, ann, 0, 23, kind="leave")

    def placed() -> int:
        plan = perform(make.system, lambda unit: dispatch.ask_plan(unit, day=a_day(), seconds=1))
        jobs.drain()
        with reading(make.system) as unit:
            return len(hands(unit.must(DayPlan, plan.id, "gone")))

    assert placed() == 0
    for _ in range(2):
        perform(make.system, lambda unit: dispatch.call_off_absence(unit, absence.id))
    assert placed() == 1


def test_a_longer_search_keeps_to_the_budget_too(make: Maker) -> None:
    ann, ben = make.technician("Ann"), make.technician("Ben")
    full = [*booked(make, ann, priority=4), *booked(make, ben, priority=4)]
    burst = urgent(make)
    plan = perform(
        make.system,
        lambda unit: dispatch.search_replan(
            unit, kind=PlanKind.EMERGENCY, day=a_day(), visit_id=burst.id, budget=1, seconds=1
        ),
    )
    jobs.drain()
    with reading(make.system) as unit:
        plan = unit.must(DayPlan, plan.id, "gone")
    assert plan.state is PlanState.PROPOSED, plan.message
    where = hands(plan)
    assert str(burst.id) in where
    kept = [left["visit_id"] for left in plan.unplaced if left["visit_id"] != str(burst.id)]
    moved = [
        one
        for one in full
        if where.get(str(one.id), str(one.technician_id)) != str(one.technician_id)
    ]
    assert len({*kept, *(str(one.id) for one in moved)} & {str(one.id) for one in full}) <= 1


def test_a_delay_counts_from_the_end_of_what_is_under_way(make: Maker, at: Any) -> None:
    ann = make.technician()
    running = standing(make, ann, 9, "Pump")
    assert running.arrives_at is not None
    now = running.arrives_at + timedelta(minutes=30)
    at(now)
    perform(
        make.as_technician(ann),
        lambda unit: work.start_work(unit, running.id),
        happened_at=running.arrives_at,
    )
    absence = perform(
        make.system,
        lambda unit: dispatch.note_absence(unit, technician_id=ann.id, kind="late", delay_min=20),
    )
    assert (absence.begins_at, absence.ends_at) == (
        now,
        running.arrives_at + timedelta(minutes=80),
    )


@pytest.mark.parametrize(
    "hours",
    [
        {"ends_at": at(8)},
        {"begins_at": at(9), "ends_at": at(9)},
        {},
        {"ends_at": at(9, ahead=800)},
        {"begins_at": at(9, ahead=900), "ends_at": at(10, ahead=900)},
    ],
)
def test_an_absence_that_makes_no_sense_is_refused(make: Maker, hours: dict[str, Any]) -> None:
    ann = make.technician()
    given = {"begins_at": at(10)} | hours
    with pytest.raises(Invalid):
        perform(
            make.system,
            lambda unit: dispatch.note_absence(unit, technician_id=ann.id, kind="sick", **given),
        )


def test_nobody_is_away_twice_at_once_and_the_newest_word_on_a_delay_counts(make: Maker) -> None:
    ann = make.technician("Ann")
    away(make, ann, 9, 12, kind="late")
    later = away(make, ann, 9, 13, kind="late")
    sick = away(make, ann, 10, 18)
    with pytest.raises(Conflict, match="noted as away then already"):
        away(make, ann, 17, 19)
    with pytest.raises(Conflict, match="noted as away then already"):
        away(make, ann, 10, 18)
    away(make, ann, 18, 19, kind="leave")
    with reading(make.system) as unit:
        counts = absences(unit, Day(a_day(), SHANGHAI))
        assert later.id not in {one.id for one in counts}
        assert sick.id in {one.id for one in counts}
    perform(make.system, lambda unit: dispatch.call_off_absence(unit, sick.id))
    away(make, ann, 10, 18)


def test_an_absence_has_an_end_or_a_delay_and_not_both(make: Maker) -> None:
    ann = make.technician("Ann")
    with pytest.raises(Invalid, match="and not both"):
        perform(
            make.system,
            lambda unit: dispatch.note_absence(
                unit, technician_id=ann.id, kind="late", ends_at=at(18), delay_min=30
            ),
        )


def test_what_cannot_be_answered_is_refused_in_words(make: Maker) -> None:
    ann = make.technician()
    pump = standing(make, ann, 9, "Pump", state=VisitState.WORKING)
    far = make.visit(window_from=at(9, ahead=9), window_to=at(12, ahead=9))
    with pytest.raises(Conflict):
        emergency(make, pump)
    with pytest.raises(Conflict, match="promised for a later day"):
        emergency(make, far)
    waiting = urgent(make)
    perform(make.system, lambda unit: work.hold_order(unit, waiting.order_id, reason="parts"))
    with pytest.raises(Conflict, match="waits"):
        emergency(make, waiting)
    with pytest.raises(Conflict, match="later day"):
        emergency(make, standing(make, ann, 9, "Next week", ahead=9))
    with pytest.raises(Invalid):
        answered(make, PlanKind.ABSENCE, technician_id=ann.id)
    with pytest.raises(Invalid):
        answered(make, PlanKind.EMERGENCY)
    with pytest.raises(NotFound):
        perform(make.system, lambda unit: dispatch.call_off_absence(unit, new_id()))
    with pytest.raises(Forbidden), reading(make.as_technician(ann)) as unit:
        replanning.answer(unit, PlanKind.CANCELLATION, day=a_day())


def test_a_planner_that_was_killed_is_started_anew_and_one_that_is_gone_says_so() -> None:
    mine = Planner()
    try:
        assert mine.ask("ready")
        child = mine._child
        assert child is not None
        child.kill()
        child.wait()
        assert mine.ask("ready")
        with pytest.raises(NotReady):
            mine.ask("no such question")
        assert mine.ask("ready")
    finally:
        mine.close()


def test_whoever_asks_a_planner_that_others_hold_up_is_told_so_before_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(planners, "TURN_S", 0.2)
    mine = Planner()
    answers: list[bool] = []
    try:
        assert mine.ask("ready")
        child = mine._child
        assert child is not None
        os.kill(child.pid, signal.SIGSTOP)
        other = threading.Thread(target=lambda: answers.append(mine.ask("ready")))
        other.start()
        while not mine._lock.locked():
            time.sleep(0.01)
        with pytest.raises(NotReady):
            mine.ask("ready")
        os.kill(child.pid, signal.SIGCONT)
        other.join()
        assert answers == [True], "whoever was first is answered"
        assert mine.ask("ready"), "and whoever asks again"
    finally:
        mine.close()
