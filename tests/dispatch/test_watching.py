"""What happens by itself makes one proposal by itself; nothing is moved without a person."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core import jobs
from core.unit import perform, reading
from dispatch import actions as dispatch
from dispatch import upkeep
from dispatch.models import DayPlan, PlanKind, PlanState
from dispatch.planner import planner
from dispatch.queries import plan_view, proposal_lines
from people.models import Technician
from tests.dispatch.standing_days import a_day, row
from tests.dispatch.standing_days import at as hour_of
from tests.makers import Maker
from work import actions as work
from work.models import Visit

# A Monday in Shanghai, half past eight in the morning.
NOW = datetime(2026, 3, 2, 0, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _morning(at: Any) -> None:
    at(NOW)


@pytest.fixture(scope="module", autouse=True)
def _rested() -> Iterator[None]:
    yield
    planner.close()


def today(hour: int, minute: int = 0) -> datetime:
    return hour_of(hour, minute, ahead=0)


def planned(make: Maker, who: Technician, hour: int, title: str, **more: Any) -> Visit:
    begins = today(hour)
    given = {"duration_min": 60, "arrives_at": begins, "departs_at": begins + timedelta(hours=1)}
    order = more.pop("order", None) or make.order(title=title, priority=4)
    return make.visit(by=who, order=order, day=a_day(0), **(given | more))


def burst(make: Maker, title: str = "Burst pipe") -> Visit:
    return make.visit(order=make.order(title=title, priority=1), duration_min=60)


def looked(make: Maker) -> None:
    upkeep.look(make.system)


def open_plans(make: Maker) -> list[DayPlan]:
    with reading(make.system) as unit:
        lines = proposal_lines(unit, a_day(0))
        return [unit.must(DayPlan, line["id"], "gone") for line in lines]


def hands(plan: DayPlan) -> dict[str, str]:
    return {
        stop["visit_id"]: route["technician_id"] for route in plan.routes for stop in route["stops"]
    }


def said(make: Maker, plan: DayPlan) -> list[str]:
    with reading(make.system) as unit:
        return [one["message"] for one in plan_view(unit, plan)["causes"]]


def test_an_urgent_order_makes_a_proposal_by_itself_and_moves_nothing(make: Maker, at: Any) -> None:
    ann = make.technician("Ann")
    pipe = burst(make)
    assert open_plans(make) == []
    jobs.drain()
    at(NOW + timedelta(seconds=20))
    jobs.drain()
    [plan] = open_plans(make)
    assert (plan.kind, plan.state, plan.by_itself) == (
        PlanKind.EMERGENCY,
        PlanState.PROPOSED,
        True,
    )
    assert hands(plan) == {str(pipe.id): str(ann.id)}
    assert said(make, plan) == ["Urgent and without an engineer: Burst pipe."]
    assert row(make, pipe).technician_id is None
    perform(make.actor("dispatcher"), lambda unit: dispatch.publish_plan(unit, plan.id))
    assert row(make, pipe).technician_id == ann.id
    looked(make)
    assert open_plans(make) == []


def test_a_burst_of_events_makes_one_proposal(make: Maker, at: Any) -> None:
    make.technician("Ann")
    pipes = {str(burst(make, f"Pipe {number}").id) for number in range(4)}
    jobs.drain()
    at(NOW + timedelta(seconds=20))
    jobs.drain()
    [plan] = open_plans(make)
    assert hands(plan).keys() == pipes


def test_what_comes_while_nobody_has_decided_is_answered_together(make: Maker) -> None:
    make.technician("Ann")
    first = burst(make)
    looked(make)
    [earlier] = open_plans(make)
    second = burst(make, "Second pipe")
    looked(make)
    [plan] = open_plans(make)
    assert hands(plan).keys() == {str(first.id), str(second.id)}
    with reading(make.system) as unit:
        old = unit.must(DayPlan, earlier.id, "gone")
        assert old.state is PlanState.CANCELLED
        assert plan_view(unit, old)["message"].startswith("A newer proposal")


def test_what_was_thrown_away_does_not_come_back(make: Maker) -> None:
    make.technician("Ann")
    burst(make)
    looked(make)
    [plan] = open_plans(make)
    perform(make.actor("dispatcher"), lambda unit: dispatch.cancel_plan(unit, plan.id))
    looked(make)
    assert open_plans(make) == []


def test_a_proposal_goes_when_somebody_has_settled_it_by_hand(make: Maker) -> None:
    ann = make.technician("Ann")
    pipe = burst(make)
    looked(make)
    assert len(open_plans(make)) == 1
    perform(
        make.actor("dispatcher"),
        lambda unit: work.edit_visit(unit, pipe.id, technician_id=ann.id, day=a_day(0)),
    )
    looked(make)
    assert open_plans(make) == []


def test_a_company_that_wants_no_proposals_gets_none(make: Maker) -> None:
    make.technician("Ann")
    perform(make.system, lambda unit: dispatch.set_planning_rules(unit, on_events="off"))
    burst(make)
    looked(make)
    assert open_plans(make) == []


def test_what_is_not_urgent_waits_for_the_next_plan(make: Maker) -> None:
    make.technician("Ann")
    make.visit(order=make.order(priority=3), duration_min=60)
    looked(make)
    assert open_plans(make) == []


def test_a_promise_that_ends_soon_and_has_nobody_is_in_danger(make: Maker) -> None:
    ann = make.technician("Ann")
    soon = make.visit(
        order=make.order(title="Pump", priority=4),
        duration_min=30,
        window_from=today(8),
        window_to=today(11),
    )
    looked(make)
    [plan] = open_plans(make)
    assert hands(plan) == {str(soon.id): str(ann.id)}
    assert said(make, plan) == ["The promise for Pump is in danger, and nobody has it yet."]


def test_a_phone_that_says_it_is_late_offers_a_promise_to_somebody_in_time(
    make: Maker, at: Any
) -> None:
    ann, ben = make.technician("Ann"), make.technician("Ben")
    pump = planned(make, ann, 9, "Pump")
    promised = planned(make, ann, 11, "Promised", window_from=today(10), window_to=today(11, 30))
    looked(make)
    assert open_plans(make) == []
    at(today(11))
    perform(make.as_technician(ann), lambda unit: work.start_work(unit, pump.id))
    jobs.drain()
    at(today(11) + timedelta(seconds=20))
    jobs.drain()
    [plan] = open_plans(make)
    assert plan.kind is PlanKind.LATE
    assert hands(plan)[str(promised.id)] == str(ben.id)
    [why] = said(make, plan)
    assert why.startswith("Ann is late: Promised would begin ")
    assert row(make, promised).technician_id == ann.id


def test_work_that_runs_over_without_a_word_is_seen_too(make: Maker, at: Any) -> None:
    ann = make.technician("Ann")
    pump = planned(make, ann, 9, "Pump")
    hose = planned(make, ann, 10, "Hose")
    promised = planned(make, ann, 11, "Promised", window_from=today(10), window_to=today(11, 30))
    at(today(9))
    perform(make.as_technician(ann), lambda unit: work.start_work(unit, pump.id))
    at(today(10, 20))
    looked(make)
    assert open_plans(make) == []
    at(today(10, 45))
    looked(make)
    [plan] = open_plans(make)
    starts = {stop["visit_id"]: stop["starts_at"] for stop in plan.routes[0]["stops"]}
    assert starts[str(promised.id)] < "2026-03-02T03:30"
    assert starts[str(hose.id)] > starts[str(promised.id)]


def test_a_cancellation_offers_the_place_to_what_waits_and_to_nothing_when_nothing_waits(
    make: Maker,
) -> None:
    ann = make.technician("Ann", shift_from="10:00", shift_to="11:30")
    perform(make.system, lambda unit: dispatch.set_planning_rules(unit, overtime_min=0))
    gone = planned(make, ann, 10, "Gone")
    perform(
        make.actor("dispatcher"),
        lambda unit: work.cancel_order(unit, gone.order_id, reason="Customer says no"),
    )
    looked(make)
    assert open_plans(make) == []
    waits = make.visit(order=make.order(title="Waits", priority=3), duration_min=30)
    looked(make)
    [plan] = open_plans(make)
    assert plan.kind is PlanKind.CANCELLATION
    assert hands(plan) == {str(waits.id): str(ann.id)}
    assert said(make, plan) == ["Gone was called off; Ann has time."]


def test_whoever_calls_in_sick_leaves_visits_that_are_offered_to_others(make: Maker) -> None:
    ann, ben = make.technician("Ann"), make.technician("Ben")
    pump = planned(make, ann, 11, "Pump")
    perform(
        make.actor("dispatcher"),
        lambda unit: dispatch.note_absence(
            unit, technician_id=ann.id, kind="sick", begins_at=NOW, ends_at=today(18)
        ),
    )
    looked(make)
    [plan] = open_plans(make)
    assert plan.kind is PlanKind.ABSENCE
    assert hands(plan) == {str(pump.id): str(ben.id)}
    assert said(make, plan) == ["Ann is away."]


def test_what_nobody_can_take_today_finds_its_place_tomorrow(make: Maker, at: Any) -> None:
    make.technician("Ann")
    at(today(20))
    pipe = burst(make)
    looked(make)
    [plan] = open_plans(make)
    assert plan.days == 2
    assert str(pipe.id) in hands(plan)
    assert plan.unplaced == []


def asked_for(make: Maker, ahead: int = 0) -> DayPlan:
    plan = perform(
        make.system, lambda unit: dispatch.ask_plan(unit, day=a_day(ahead), days=2, seconds=1)
    )
    jobs.drain()
    return plan


def state_of(make: Maker, plan: DayPlan) -> PlanState:
    with reading(make.system) as unit:
        return unit.must(DayPlan, plan.id, "gone").state


def test_undecided_proposals_go_together_and_what_was_made_by_itself_stays(make: Maker) -> None:
    make.technician("Ann")
    burst(make)
    looked(make)
    [notice] = open_plans(make)
    plans = [asked_for(make), asked_for(make)]
    later = asked_for(make, ahead=5)
    cleared = perform(
        make.actor("dispatcher"), lambda unit: dispatch.clear_proposals(unit, day=a_day(1))
    )
    assert cleared == 2
    assert [state_of(make, one) for one in (*plans, later, notice)] == [
        PlanState.CANCELLED,
        PlanState.CANCELLED,
        PlanState.PROPOSED,
        PlanState.PROPOSED,
    ]


def test_a_proposal_is_put_away_when_its_last_day_is_over(make: Maker, at: Any) -> None:
    make.technician("Ann")
    plan = asked_for(make)
    at(NOW + timedelta(days=1))
    upkeep.expire_proposals(make.system)
    assert state_of(make, plan) is PlanState.PROPOSED
    at(NOW + timedelta(days=2))
    upkeep.expire_proposals(make.system)
    assert state_of(make, plan) is PlanState.CANCELLED
