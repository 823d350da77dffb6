"""What is overdue is planned, late as it is, and priorities keep their order among what is left out."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from core.unit import unit_of_work
from dispatch.engine.problem import Visit, Weights
from dispatch.leaving import priced
from tests.dispatch.test_planning import planned, tomorrow
from tests.makers import Maker
from work.models import Visit as VisitRow
from work.models import WorkOrder

DAY_S = 24 * 3600
visits = st.lists(
    st.builds(
        lambda number, priority, due, locked: Visit(
            f"v{number}",
            0,
            600,
            priority=priority,
            due_s=due,
            lock_engineer="ann" if locked else None,
        ),
        st.uuids().map(str),
        st.integers(1, 4),
        st.none() | st.integers(0, 2 * DAY_S),
        st.booleans(),
    ),
    max_size=8,
)


@given(visits)
def test_leaving_out_costs_more_than_the_latest_start_and_never_less_than_a_lower_priority(
    asked: list[Visit],
) -> None:
    weights = Weights()
    found = priced(asked, weights, DAY_S)
    assert [visit.id for visit in found] == [visit.id for visit in asked]
    for visit in found:
        assert weights.penalty(visit) > weights.lateness(visit, DAY_S)
        for other in found:
            if visit.priority < other.priority and not other.lock_engineer:
                assert weights.penalty(visit) > weights.penalty(other)


@given(visits)
def test_where_nothing_can_be_late_the_prices_of_the_company_stand(asked: list[Visit]) -> None:
    punctual = [visit for visit in asked if visit.due_s is None or visit.due_s > DAY_S]
    assert priced(punctual, Weights(), DAY_S) == punctual


def overdue(make: Maker, visit: VisitRow) -> None:
    with unit_of_work(make.system, action="order.due") as unit:
        unit.must(WorkOrder, visit.order_id, "gone").due_at = datetime(2020, 1, 1, tzinfo=UTC)


def test_an_overdue_visit_is_planned_even_where_only_the_evening_has_room(make: Maker) -> None:
    make.technician("Ann")
    zone = ZoneInfo("Asia/Shanghai")
    evening = datetime.combine(tomorrow(), datetime.min.time(), zone).astimezone(UTC)
    promised: dict[str, Any] = {
        "window_from": evening + timedelta(hours=14),
        "window_to": evening + timedelta(hours=16),
    }
    late = make.visit(order=make.order(priority=3), duration_min=60, **promised)
    least = make.visit(order=make.order(priority=4), duration_min=60, **promised)
    overdue(make, late)
    overdue(make, least)
    plan = planned(make)
    made = {stop["visit_id"] for route in plan.routes for stop in route["stops"]}
    assert made == {str(late.id), str(least.id)}
    assert plan.unplaced == []
