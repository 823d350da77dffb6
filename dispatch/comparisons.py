"""Proposals beside the plan that runs, or beside one another: laid over it, priced alike, visit by visit."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from core.errors import Conflict, Invalid
from core.unit import Unit
from dispatch.comparing import Change, Sums, Where, changes, moved, sums, terms
from dispatch.days import MOST_DAYS, Day, plan_of, who_of
from dispatch.desk import Desk, days_at, laid_out
from dispatch.engine.plan import Plan
from dispatch.engine.problem import Problem
from dispatch.models import DayPlan, PlanState
from dispatch.queries import plan_for
from dispatch.sentences import said
from dispatch.standing import Broken, fresh_breaks, overlaid, standing
from dispatch.travel.roads import ANSWER_S
from people.permissions import require

MOST_PLANS = 4
COMPARABLE = (PlanState.PROPOSED, PlanState.PUBLISHED)


def comparison(
    unit: Unit, plan_ids: Sequence[UUID] | str, *, against: UUID | None = None
) -> dict[str, Any]:
    """Return what each of the plans would change: against the plan that runs, or against another proposal.

    Every plan is laid over the one that runs today and priced by the company's own prices, so that
    figures can be compared whatever a plan was asked for. `plan_ids` may come as they stand in an
    address, with commas between.
    Raises NotFound, Invalid for too many, Conflict for plans without an answer or of other days.
    """
    require(unit.actor, "plan.read")
    plan_ids = _ids(plan_ids) if isinstance(plan_ids, str) else plan_ids
    if not 1 <= len(plan_ids) <= MOST_PLANS:
        raise Invalid("One to four plans can be compared.")
    plans = [_finished(plan_for(unit, one)) for one in plan_ids]
    base = _finished(plan_for(unit, against)) if against is not None else None
    day = _days_of(unit, [*plans, *([base] if base else [])])
    desk = laid_out(unit, day)
    problem = desk.problem(seconds=ANSWER_S)
    live = standing(problem, desk.holders())
    before = live if base is None else _laid(problem, live, day, base)
    titles = {str(row.id): row for row in desk.visits}
    columns = []
    for plan in plans:
        proposal = _own(day, plan)
        after = overlaid(problem, live, proposal)
        found = list(changes(problem, before, after))
        broken = [] if base else list(fresh_breaks(problem, live, proposal, after, hours=False))
        columns.append(
            {
                "plan_id": plan.id,
                "kind": plan.kind,
                "asked": plan.asked,
                "sums": _shown_sums(sums(problem, after)),
                "terms": [
                    {"name": name, "before": old, "after": new}
                    for name, old, new in terms(before.cost, after.cost)
                ],
                "moved": moved(found, _asked_about(plan)),
                "changes": [_shown(desk, titles, one) for one in found],
                "broken": _said(unit, desk, broken),
            }
        )
    return {
        "day": day.day,
        "days": day.days,
        "against": against,
        "before": _shown_sums(sums(problem, before)),
        "plans": columns,
    }


def _ids(written: str) -> list[UUID]:
    try:
        return [UUID(one.strip()) for one in written.split(",")]
    except ValueError:
        raise Invalid(
            "Name the plans by their ids, with commas between.",
            fields={"plans": ["Not a valid UUID."]},
        ) from None


def _finished(plan: DayPlan) -> DayPlan:
    if plan.state not in COMPARABLE or any("leaves_at" not in route for route in plan.routes):
        raise Conflict("Only a finished proposal can be compared.", state=plan.state.value)
    return plan


def _days_of(unit: Unit, plans: Sequence[DayPlan]) -> Day:
    first = min(plan.day for plan in plans)
    last: date = max(plan.day + timedelta(days=plan.days - 1) for plan in plans)
    days = (last - first).days + 1
    if days > MOST_DAYS:
        raise Conflict("These plans are not of the same days.")
    return days_at(unit, first, days)


def _own(day: Day, plan: DayPlan) -> Plan:
    return plan_of(day, plan.routes, [left["visit_id"] for left in plan.unplaced])


def _laid(problem: Problem, live: Plan, day: Day, plan: DayPlan) -> Plan:
    return overlaid(problem, live, _own(day, plan))


def _asked_about(plan: DayPlan) -> dict[str, Any]:
    """Return the visits that a plan was made for: that they move is no surprise."""
    event = plan.asked.get("event", {})
    about = [event, *event.get("causes", ())]
    return {one["visit_id"]: True for one in about if one.get("visit_id")}


def _shown_sums(of: Sums) -> dict[str, Any]:
    return {
        "placed": of.placed,
        "left_out": of.left_out,
        "late": of.late,
        "travel_min": of.travel_s // 60,
        "overtime_min": of.overtime_s // 60,
        "work_min": of.work_s // 60,
        "cost": of.cost.total,
    }


def _shown(desk: Desk, rows: Mapping[str, Any], one: Change) -> dict[str, Any]:
    row = rows[one.visit_id]
    return {
        "visit_id": one.visit_id,
        "no": row.no,
        "title": row.order.title,
        "priority": row.order.priority,
        "difference": one.difference.value,
        "before": _shown_where(desk, one.before),
        "after": _shown_where(desk, one.after),
        "late_before_min": one.late_before_s // 60,
        "late_after_min": one.late_after_s // 60,
    }


def _shown_where(desk: Desk, where: Where | None) -> dict[str, Any] | None:
    if where is None:
        return None
    return {
        "technician_id": where.technician_id,
        "name": desk.names.get(where.technician_id, ""),
        "day": desk.day.dates[where.day],
        "starts_at": desk.day.moment(where.starts_s),
        "departs_at": desk.day.moment(where.departs_s),
    }


def _said(unit: Unit, desk: Desk, broken: Sequence[Broken]) -> list[dict[str, Any]]:
    day, names = desk.day, desk.names
    titles = {str(row.id): row.order.title for row in desk.visits}
    return [
        said(
            one.finding,
            unit.actor.language,
            name=names.get(who_of(one.engineer_id)[0], ""),
            titles=titles,
            clock=lambda s: f"{day.moment(s).astimezone(day.zone):%H:%M}",
            sku=lambda part: part,
        )
        for one in broken
    ]
