"""Planning a day: asked as a job, proposed, published row by row, never over what changed meanwhile."""

import threading
import time
from datetime import date, timedelta
from typing import Any

import pytest

from core import clock, jobs
from core.errors import Conflict, Invalid
from core.unit import perform, reading
from dispatch import actions as dispatch
from dispatch.models import DayPlan, PlanState
from dispatch.queries import board, plan_view
from tests.makers import Maker
from work import actions as work
from work.models import Visit, VisitState


def tomorrow() -> date:
    return clock.now().date() + timedelta(days=2)


def planned(make: Maker, **more: Any) -> DayPlan:
    plan = perform(
        make.system, lambda unit: dispatch.ask_plan(unit, day=tomorrow(), seconds=1, **more)
    )
    jobs.drain()
    with reading(make.system) as unit:
        return unit.must(DayPlan, plan.id, "gone")


def visit(make: Maker, row: Visit) -> Visit:
    with reading(make.system) as unit:
        return unit.must(Visit, row.id, "gone")


def test_a_plan_is_a_proposal_until_it_is_published(make: Maker) -> None:
    ann = make.technician()
    waiting = make.visit()
    plan = planned(make)
    assert plan.state is PlanState.PROPOSED, plan.message
    assert visit(make, waiting).state is VisitState.PROPOSED
    perform(make.system, lambda unit: dispatch.publish_plan(unit, plan.id))
    placed = visit(make, waiting)
    assert (placed.state, placed.technician_id, placed.day, placed.position) == (
        VisitState.DISPATCHED,
        ann.id,
        tomorrow(),
        1,
    )


def test_every_unplaced_visit_says_why_for_every_technician(make: Maker) -> None:
    ann, ben = make.technician("Ann"), make.technician("Ben", skills=[])
    part = make.part(sku="PUMP-1")
    crane = make.visit(order=make.order(skills=[{"code": "crane", "level": 2}]))
    pump = make.visit(
        order=make.order(
            skills=[{"code": "hydraulics", "level": 1}], parts=[{"part_id": part.id, "qty": 1}]
        )
    )
    plan = planned(make)
    with reading(make.system) as unit:
        view = plan_view(unit, plan)
    why = {
        left["visit_id"]: {r["technician_id"]: (r["code"], r["message"]) for r in left["reasons"]}
        for left in view["unplaced"]
    }
    assert why[str(crane.id)] == {
        str(ann.id): ("skill_missing", "Ann lacks the skill lifting."),
        str(ben.id): ("skill_missing", "Ben lacks the skill lifting."),
    }
    assert why[str(pump.id)][str(ann.id)] == (
        "part_missing",
        "Ann has not enough of PUMP-1 in the van.",
    )


def test_what_changed_since_the_plan_was_made_is_left_as_it_is_and_named(make: Maker) -> None:
    make.technician()
    ben = make.technician()
    one, other = make.visit(), make.visit()
    plan = planned(make)
    perform(
        make.system,
        lambda unit: work.edit_visit(
            unit, one.id, technician_id=ben.id, day=tomorrow() + timedelta(days=1)
        ),
    )
    published = perform(make.system, lambda unit: dispatch.publish_plan(unit, plan.id))
    assert [refused["visit_id"] for refused in published.refused] == [str(one.id)]
    assert visit(make, one).day == tomorrow() + timedelta(days=1)
    assert visit(make, other).day == tomorrow()


def test_published_twice_it_is_published_once(make: Maker) -> None:
    make.technician()
    waiting = make.visit()
    plan = planned(make)
    for _ in range(2):
        perform(make.system, lambda unit: dispatch.publish_plan(unit, plan.id))
    assert visit(make, waiting).version == 2


def test_a_cancelled_plan_is_never_published(make: Maker) -> None:
    make.technician()
    make.visit()
    plan = perform(make.system, lambda unit: dispatch.ask_plan(unit, day=tomorrow(), seconds=1))
    perform(make.system, lambda unit: dispatch.cancel_plan(unit, plan.id))
    jobs.drain()
    with pytest.raises(Conflict):
        perform(make.system, lambda unit: dispatch.publish_plan(unit, plan.id))


def test_a_search_that_is_called_off_ends_at_once(make: Maker) -> None:
    make.technician()
    make.visit()
    plan = perform(make.system, lambda unit: dispatch.ask_plan(unit, day=tomorrow(), seconds=60))
    searching = threading.Thread(target=jobs.drain)
    searching.start()
    begun = time.monotonic()
    while state_of(make, plan) is PlanState.QUEUED:
        time.sleep(0.05)
    perform(make.system, lambda unit: dispatch.cancel_plan(unit, plan.id))
    searching.join()
    assert time.monotonic() - begun < 30
    assert state_of(make, plan) is PlanState.CANCELLED


def test_a_search_tells_how_far_it_is_though_the_solver_is_silent(make: Maker) -> None:
    ann = make.technician()
    make.visit(by=ann, day=tomorrow(), arrives_at=clock.now() + timedelta(days=2))
    plan = perform(make.system, lambda unit: dispatch.ask_plan(unit, day=tomorrow(), seconds=4))
    searching = threading.Thread(target=jobs.drain)
    searching.start()
    seen = set()
    while searching.is_alive():
        with reading(make.system) as unit:
            seen.add(unit.must(DayPlan, plan.id, "gone").progress)
        time.sleep(0.1)
    assert any(0 < progress < 100 for progress in seen)


def state_of(make: Maker, plan: DayPlan) -> PlanState:
    with reading(make.system) as unit:
        return unit.must(DayPlan, plan.id, "gone").state


def test_a_day_that_is_over_is_not_planned(make: Maker) -> None:
    with pytest.raises(Invalid):
        perform(
            make.system,
            lambda unit: dispatch.ask_plan(unit, day=clock.now().date() - timedelta(days=3)),
        )


def test_a_locked_visit_stays_with_its_technician_and_a_window_is_kept(make: Maker) -> None:
    make.technician("Near", home_lat=31.25, home_lng=121.5)
    far = make.technician("Far", home_lat=31.6, home_lng=121.9)
    locked = make.visit(by=far, day=tomorrow(), locked=True)
    opens = clock.now().replace(hour=5, minute=0, second=0, microsecond=0) + timedelta(days=2)
    order = make.order(window_from=opens, window_to=opens + timedelta(hours=1))
    timed = make.visit(order=order)
    plan = planned(make)
    perform(make.system, lambda unit: dispatch.publish_plan(unit, plan.id))
    assert visit(make, locked).technician_id == far.id
    arrival = visit(make, timed).arrives_at
    assert arrival is not None
    assert arrival <= opens + timedelta(hours=1)


def test_a_day_without_anybody_at_work_still_answers_with_reasons(make: Maker) -> None:
    make.technician(days=[])
    make.visit()
    plan = planned(make)
    assert plan.state is PlanState.PROPOSED
    assert plan.unplaced[0]["reasons"][0]["code"] == "no_engineer"


def test_the_board_shows_the_day_and_what_waits(make: Maker) -> None:
    ann = make.technician("Ann")
    make.visit(by=ann, day=tomorrow())
    make.visit()
    with reading(make.system) as unit:
        shown = board(unit, tomorrow())
    assert [one["name"] for one in shown["technicians"]] == ["Ann"]
    assert (len(shown["visits"]), len(shown["unplaced"])) == (1, 1)
    assert shown["visits"][0]["site_name"].startswith("Site")


@pytest.mark.parametrize(
    "changes",
    [
        {"window_from": clock.now(), "window_to": clock.now() - timedelta(hours=1)},
        {"day": date(2020, 1, 1)},
        {"day": clock.now().date(), "arrives_at": clock.now() + timedelta(days=90)},
    ],
)
def test_what_no_plan_could_hold_is_not_taken(make: Maker, changes: dict[str, Any]) -> None:
    ann = make.technician()
    waiting = make.visit(by=ann)
    with pytest.raises(Invalid):
        perform(make.system, lambda unit: work.edit_visit(unit, waiting.id, **changes))
