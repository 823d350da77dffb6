"""A part of a proposal is taken over only where it can stand alone; what changed meanwhile is left as it is."""

from datetime import timedelta
from typing import Any

import pytest

from core.errors import Conflict, Invalid
from core.ids import new_id
from core.unit import perform, reading
from dispatch import actions as dispatch
from dispatch.actions.plans import new_plan
from dispatch.asking import Asking
from dispatch.models import DayPlan, PlanKind, PlanState
from people.models import Technician
from tests.dispatch.standing_days import a_day, at, row, standing
from tests.makers import Maker
from work import actions as work
from work.models import Visit, VisitState


def proposal(
    make: Maker,
    routes: dict[Technician, list[tuple[Visit, int]]],
    unplaced: tuple[Visit, ...] = (),
) -> DayPlan:
    """A proposal with these visits at these hours, as the planner might have made it."""

    def write(unit: Any) -> DayPlan:
        plan = new_plan(unit, a_day(), 1, Asking(), kind=PlanKind.PLAN, seconds=1)
        visits = [visit for stops in routes.values() for visit, _ in stops] + list(unplaced)
        plan.seen = {str(visit.id): unit.must(Visit, visit.id, "gone").version for visit in visits}
        plan.routes = [
            {
                "technician_id": str(who.id),
                "day": str(a_day()),
                "leaves_at": stamp(min(hour for _, hour in stops) - 1),
                "returns_at": stamp(max(hour for _, hour in stops) + 2),
                "travel_s": 1800,
                "return_travel_s": 600,
                "work_s": 3600 * len(stops),
                "rests": [],
                "stops": [
                    {
                        "visit_id": str(visit.id),
                        "arrives_at": stamp(hour),
                        "starts_at": stamp(hour),
                        "departs_at": stamp(hour + 1),
                        "travel_s": 600,
                        "why": None,
                    }
                    for visit, hour in stops
                ],
            }
            for who, stops in routes.items()
        ]
        plan.unplaced = [{"visit_id": str(visit.id), "reasons": []} for visit in unplaced]
        plan.state = PlanState.PROPOSED
        return plan

    return perform(make.system, write)


def stamp(hour: int) -> str:
    return at(hour).isoformat().replace("+00:00", "Z")


def publish(make: Maker, plan: DayPlan, **chosen: Any) -> DayPlan:
    return perform(make.system, lambda unit: dispatch.publish_plan(unit, plan.id, **chosen))


def test_chosen_visits_are_taken_over_and_the_rest_stays_on_the_table(make: Maker) -> None:
    ann, ben = make.technician("Ann"), make.technician("Ben")
    one, other = make.visit(duration_min=60), make.visit(duration_min=60)
    plan = proposal(make, {ann: [(one, 9)], ben: [(other, 10)]})
    part = publish(make, plan, visit_ids=[one.id])
    assert (part.state, part.published) == (PlanState.PROPOSED, [str(one.id)])
    assert (row(make, one).technician_id, row(make, other).technician_id) == (ann.id, None)
    version = row(make, one).version
    whole = publish(make, plan, technician_ids=[ben.id])
    assert whole.state is PlanState.PUBLISHED
    assert row(make, other).arrives_at == at(10)
    assert row(make, one).version == version


def test_a_part_that_breaks_a_rule_the_whole_keeps_is_refused_with_the_rule(make: Maker) -> None:
    ann, ben = make.technician("Ann"), make.technician("Ben")
    pump = standing(make, ann, 9, "Pump")
    hose = make.visit(order=make.order(title="Hose"), duration_min=60)
    # The proposal gives Ann's pump to Ben and the hose to Ann at the same hour.
    plan = proposal(make, {ann: [(hose, 9)], ben: [(pump, 9)]})
    with pytest.raises(Conflict) as refusal:
        publish(make, plan, visit_ids=[hose.id])
    assert refusal.value.code == "would_break"
    messages = [one["message"] for one in refusal.value.details["findings"]]
    assert any("would begin" in message and "later" in message for message in messages)
    assert row(make, hose).technician_id is None
    publish(make, plan, visit_ids=[hose.id, pump.id])
    assert (row(make, hose).technician_id, row(make, pump).technician_id) == (ann.id, ben.id)


def test_of_a_whole_with_something_refused_the_rest_must_stand_alone_too(make: Maker) -> None:
    ann, ben = make.technician("Ann"), make.technician("Ben")
    pump = standing(make, ann, 9, "Pump")
    hose = make.visit(order=make.order(title="Hose"), duration_min=60)
    plan = proposal(make, {ann: [(hose, 9)], ben: [(pump, 9)]})
    # Somebody changes the pump, so that it stays with Ann at the hour that the hose was to have.
    perform(make.system, lambda unit: work.edit_visit(unit, pump.id, locked=True))
    with pytest.raises(Conflict) as refusal:
        publish(make, plan)
    assert refusal.value.code == "would_break"
    assert row(make, hose).technician_id is None


def test_a_whole_does_not_push_aside_what_came_into_the_day_since(make: Maker) -> None:
    ann = make.technician("Ann")
    hose = make.visit(order=make.order(title="Hose"), duration_min=60)
    plan = proposal(make, {ann: [(hose, 9)]})
    standing(make, ann, 9, "Pump")
    with pytest.raises(Conflict) as refusal:
        publish(make, plan)
    assert refusal.value.code == "would_break"


def test_of_a_part_only_what_is_as_it_was_seen_is_taken_over(make: Maker) -> None:
    ann = make.technician("Ann")
    one, other = make.visit(duration_min=60), make.visit(duration_min=60)
    plan = proposal(make, {ann: [(one, 9), (other, 11)]})
    perform(make.system, lambda unit: work.edit_visit(unit, one.id, locked=True))
    part = publish(make, plan, technician_ids=[ann.id])
    assert [refused["visit_id"] for refused in part.refused] == [str(one.id)]
    assert row(make, one).technician_id is None
    assert row(make, other).technician_id == ann.id


def test_a_visit_that_is_not_in_the_proposal_cannot_be_chosen(make: Maker) -> None:
    ann = make.technician()
    plan = proposal(make, {ann: [(make.visit(), 9)]})
    with pytest.raises(Invalid):
        publish(make, plan, visit_ids=[new_id()])
    with pytest.raises(Invalid):
        publish(make, plan, visit_ids=[])


def test_what_stays_where_it_was_is_not_touched_and_who_said_yes_need_not_say_so_again(
    make: Maker,
) -> None:
    ann = make.technician()
    same, later = standing(make, ann, 9, "Pump", travel_s=600, position=1), make.visit()
    perform(make.as_technician(ann), lambda unit: work.accept_visit(unit, same.id))
    version = row(make, same).version
    publish(make, proposal(make, {ann: [(same, 9), (later, 11)]}))
    assert (row(make, same).version, row(make, same).state) == (version, VisitState.ACCEPTED)
    perform(make.as_technician(ann), lambda unit: work.accept_visit(unit, later.id))
    publish(make, proposal(make, {ann: [(same, 10), (later, 12)]}))
    assert row(make, same).state is VisitState.ACCEPTED
    assert row(make, same).arrives_at == at(10)


def test_a_part_may_take_a_visit_out_of_the_plan(make: Maker) -> None:
    ann = make.technician()
    pump = standing(make, ann, 9, "Pump")
    plan = proposal(make, {ann: [(make.visit(), 12)]}, unplaced=(pump,))
    publish(make, plan, visit_ids=[pump.id])
    assert (row(make, pump).technician_id, row(make, pump).day) == (None, None)


def test_a_visit_under_way_is_left_alone(make: Maker) -> None:
    ann, ben = make.technician(), make.technician()
    pump = standing(make, ann, 9, "Pump", state=VisitState.TRAVELLING)
    publish(make, proposal(make, {ben: [(pump, 10)]}))
    assert row(make, pump).technician_id == ann.id


def test_a_plan_of_yesterday_s_prices_is_still_published_whole(make: Maker) -> None:
    ann = make.technician()
    visit = make.visit(duration_min=60)
    plan = proposal(make, {ann: [(visit, 9)]})
    perform(make.system, lambda unit: dispatch.set_planning_rules(unit, weights={"travel": 2}))
    assert publish(make, plan).state is PlanState.PUBLISHED
    with reading(make.system) as unit:
        assert unit.must(DayPlan, plan.id, "gone").published_at is not None
    assert at(9) + timedelta(hours=1) == row(make, visit).departs_at


def test_a_locked_visit_for_which_there_is_no_room_stays_where_the_office_has_it(
    make: Maker,
) -> None:
    ann = make.technician("Ann")
    pump = standing(make, ann, 9, "Pump", locked=True)
    hose = standing(make, ann, 11, "Hose")
    plan = proposal(make, {}, (pump, hose))
    published = publish(make, plan)
    assert (row(make, pump).technician_id, row(make, pump).arrives_at) == (ann.id, at(9))
    assert row(make, hose).technician_id is None
    [told] = published.refused
    assert (told["visit_id"], told["code"]) == (str(pump.id), "locked")
    assert published.state is PlanState.PUBLISHED


def test_a_visit_locked_to_somebody_who_is_away_that_day_is_given_up_with_its_lock(
    make: Maker,
) -> None:
    ann = make.technician("Ann")
    pump = standing(make, ann, 9, "Pump", locked=True, start_locked=True)
    perform(
        make.system,
        lambda unit: dispatch.note_absence(
            unit, technician_id=ann.id, kind="sick", begins_at=at(6), ends_at=at(22)
        ),
    )
    publish(make, proposal(make, {}, (pump,)))
    left = row(make, pump)
    assert (left.technician_id, left.day, left.locked, left.start_locked) == (
        None,
        None,
        False,
        False,
    )
