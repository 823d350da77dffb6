"""From a proposal to the plan that runs: whole, or the visits that are chosen."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from core.errors import Conflict, Invalid
from core.unit import Unit
from dispatch.days import plan_of, who_of
from dispatch.desk import days_at, laid_out
from dispatch.events import PlanPublished
from dispatch.models import DayPlan, PlanState
from dispatch.queries import plan_for, today_of
from dispatch.sentences import said
from dispatch.standing import fresh_breaks, is_settled, overlaid, standing
from work.actions import place_visit
from work.actions.orders import refresh_order
from work.models import OPEN_VISIT, UNDER_WAY, WAITING, Visit, VisitState, WorkOrder

Refused = list[dict[str, Any]]
# What the office has not given out, or the engineer has not answered to.
UNDECIDED = frozenset({VisitState.PROPOSED, VisitState.CONFIRMED, VisitState.DECLINED})
MOST_TOLD = 20
STAYS = "This visit is locked, and the plan has no room for it; it was left as it is."


def publish_plan(
    unit: Unit,
    plan_id: UUID,
    *,
    visit_ids: Sequence[UUID] | None = None,
    technician_ids: Sequence[UUID] | None = None,
) -> DayPlan:
    """Make a proposal the plan that runs. What changed since it was planned is left as it is, and named.

    With `visit_ids` or `technician_ids` only those visits, and those that are given to or taken from
    those technicians, are taken over; the rest of the proposal stays on the table.
    Raises NotFound; Conflict when there is nothing to publish or its days are over, and `would_break` when
    what can be taken over breaks a rule that the whole does not, with what else stands on these days now.
    """
    plan = plan_for(unit, plan_id, change=True)
    if plan.state is PlanState.PUBLISHED:
        return plan
    if plan.state is not PlanState.PROPOSED:
        raise Conflict("Only a finished proposal can be published.", state=plan.state.value)
    first, last = plan.day, plan.day + timedelta(days=plan.days - 1)
    if last < (today := today_of(unit)):
        raise Conflict("The days of this plan are over.", day=last.isoformat())
    places = _places(plan)
    rows = {str(row.id): row for row in _taken(unit, places)}
    refused: Refused = []
    wanted = _chosen(places, rows, visit_ids, technician_ids)
    if wanted is not None and not wanted & places.keys():
        raise Invalid("None of these visits is in the proposal.")
    ready = {
        name: place
        for name, place in places.items()
        if (wanted is None or name in wanted)
        and name not in plan.published
        and _unchanged(plan, name, rows.get(name), refused)
        and _is_of(rows[name], first, last, today, refused)
    }
    if ready and (len(ready) < len(places) or _is_joined(unit, plan)):
        _check_part(unit, plan, ready.keys())
    for name in _settled(unit, plan, [rows[name] for name, place in ready.items() if not place]):
        # What the office has settled is not undone because the plan has no room for it.
        del ready[name]
        refused.append({"visit_id": name, "code": "locked", "message": STAYS})
    orders = {rows[name].order_id for name in ready}
    unit.expect(WorkOrder, orders, lock=True)
    unit.expect_rows(Visit.order_id, orders)
    changed = {
        rows[name].order_id for name in ready if _place(unit, rows[name], ready[name], wanted)
    }
    for order_id in sorted(changed):
        order = unit.take(WorkOrder, order_id)
        if order is not None:
            refresh_order(unit, order)
    _note(unit, plan, ready, refused, whole=wanted is None)
    return plan


def _places(plan: DayPlan) -> dict[str, dict[str, Any] | None]:
    """Return where the proposal has each visit; None for one that it leaves out."""
    places: dict[str, dict[str, Any] | None] = {left["visit_id"]: None for left in plan.unplaced}
    for route in plan.routes:
        for position, stop in enumerate(route["stops"], start=1):
            places[stop["visit_id"]] = stop | {
                "technician_id": route["technician_id"],
                "day": route["day"],
                "position": position,
            }
    return places


def _taken(unit: Unit, places: Mapping[str, Any]) -> list[Visit]:
    """Return the visits as they are now, locked in the order of their ids."""
    ids = [UUID(name) for name in places]
    unit.expect(Visit, ids, lock=True)
    return [row for row in (unit.take(Visit, one) for one in ids) if row is not None]


def _chosen(
    places: Mapping[str, dict[str, Any] | None],
    rows: Mapping[str, Visit],
    visit_ids: Sequence[UUID] | None,
    technician_ids: Sequence[UUID] | None,
) -> set[str] | None:
    if visit_ids is None and technician_ids is None:
        return None
    wanted = {str(one) for one in visit_ids or ()}
    people = {str(one) for one in technician_ids or ()}
    for name, place in places.items():
        row = rows.get(name)
        given = place is not None and place["technician_id"] in people
        if given or (row is not None and str(row.technician_id) in people):
            wanted.add(name)
    return wanted


def _unchanged(plan: DayPlan, name: str, row: Visit | None, refused: Refused) -> bool:
    if row is not None and row.version == plan.seen.get(name):
        return True
    refused.append(
        {
            "visit_id": name,
            "code": "changed",
            "message": "This visit was changed after the plan was made; it was left as it is.",
        }
    )
    return False


def _is_of(row: Visit, first: date, last: date, today: date, refused: Refused) -> bool:
    """Return whether a visit is of the plan's days, left over or without a day; name it if it is of another."""
    if row.day is None or row.day < today or first <= row.day <= last:
        return True
    refused.append(
        {
            "visit_id": str(row.id),
            "code": "changed",
            "message": "This visit is planned for another day; it was left as it is.",
        }
    )
    return False


def _settled(unit: Unit, plan: DayPlan, left_out: Sequence[Visit]) -> set[str]:
    """Return which of the visits that the plan leaves out stay where the office has locked them."""
    today = today_of(unit)
    locked = {
        str(row.id)
        for row in left_out
        if (row.locked or row.start_locked) and row.day is not None and row.day >= today
    }
    if not locked:
        return locked
    pieces = laid_out(unit, days_at(unit, plan.day, plan.days)).pieces()
    asked = {visit.id: visit for visit in pieces.visits}
    return {name for name in locked if is_settled(asked, name)}


def _is_joined(unit: Unit, plan: DayPlan) -> bool:
    """Tell whether something stands with these people now that the planner has not seen."""
    people = {UUID(route["technician_id"]) for route in plan.routes}
    query = select(Visit.id).where(
        Visit.day.between(plan.day, plan.day + timedelta(days=plan.days - 1)),
        Visit.technician_id.in_(people),
        Visit.deleted_at.is_(None),
        Visit.state.in_(OPEN_VISIT),
    )
    return any(str(one) not in plan.seen for one in unit.session.scalars(query))


def _check_part(unit: Unit, plan: DayPlan, chosen: Collection[str]) -> None:
    """See that the chosen visits can be taken over without the rest.

    Raises Conflict with every rule that the days would break then, and who would be put off.
    """
    day = days_at(unit, plan.day, plan.days)
    desk = laid_out(unit, day)
    problem = desk.problem()
    live = standing(problem, desk.holders())
    proposal = plan_of(day, plan.routes, [left["visit_id"] for left in plan.unplaced])
    after = overlaid(problem, live, proposal, chosen)
    broken = list(fresh_breaks(problem, live, proposal, after))
    if not broken:
        return
    titles = {str(row.id): row.order.title for row in desk.visits}
    findings = [
        said(
            one.finding,
            unit.actor.language,
            name=desk.names.get(who_of(one.engineer_id)[0], ""),
            titles=titles,
            clock=lambda s: f"{day.moment(s).astimezone(day.zone):%H:%M}",
            sku=lambda part: part,
        )
        for one in broken[:MOST_TOLD]
    ]
    raise Conflict(
        "This part of the proposal cannot stand alone: {reason}",
        code="would_break",
        reason=findings[0]["message"],
        findings=findings,
    )


def _place(
    unit: Unit, visit: Visit, place: Mapping[str, Any] | None, wanted: set[str] | None
) -> bool:
    """Put a visit where the proposal has it; return whether that changes anything."""
    if visit.state in UNDER_WAY:
        return False
    if place is None:
        if visit.state not in WAITING or visit.day is None:
            return False
        place_visit(
            unit,
            visit,
            technician_id=None,
            day=None,
            arrives_at=None,
            departs_at=None,
            travel_s=None,
            position=None,
            state=VisitState.PROPOSED,
        )
        return True
    technician_id, day = UUID(place["technician_id"]), date.fromisoformat(place["day"])
    stays = (visit.technician_id, visit.day) == (technician_id, day)
    arrives_at = datetime.fromisoformat(place["arrives_at"])
    departs_at = datetime.fromisoformat(place["departs_at"])
    # Of a part the hours tell the order: the numbers of the others are not known here.
    position = place["position"] if wanted is None else None
    known = (visit.arrives_at, visit.departs_at, visit.travel_s, visit.position)
    if (
        stays
        and visit.state not in UNDECIDED
        and known == (arrives_at, departs_at, place["travel_s"], position)
    ):
        return False
    place_visit(
        unit,
        visit,
        technician_id=technician_id,
        day=day,
        arrives_at=arrives_at,
        departs_at=departs_at,
        travel_s=place["travel_s"],
        position=position,
        # Who has said yes to the visit need not say so again because it begins a little later.
        state=visit.state if stays and visit.state not in UNDECIDED else VisitState.DISPATCHED,
    )
    return True


def _note(
    unit: Unit, plan: DayPlan, ready: Collection[str], refused: Refused, *, whole: bool
) -> None:
    plan.published = [*plan.published, *ready]
    told = {one["visit_id"] for one in refused}
    plan.refused = [one for one in plan.refused if one["visit_id"] not in told] + refused
    open_ = _places(plan).keys() - set(plan.published) - {one["visit_id"] for one in plan.refused}
    if whole or not open_:
        plan.state, plan.published_at = PlanState.PUBLISHED, unit.happened_at
    unit.record(PlanPublished(plan.id))
