"""Plans touch the days that they are made for, and what cannot be planned is refused at every door in the same words."""

from typing import Any

import pytest

from core.errors import Conflict, Invalid, NotFound
from core.ids import new_id
from core.unit import perform, reading
from dispatch import actions as dispatch
from dispatch.actions.plans import new_plan
from dispatch.asking import Asking
from dispatch.comparisons import comparison
from dispatch.desk import days_at, laid_out
from dispatch.models import DayPlan, PlanKind, PlanState
from dispatch.queries import board
from dispatch.questions import candidates
from tests.dispatch.standing_days import a_day, at, row, standing
from tests.dispatch.test_planning_days import placed, planned
from tests.makers import Maker
from work import actions as work
from work.models import Visit, VisitState


def on_the_desk(make: Maker, ahead: int) -> set[Any]:
    with reading(make.system) as unit:
        return {row.id for row in laid_out(unit, days_at(unit, a_day(ahead))).visits}


def written(make: Maker, kind: PlanKind, state: PlanState, **fields: Any) -> DayPlan:
    def write(unit: Any) -> DayPlan:
        plan = new_plan(unit, fields.pop("day", a_day()), 1, Asking(), kind=kind)
        plan.state = state
        for name, value in fields.items():
            setattr(plan, name, value)
        return plan

    return perform(make.system, write)


def test_planning_and_publishing_tomorrow_leaves_today_as_it_is(make: Maker) -> None:
    ann = make.technician()
    today = standing(make, ann, 9, "Today", ahead=0, state=VisitState.DISPATCHED)
    between = standing(make, ann, 9, "Tomorrow", ahead=1, state=VisitState.DISPATCHED)
    waits = make.visit(duration_min=60)
    before = [row(make, visit) for visit in (today, between)]
    plan = planned(make, day=a_day(2))
    assert placed(plan).keys() == {str(waits.id)}
    with reading(make.system) as unit:
        [column] = comparison(unit, [plan.id])["plans"]
    assert {one["visit_id"] for one in column["changes"]} == {str(waits.id)}
    perform(make.system, lambda unit: dispatch.publish_plan(unit, plan.id))
    assert [row(make, visit).version for visit in (today, between)] == [
        visit.version for visit in before
    ]
    assert row(make, waits).day == a_day(2)


def test_what_was_left_over_is_planned_and_what_is_under_way_only_today(make: Maker) -> None:
    ann = make.technician()
    over = standing(make, ann, 9, "Left over", ahead=-1)
    running = standing(make, ann, 11, "Running", ahead=-1, state=VisitState.WORKING)
    assert on_the_desk(make, 0) == {over.id, running.id}
    assert on_the_desk(make, 1) == {over.id}


def test_a_proposal_that_holds_a_visit_of_another_day_leaves_it_there(make: Maker) -> None:
    ann = make.technician()
    today = standing(make, ann, 9, "Today", ahead=0, state=VisitState.DISPATCHED)
    plan = written(
        make,
        PlanKind.PLAN,
        PlanState.PROPOSED,
        seen={str(today.id): row(make, today).version},
        unplaced=[{"visit_id": str(today.id), "reasons": []}],
    )
    told = perform(make.system, lambda unit: dispatch.publish_plan(unit, plan.id))
    assert [one["visit_id"] for one in told.refused] == [str(today.id)]
    assert row(make, today).technician_id == ann.id


def test_a_plan_whose_days_are_over_is_not_published(make: Maker) -> None:
    plan = written(make, PlanKind.PLAN, PlanState.PROPOSED, day=a_day(-1))
    with pytest.raises(Conflict, match="days of this plan are over"):
        perform(make.system, lambda unit: dispatch.publish_plan(unit, plan.id))


def searched(make: Maker, event: PlanKind, **about: Any) -> None:
    asked = {"day": a_day(), "seconds": 5} | about
    perform(make.system, lambda unit: dispatch.search_replan(unit, kind=event, **asked))


def test_a_search_for_an_answer_is_refused_where_the_answer_at_once_is(make: Maker) -> None:
    ann = make.technician()
    loose, waiting = make.visit(), make.visit()
    perform(make.system, lambda unit: work.hold_order(unit, waiting.order_id, reason="parts"))
    with pytest.raises(NotFound):
        searched(make, PlanKind.EMERGENCY, visit_id=new_id())
    with pytest.raises(NotFound):
        searched(make, PlanKind.ABSENCE, technician_id=new_id())
    with pytest.raises(NotFound):
        searched(make, PlanKind.CANCELLATION, visit_id=new_id())
    with pytest.raises(Invalid):
        searched(make, PlanKind.EMERGENCY)
    with pytest.raises(Invalid, match="Nobody is noted"):
        searched(make, PlanKind.ABSENCE, technician_id=ann.id)
    with pytest.raises(Invalid, match="day that is over"):
        searched(make, PlanKind.EMERGENCY, visit_id=loose.id, day=a_day(-1))
    with pytest.raises(Conflict, match="order of this visit waits"):
        searched(make, PlanKind.EMERGENCY, visit_id=waiting.id)
    far = make.visit(window_from=at(9, ahead=9), window_to=at(12, ahead=9))
    with pytest.raises(Conflict, match="promised for a later day"):
        searched(make, PlanKind.EMERGENCY, visit_id=far.id)
    today = standing(make, ann, 9, "Today", ahead=0)
    with pytest.raises(Conflict, match="planned for an earlier day"):
        searched(make, PlanKind.EMERGENCY, visit_id=today.id)


def test_nobody_is_offered_for_a_visit_whose_order_waits(make: Maker) -> None:
    make.technician()
    waiting = make.visit()
    perform(make.system, lambda unit: work.hold_order(unit, waiting.order_id, reason="parts"))
    with (
        pytest.raises(Conflict, match="order of this visit waits"),
        reading(make.system) as unit,
    ):
        candidates(unit, waiting.id, day=a_day())


def why(make: Maker, visit: Visit) -> list[str]:
    with reading(make.system) as unit:
        [left] = [
            one for one in board(unit, a_day())["unplaced"] if str(one["id"]) == str(visit.id)
        ]
    return [reason["code"] for reason in left["reasons"]]


def left_out(visit: Visit, code: str) -> dict[str, Any]:
    reason = {"technician_id": None, "code": code, "details": {}}
    return {"visit_id": str(visit.id), "reasons": [reason]}


def test_visits_that_wait_keep_their_reasons_when_something_else_is_asked(make: Maker) -> None:
    one, other = make.visit(), make.visit()
    both = [left_out(one, "no_engineer"), left_out(other, "no_engineer")]
    written(make, PlanKind.PLAN, PlanState.PUBLISHED, unplaced=both)
    written(make, PlanKind.ABSENCE, PlanState.PROPOSED, unplaced=[])
    written(make, PlanKind.WHAT_IF, PlanState.PROPOSED, unplaced=[left_out(one, "no_time_left")])
    written(make, PlanKind.PLAN, PlanState.QUEUED)
    assert [why(make, visit) for visit in (one, other)] == [["no_engineer"], ["no_engineer"]]
    written(make, PlanKind.ABSENCE, PlanState.PUBLISHED, unplaced=[left_out(one, "no_time_left")])
    assert [why(make, visit) for visit in (one, other)] == [["no_time_left"], ["no_engineer"]]


@pytest.mark.parametrize("whom", ["without", "left_out", "technician_ids"])
def test_a_plan_takes_no_ids_that_are_nobody_s(make: Maker, whom: str) -> None:
    asked: dict[str, Any] = {"day": a_day(), whom: [new_id()]}
    with pytest.raises(NotFound):
        perform(make.system, lambda unit: dispatch.ask_plan(unit, **asked))


def test_a_plan_for_nobody_is_refused(make: Maker) -> None:
    with pytest.raises(Invalid, match="somebody to plan for"):
        perform(make.system, lambda unit: dispatch.ask_plan(unit, day=a_day(), technician_ids=[]))


def test_leaving_a_visit_out_has_its_price(make: Maker) -> None:
    with pytest.raises(Invalid) as refusal:
        perform(
            make.system,
            lambda unit: dispatch.set_planning_rules(
                unit, weights={"unplaced.1": 0, "unplaced.2": 1, "late.1": 0}
            ),
        )
    assert set(refusal.value.details["fields"]) == {"unplaced.1"}


def test_a_visit_is_not_moved_to_end_before_it_begins(make: Maker) -> None:
    pump = standing(make, make.technician(), 9, "Pump")
    move = {"visit_id": pump.id, "version": row(make, pump).version, "day": a_day()}
    move |= {"arrives_at": at(12), "departs_at": at(11)}
    with pytest.raises(Invalid, match="end after it begins"):
        perform(make.system, lambda unit: dispatch.move_visits(unit, moves=[move]))
    assert row(make, pump).arrives_at == at(9)
