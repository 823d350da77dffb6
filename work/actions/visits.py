"""The life of a visit: what the office plans, and what happens on site."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from assets.actions import expect_repairs, record_repair
from assets.models import Asset, AssetState, Site
from core import clock
from core.errors import Conflict, Forbidden, Gone, Invalid, NotFound
from core.ids import new_id
from core.unit import Saying, Unit
from parts.actions import Use, consume_part, expect_uses
from parts.models import Part
from people.models import Technician
from people.permissions import is_field_only, require
from people.queries import technician_for
from work.actions.attention import flag_stranger, raise_attention
from work.actions.orders import add_visit, check_reach, check_window, refresh_order
from work.checklists import left_open
from work.events import VisitChanged, VisitCompleted, VisitDelayed
from work.models import (
    CLAIMABLE,
    CLOSED_ORDER,
    FINISHED,
    UNDER_WAY,
    Hold,
    HoldReason,
    OrderState,
    PartUse,
    Visit,
    VisitState,
    WorkOrder,
)
from work.promises import promise_for
from work.queries import visit_for, visits_of
from work.states import may_follow

_OVER = "The visit is already closed."
# Whoever is no later than that is in time.
DELAY_ALLOWED = timedelta(minutes=5)
PLANNED_AHEAD = timedelta(days=2 * 366)


def place_visit(
    unit: Unit,
    visit: Visit,
    *,
    technician_id: UUID | None,
    day: date | None,
    arrives_at: datetime | None,
    departs_at: datetime | None,
    travel_s: int | None,
    position: int | None,
    state: VisitState,
) -> None:
    """Put a visit into somebody's day, or back among the unplaced."""
    visit.technician_id, visit.day = technician_id, day
    visit.arrives_at, visit.departs_at = arrives_at, departs_at
    visit.travel_s, visit.position = travel_s, position
    visit.state = state
    if technician_id is None:
        # There is nobody and no hour any more that it could be locked to.
        visit.locked = visit.start_locked = False
    unit.record(VisitChanged(visit.id))


def edit_visit(unit: Unit, visit_id: UUID, **changes: Any) -> Visit:
    """Change who goes, when, or whether the plan may move it.

    Raises NotFound, Conflict when the visit is under way or over.
    """
    require(unit.actor, "order.change")
    visit = visit_for(unit, visit_id, change=True)
    if visit.state in FINISHED or visit.state is VisitState.CANCELLED:
        raise Conflict(_OVER, state=visit.state.value)
    if visit.state in UNDER_WAY and {"technician_id", "day", "arrives_at"} & set(changes):
        raise Conflict(
            "The technician is already on the way. Call them first.", state=visit.state.value
        )
    moved = "technician_id" in changes and changes["technician_id"] != visit.technician_id
    another_day = "day" in changes and changes["day"] != visit.day
    if changes.get("technician_id") is not None:
        technician_for(unit, changes["technician_id"])
    for name, value in changes.items():
        setattr(visit, name, value)
    if moved or another_day:
        # With somebody else or on another day the hour is settled anew.
        visit.position, visit.travel_s = None, None
        if "arrives_at" not in changes:
            visit.arrives_at = visit.departs_at = None
    _check_times(visit, changes)
    if moved or "day" in changes:
        firm = visit.technician_id is not None and visit.day is not None
        visit.state = VisitState.DISPATCHED if firm else VisitState.PROPOSED
    if visit.start_locked and (visit.arrives_at is None or visit.day is None):
        if changes.get("start_locked"):
            message = "Only a visit with a start can be locked to it."
            raise Invalid(message, fields={"start_locked": [message]})
        visit.start_locked = False
    _refresh(unit, visit)
    unit.record(VisitChanged(visit.id))
    return visit


def _check_times(visit: Visit, changes: dict[str, Any]) -> None:
    check_window(visit)
    check_reach(changes.get("window_from"), changes.get("window_to"))
    # A day's grace, because the day may be over here and not yet at the site.
    day = timedelta(days=1)
    if changes.get("day") is not None and changes["day"] < clock.now().date() - day:
        raise Invalid("A day that is over cannot be planned.", fields={"day": ["Over."]})
    if changes.get("day") is not None and changes["day"] > clock.now().date() + PLANNED_AHEAD:
        message = "A visit is planned for the coming two years."
        raise Invalid(message, fields={"day": [message]})
    arrival = changes.get("arrives_at")
    if arrival is not None and visit.day is not None and abs(arrival.date() - visit.day) > day:
        message = "The arrival is on another day than the visit."
        raise Invalid(message, fields={"arrives_at": [message]})


def accept_visit(unit: Unit, visit_id: UUID) -> Visit:
    """Say yes to a visit.

    Raises Conflict when there is nothing to accept any more.
    """
    visit = visit_for(unit, visit_id, change=True)
    if visit.state is VisitState.ACCEPTED:
        return visit
    _step(visit, VisitState.ACCEPTED)
    return visit


def decline_visit(unit: Unit, visit_id: UUID, *, reason: str) -> Visit:
    """Say no to a visit, and why.

    Raises Conflict when it has begun.
    """
    visit = visit_for(unit, visit_id, change=True)
    _step(visit, VisitState.DECLINED)
    visit.outcome_reason = reason
    _refresh(unit, visit)
    unit.record(VisitChanged(visit.id))
    return visit


def claim_visit(unit: Unit, visit_id: UUID) -> Visit:
    """Take a visit that nobody has been given, for today or for the day it was promised.

    Raises NotFound, Gone, Conflict when somebody else has it (`taken`), when it is no longer open or
    its order waits (`not_open`), or when a skill is missing (`skill_missing`).
    """
    require(unit.actor, "visit.work")
    visit = unit.take(Visit, visit_id)
    if visit is None:
        raise NotFound("No such visit.")
    technician = unit.get(Technician, unit.actor.engineer)
    if technician is None:
        raise Forbidden("Only an engineer can take a visit.")
    if visit.deleted_at is not None:
        raise Gone("This visit is not there any more.")
    if visit.technician_id == technician.id:
        return visit
    if visit.technician_id is not None:
        raise Conflict("Somebody else has taken this visit.", code="taken")
    order = unit.must(WorkOrder, visit.order_id, "No such work order.")
    if visit.state not in CLAIMABLE or order.state in CLOSED_ORDER | {OrderState.ON_HOLD}:
        raise Conflict("This visit is no longer open.", code="not_open", state=visit.state.value)

    zone = ZoneInfo(unit.must(Site, order.site_id, "No such site.").timezone)
    today = clock.now().astimezone(zone).date()
    promised = visit.window_from.astimezone(zone).date() if visit.window_from else today
    day = max(today, promised)
    if missing := missing_skills(technician, order.skills, day):
        raise Conflict(
            "This work asks for a skill you do not have: {skills}",
            code="skill_missing",
            skills=", ".join(missing),
        )
    visit.technician_id, visit.day, visit.state = technician.id, day, VisitState.ACCEPTED
    visit.position = visit.travel_s = visit.arrives_at = visit.departs_at = None
    _refresh(unit, visit)
    unit.record(VisitChanged(visit.id))
    return visit


def missing_skills(technician: Technician, wanted: list[dict[str, Any]], day: date) -> list[str]:
    """Return which of the skills an order asks for the technician does not have on that day."""
    has = {
        skill["code"]: skill["level"]
        for skill in technician.skills
        if not skill.get("expires_on") or date.fromisoformat(str(skill["expires_on"])) >= day
    }
    return [skill["code"] for skill in wanted if has.get(skill["code"], 0) < skill.get("level", 1)]


def _step(visit: Visit, state: VisitState) -> None:
    if not may_follow(visit.state, state):
        raise Conflict(
            "The visit is {state}; this cannot follow.", state=visit.state.value, wanted=state.value
        )
    visit.state = state


def _goes_on(unit: Unit, visit_id: UUID, state: VisitState) -> Visit:
    """Take a report from the road. What has gone on further meanwhile is not set back."""
    visit = visit_for(unit, visit_id, change=True)
    if visit.completed_at is not None and unit.happened_at > visit.completed_at:
        # A correction of what is over is a new visit, never an edit.
        raise Conflict(_OVER, state=visit.state.value)
    if visit.state is not state and may_follow(visit.state, state):
        visit.state = state
        _end_hold(unit, visit)
        _refresh(unit, visit)
    elif visit.state is VisitState.CANCELLED:
        _late(unit, visit, {"reported": state.value, "at": unit.happened_at.isoformat()})
    return visit


def _tell_delay(unit: Unit, visit: Visit, meant: datetime | None) -> None:
    """Record that this comes later than it was meant to; days of a past week change nothing any more."""
    if meant is not None and meant + DELAY_ALLOWED < unit.happened_at < meant + timedelta(days=1):
        unit.record(VisitDelayed(visit.id))


def start_travel(unit: Unit, visit_id: UUID) -> Visit:
    """Set out."""
    visit = _goes_on(unit, visit_id, VisitState.TRAVELLING)
    visit.travel_started_at = visit.travel_started_at or unit.happened_at
    if visit.arrives_at is not None:
        _tell_delay(unit, visit, visit.arrives_at - timedelta(seconds=visit.travel_s or 0))
    return visit


def arrive(
    unit: Unit, visit_id: UUID, *, lat: float | None = None, lng: float | None = None
) -> Visit:
    """Arrive on site."""
    visit = _goes_on(unit, visit_id, VisitState.ON_SITE)
    visit.arrived_at = visit.arrived_at or unit.happened_at
    visit.arrived_lat, visit.arrived_lng = lat, lng
    _tell_delay(unit, visit, visit.arrives_at)
    return visit


def start_work(unit: Unit, visit_id: UUID) -> Visit:
    """Begin to work, or go on after a pause."""
    visit = _goes_on(unit, visit_id, VisitState.WORKING)
    visit.work_started_at = visit.work_started_at or unit.happened_at
    _tell_delay(unit, visit, visit.arrives_at)
    return visit


def hold_visit(unit: Unit, visit_id: UUID, *, reason: str, text: str | None = None) -> Visit:
    """Let the work on site stand still, and say why; where the reason is not ours, the promise's clock stops too."""
    visit = _goes_on(unit, visit_id, VisitState.PAUSED)
    if visit.state is not VisitState.PAUSED or (visit.hold or {}).get("reason") == reason:
        return visit
    _end_hold(unit, visit)
    visit.hold = {
        "reason": reason,
        "text": text,
        "since": unit.happened_at.isoformat().replace("+00:00", "Z"),
    }
    unit.add(
        Hold(
            id=new_id(),
            order_id=visit.order_id,
            visit_id=visit.id,
            reason=HoldReason(reason),
            begun_at=unit.happened_at,
        )
    )
    _refresh(unit, visit)
    return visit


def pause_visit(unit: Unit, visit_id: UUID, *, reason: str) -> Visit:
    """Interrupt the work, and say why in words of one's own, as older apps do."""
    return hold_visit(unit, visit_id, reason=HoldReason.OTHER.value, text=reason)


def _end_hold(unit: Unit, visit: Visit) -> None:
    """Let the clock run again that stood still with the visit."""
    if visit.hold is None:
        return
    visit.hold = None
    for hold in unit.rows_of(Hold.order_id, visit.order_id):
        if hold.visit_id == visit.id and hold.ended_at is None:
            hold.ended_at = max(unit.happened_at, hold.begun_at)


def answer_step(unit: Unit, visit_id: UUID, *, key: str, value: Any = None) -> Visit:
    """Answer one step of the checklist; the technician's newest word counts."""
    visit = visit_for(unit, visit_id, change=True)
    if visit.state in FINISHED:
        raise Conflict(_OVER, state=visit.state.value)
    visit.answers = visit.answers | {key: value}
    return visit


def expect_completions(unit: Unit, sayings: list[Saying]) -> None:
    """Read together what the completion of many visits needs, in the order in which rows are locked."""
    visits = unit.expect(Visit, [saying.subject for saying in sayings], lock=True)
    orders = unit.expect(WorkOrder, [visit.order_id for visit in visits], lock=True)
    order_ids = [order.id for order in orders]
    unit.expect_rows(Visit.order_id, order_ids)
    unit.expect_rows(Hold.order_id, order_ids)
    for priority in {order.priority for order in orders}:
        promise_for(unit, priority)
    unit.expect_rows(PartUse.order_id, order_ids)
    expect_repairs(unit, [order.no for order in orders], [order.asset_id for order in orders])
    unit.expect(Site, [order.site_id for order in orders])
    engineers = [saying.actor.technician_id for saying in sayings]
    unit.expect(Technician, [*engineers, *(visit.technician_id for visit in visits)])
    order_of = {visit.id: visit.order_id for visit in visits}
    asset_of = {order.id: order.asset_id for order in orders}
    uses = [
        Use(part["id"], part["part_id"], van, asset_of.get(order_of[visit_id]))
        for actor, visit_id, args in sayings
        if visit_id in order_of and (van := _van_of(unit, actor.technician_id))
        for part in args.get("parts") or []
    ]
    if uses:
        unit.expect(PartUse, [use.id for use in uses])
        expect_uses(unit, uses)


def _van_of(unit: Unit, technician_id: UUID | None) -> UUID | None:
    technician = unit.get(Technician, technician_id) if technician_id else None
    return technician.van_place_id if technician else None


def complete_visit(
    unit: Unit,
    visit_id: UUID,
    *,
    findings: str,
    outcome: str = "completed",
    reason: str | None = None,
    failure_mode: str | None = None,
    cause: str | None = None,
    remedy: str | None = None,
    answers: dict[str, Any] | None = None,
    parts: list[dict[str, Any]] | None = None,
    no_parts_used: bool = False,
) -> Visit:
    """Close the visit with what the technician found and did; `parts` are those that went into the machine.

    On an order that was called off meanwhile the report is kept and a person is asked.
    Raises Conflict when the visit was closed before.
    """
    visit = visit_for(unit, visit_id, change=True)
    if visit.state in FINISHED:
        raise Conflict(_OVER, state=visit.state.value)
    order = unit.take(WorkOrder, visit.order_id)
    if order is None:
        raise NotFound("No such work order.")

    for part in parts or []:
        use_part(unit, visit.id, **part)
    visit.findings, visit.outcome_reason = findings, reason
    visit.failure_mode, visit.cause, visit.remedy = failure_mode, cause, remedy
    visit.answers = visit.answers | (answers or {})
    visit.no_parts_used = no_parts_used
    visit.completed_at = unit.happened_at
    if visit.state is VisitState.CANCELLED or order.state is OrderState.CANCELLED:
        _late(
            unit,
            visit,
            {"reported": outcome, "findings": findings, "at": unit.happened_at.isoformat()},
        )
        return visit

    visit.state = VisitState(outcome)
    _end_hold(unit, visit)
    if outcome == "completed" and (
        missing := left_open(order.checklist, visit.answers, unit.actor.language)
    ):
        _flag(unit, visit, "Required steps were left open: {steps}", {"steps": ", ".join(missing)})
    _refresh(unit, visit)
    if outcome != "completed" and order.state is OrderState.NEW:
        # Half done is not done: somebody has to come again.
        add_visit(unit, order)
    if outcome == "completed":
        write_history(unit, order, visit)
    _tell_delay(unit, visit, visit.departs_at)
    unit.record(VisitCompleted(visit.id))
    return visit


def _late(unit: Unit, visit: Visit, report: dict[str, Any]) -> None:
    visit.needs_review = True
    unit.notice(
        "review",
        "The office had called this off; what was reported is kept.",
        state=visit.state.value,
    )
    raise_attention(
        unit,
        kind="review",
        entity="visit",
        entity_id=visit.id,
        message="The office had called this off; what was reported is kept.",
        technician_id=visit.technician_id,
        field=None,
        office_value={"state": visit.state.value},
        phone_value=report,
    )


def _flag(unit: Unit, visit: Visit, message: str, details: dict[str, Any]) -> None:
    visit.needs_review = True
    unit.notice("review", message, **details)
    raise_attention(
        unit,
        kind="review",
        entity="visit",
        entity_id=visit.id,
        message=message.format(**details),
        technician_id=visit.technician_id,
        phone_value=details,
    )


def _refresh(unit: Unit, visit: Visit) -> None:
    order = unit.take(WorkOrder, visit.order_id)
    if order is not None:
        refresh_order(unit, order)


def use_part(
    unit: Unit,
    visit_id: UUID,
    *,
    part_id: UUID,
    qty: int,
    id: UUID,
    code: str | None = None,
) -> PartUse:
    """Note a part that went from the technician's van into the machine. The part is in; the books follow.

    Raises NotFound for an unknown visit or part, Forbidden for somebody else's visit without a van.
    """
    require(unit.actor, "visit.work")
    visit = unit.take(Visit, visit_id)
    if visit is None:
        raise NotFound("No such visit.")
    if (known := unit.get(PartUse, id)) is not None:
        if (known.part_id, known.qty, known.visit_id) != (part_id, qty, visit.id):
            raise Conflict("This key was already used for something else.", code="key_reused")
        return known
    flag_stranger(unit, visit)
    part = unit.must(Part, part_id, "No such part.")
    order = unit.take(WorkOrder, visit.order_id)
    technician_id = (
        unit.actor.technician_id
        if is_field_only(unit.actor)
        else visit.technician_id or unit.actor.technician_id
    )
    technician = unit.get(Technician, technician_id) if technician_id else None
    if technician is None or technician.van_place_id is None:
        raise Forbidden("There is no van to take the part from.")
    taken = consume_part(
        unit,
        id=id,
        part_id=part.id,
        qty=qty,
        van_place_id=technician.van_place_id,
        reference_kind="work_order",
        reference_id=visit.order_id,
        asset_id=order.asset_id if order else None,
    )
    use = unit.append(
        PartUse,
        id=id,
        code=code,
        visit_id=visit.id,
        order_id=visit.order_id,
        part_id=part.id,
        qty=qty,
        cost_micro=taken.cost_micro,
        used_at=unit.happened_at,
    )
    if order is not None:
        order.cost_micro += taken.cost_micro
        if visit.state is VisitState.COMPLETED:
            write_history(unit, order, visit)
    return use


def write_history(unit: Unit, order: WorkOrder, visit: Visit) -> None:
    """Write the finished order into its machine's history."""
    asset = unit.take(Asset, order.asset_id) if order.asset_id else None
    if asset is None or visit.completed_at is None:
        return
    site = unit.must(Site, order.site_id, "No such site.")
    technician = unit.get(Technician, visit.technician_id) if visit.technician_id else None
    used = [
        (unit.must(Part, use.part_id, "No such part."), use.qty)
        for use in sorted(
            unit.rows_of(PartUse.order_id, order.id), key=lambda use: (use.used_at, use.id)
        )
    ]
    trips = [v for v in visits_of(unit, order.id) if v.state in FINISHED]
    record_repair(
        unit,
        asset,
        order_no=order.no,
        day=visit.completed_at.astimezone(ZoneInfo(site.timezone)).date(),
        finished_at=visit.completed_at,
        kind=order.kind.value,
        title=order.title,
        symptom=order.symptom,
        failure_mode=visit.failure_mode,
        cause=visit.cause,
        remedy=visit.remedy,
        component=None,
        parts=[{"sku": part.sku, "name": part.name, "qty": qty} for part, qty in used],
        cost_micro=order.cost_micro,
        technician=technician.name if technician else None,
        visits=len(trips),
        fixed=True,
    )
    if asset.state in (AssetState.DOWN, AssetState.DEGRADED):
        asset.state = AssetState.OPERATING
