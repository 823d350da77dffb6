"""A proposal waits while somebody looks at it: the clock goes on, and what it says is still to be had."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from core.errors import Conflict
from core.unit import perform, reading
from dispatch import actions as dispatch
from dispatch import replanning
from dispatch.comparisons import comparison
from dispatch.models import DayPlan, PlanKind
from dispatch.planner import planner
from tests.dispatch.standing_days import a_day, row
from tests.dispatch.standing_days import at as moment
from tests.makers import Maker
from work.models import Visit, VisitState


@pytest.fixture(autouse=True)
def _rested() -> Iterator[None]:
    yield
    planner.close()


def proposed(make: Maker, visits: list[Visit], day: date) -> DayPlan:
    """Propose at once where all of these could go."""
    with reading(make.system) as unit:
        replan = replanning.answer_together(
            unit,
            PlanKind.EMERGENCY,
            day=day,
            wanted=[str(visit.id) for visit in visits],
            event={"causes": []},
        )
    assert replan.plan.unplaced == ()
    return perform(make.system, lambda unit: dispatch.keep_replan(unit, replan))


def two_urgent(make: Maker) -> list[Visit]:
    make.technician("Ann", home_lat=31.0)
    make.technician("Ben", home_lat=31.4)
    return [
        make.visit(order=make.order(title=title, priority=1), duration_min=120)
        for title in ("Burst pipe", "Gas smell")
    ]


def broken(make: Maker, plan: DayPlan) -> list[Any]:
    with reading(make.system) as unit:
        found: list[Any] = comparison(unit, [plan.id])["plans"][0]["broken"]
    return found


def soonest(plan: DayPlan) -> UUID:
    """Return the visit that begins first: nobody could be there as soon as the proposal says any more."""
    stops = [stop for route in plan.routes for stop in route["stops"]]
    return UUID(min(stops, key=lambda stop: stop["starts_at"])["visit_id"])


def test_it_breaks_nothing_because_some_minutes_have_passed(make: Maker, at: Any) -> None:
    visits = {visit.id: visit for visit in two_urgent(make)}
    day, nine = a_day(), moment(9)
    at(nine)
    plan = proposed(make, [*visits.values()], day)
    at(nine + timedelta(minutes=6))
    assert broken(make, plan) == []
    first = visits.pop(soonest(plan))
    perform(make.system, lambda unit: dispatch.publish_plan(unit, plan.id, visit_ids=[first.id]))
    assert row(make, first).state is VisitState.DISPATCHED
    assert [row(make, other).technician_id for other in visits.values()] == [None]


def test_a_part_of_one_that_is_too_old_says_since_when(make: Maker, at: Any) -> None:
    visits = two_urgent(make)
    day, nine = a_day(), moment(9)
    at(nine)
    plan = proposed(make, visits, day)
    at(nine + timedelta(minutes=40))
    [whole] = broken(make, plan)
    assert whole["message"].endswith(
        "would have to leave at 09:00, and can leave at 09:40 at the earliest."
    )
    with pytest.raises(Conflict) as refused:
        perform(
            make.system,
            lambda unit: dispatch.publish_plan(unit, plan.id, visit_ids=[soonest(plan)]),
        )
    [finding] = refused.value.details["findings"]
    assert (finding["code"], finding["details"]["minutes"]) == ("pushed", 40)
