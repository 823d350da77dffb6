"""The life of a work order."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from assets.models import Site
from assets.queries import asset_for, site_for
from core import clock
from core.errors import Conflict, Gone, Invalid
from core.ids import new_id
from core.numbers import next_number
from core.unit import Unit
from parts.queries import part_for
from people.permissions import require
from work import promises
from work.checklists import usual_checklist
from work.events import OrderCancelled, OrderOpened
from work.models import (
    CLOSED_ORDER,
    OPEN_VISIT,
    UNDER_WAY,
    Hold,
    HoldReason,
    OrderKind,
    OrderState,
    Visit,
    VisitState,
    WorkOrder,
)
from work.queries import order_for, visits_of
from work.states import order_state

DEFAULT_DURATION_MIN = 90
# Nobody promises further ahead; a date beyond it was mistyped.
FURTHEST_WINDOW = timedelta(days=5 * 366)


def open_order(unit: Unit, *, id: UUID | None = None, **details: Any) -> WorkOrder:
    """Commit to do something, with one visit to plan.

    Raises NotFound for a machine, site or part that is not there, Invalid without either place.
    """
    require(unit.actor, "order.change")
    order, _ = _open(unit, id or new_id(), new_id(), **details)
    return order


def open_order_on_site(
    unit: Unit, order_id: UUID, *, visit_id: UUID | None = None, **details: Any
) -> WorkOrder:
    """Open an order where one stands, without signal.

    With a `visit_id` the engineer sees to it at once; else it waits for whoever takes it.
    Raises NotFound, Gone, Invalid, and Conflict for an id that is in use.
    """
    require(unit.actor, "order.open")
    known = unit.get(WorkOrder, order_id)
    if known is not None and known.deleted_at is None and known.title == details["title"]:
        # A phone that was registered anew says again what it said before.
        return known
    if visit_id is not None and unit.get(Visit, visit_id) is not None:
        raise Conflict("There is one like this already.", code="exists")
    order, visit = _open(unit, order_id, visit_id or new_id(), **details)
    if visit_id is not None and unit.actor.technician_id is not None:
        zone = ZoneInfo(unit.must(Site, order.site_id, "No such site.").timezone)
        visit.technician_id, visit.day = (
            unit.actor.technician_id,
            unit.happened_at.astimezone(zone).date(),
        )
        visit.state, order.state = VisitState.ACCEPTED, OrderState.SCHEDULED
    return order


def _open(
    unit: Unit,
    order_id: UUID,
    visit_id: UUID,
    *,
    title: str,
    kind: str = "corrective",
    asset_id: UUID | None = None,
    site_id: UUID | None = None,
    description: str = "",
    priority: int = 3,
    duration_min: int = DEFAULT_DURATION_MIN,
    skills: list[dict[str, Any]] | None = None,
    parts: list[dict[str, Any]] | None = None,
    window_from: datetime | None = None,
    window_to: datetime | None = None,
    checklist: list[dict[str, Any]] | None = None,
    symptom: str | None = None,
) -> tuple[WorkOrder, Visit]:
    asset = asset_for(unit, asset_id) if asset_id else None
    if asset is None and site_id is None:
        raise Invalid("An order needs a machine or a site.", fields={"asset_id": ["Missing."]})
    check_reach(window_from, window_to)
    site = site_for(unit, asset.site_id if asset else site_id)  # type: ignore[arg-type]
    if (known := unit.get(WorkOrder, order_id)) is not None:
        if known.deleted_at is not None:
            raise Gone("This order is not there any more.")
        raise Conflict("There is one like this already.", code="exists")
    order = unit.add(
        WorkOrder(
            id=order_id,
            no=next_number(unit, "WO"),
            title=title,
            description=description,
            kind=OrderKind(kind),
            priority=priority,
            state=OrderState.NEW,
            asset_id=asset.id if asset else None,
            site_id=site.id,
            customer_id=site.customer_id,
            symptom=symptom,
            skills=skills or [],
            parts=_known_parts(unit, parts or []),
            duration_min=duration_min,
            window_from=window_from,
            window_to=window_to,
            checklist=usual_checklist(kind) if checklist is None else checklist,
            opened_at=unit.happened_at,
            cost_micro=0,
            due_at=None,
            sla=None,
        )
    )
    check_window(order)
    promises.rewind(unit, order, now=clock.now(), holds=[])
    visit = add_visit(unit, order, visit_id)
    unit.record(OrderOpened(order.id))
    return order, visit


def _known_parts(unit: Unit, parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"part_id": str(part_for(unit, item["part_id"]).id), "qty": item["qty"]} for item in parts
    ]


def add_visit(unit: Unit, order: WorkOrder, visit_id: UUID | None = None) -> Visit:
    """Add a visit to plan to an order."""
    return unit.add(
        Visit(
            id=visit_id or new_id(),
            no=next_number(unit, "V"),
            order_id=order.id,
            state=VisitState.PROPOSED,
            duration_min=order.duration_min,
            window_from=order.window_from,
            window_to=order.window_to,
            answers={},
            locked=False,
            needs_review=False,
            no_parts_used=False,
        )
    )


def edit_order(unit: Unit, order_id: UUID, **changes: Any) -> WorkOrder:
    """Change what the office decides about an order.

    Raises NotFound, Conflict.
    """
    require(unit.actor, "order.change")
    order = order_for(unit, order_id, change=True)
    if order.state in CLOSED_ORDER:
        raise Conflict("The order is closed already.", state=order.state.value)
    if "parts" in changes:
        changes["parts"] = _known_parts(unit, changes["parts"])
    check_reach(changes.get("window_from"), changes.get("window_to"))
    for name, value in changes.items():
        setattr(order, name, value)
    check_window(order)
    if "priority" in changes:
        promises.rewind(unit, order, now=clock.now())
    if {"window_from", "window_to", "duration_min"} & set(changes):
        for visit in visits_of(unit, order.id):
            if visit.state in OPEN_VISIT - UNDER_WAY:
                visit.window_from, visit.window_to, visit.duration_min = (
                    order.window_from,
                    order.window_to,
                    order.duration_min,
                )
    return order


def check_reach(*promised: datetime | None) -> None:
    """See that what is promised lies in a time that people plan in.

    Raises Invalid.
    """
    now = clock.now()
    if any(moment and abs(moment - now) > FURTHEST_WINDOW for moment in promised):
        words = "A window lies no more than five years from today."
        raise Invalid(words, fields={"window_from": [words]})


def check_window(row: WorkOrder | Visit) -> None:
    """See that a promised window goes forward.

    Raises Invalid.
    """
    if row.window_from and row.window_to and row.window_from >= row.window_to:
        raise Invalid(
            "The window must end after it begins.",
            fields={"window_to": ["The window must end after it begins."]},
        )


def hold_order(unit: Unit, order_id: UUID, *, reason: str) -> WorkOrder:
    """Let an order wait, and say why.

    Raises NotFound, Conflict.
    """
    require(unit.actor, "order.change")
    order = order_for(unit, order_id, change=True)
    if order.state in CLOSED_ORDER:
        raise Conflict("The order is closed already.", state=order.state.value)
    end_hold(unit, order)
    unit.add(
        Hold(id=new_id(), order_id=order.id, reason=HoldReason(reason), begun_at=unit.happened_at)
    )
    order.hold_reason, order.state = HoldReason(reason), OrderState.ON_HOLD
    promises.rewind(unit, order, now=clock.now())
    return order


def release_order(unit: Unit, order_id: UUID) -> WorkOrder:
    """End an order's wait. An order that does not wait stays as it is.

    Raises NotFound.
    """
    require(unit.actor, "order.change")
    order = order_for(unit, order_id, change=True)
    end_hold(unit, order)
    refresh_order(unit, order)
    return order


def end_hold(unit: Unit, order: WorkOrder) -> None:
    """Close the hold that is open, if one is."""
    hold = unit.session.scalar(
        select(Hold).where(
            Hold.order_id == order.id, Hold.visit_id.is_(None), Hold.ended_at.is_(None)
        )
    )
    if hold is not None:
        hold.ended_at = max(unit.happened_at, hold.begun_at)
    order.hold_reason = None


def cancel_order(unit: Unit, order_id: UUID, *, reason: str) -> WorkOrder:
    """Call an order off; visits that have not begun go with it. What is under way stays with its technician.

    Raises NotFound, Conflict.
    """
    require(unit.actor, "order.change")
    order = order_for(unit, order_id, change=True)
    if order.state is OrderState.CANCELLED:
        return order
    if order.state in CLOSED_ORDER:
        raise Conflict("The order is closed already.", state=order.state.value)
    end_hold(unit, order)
    order.state, order.cancelled_because, order.closed_at = (
        OrderState.CANCELLED,
        reason,
        unit.happened_at,
    )
    for visit in visits_of(unit, order.id):
        if visit.state in OPEN_VISIT - UNDER_WAY:
            visit.state = VisitState.CANCELLED
    unit.record(OrderCancelled(order.id))
    return order


def close_order(unit: Unit, order_id: UUID) -> WorkOrder:
    """Put a finished order away.

    Raises NotFound, Conflict.
    """
    require(unit.actor, "order.change")
    order = order_for(unit, order_id, change=True)
    if order.state is OrderState.CLOSED:
        return order
    if order.state not in (OrderState.WORK_DONE, OrderState.VERIFIED):
        raise Conflict("Only finished work can be closed.", state=order.state.value)
    order.state, order.closed_at = OrderState.CLOSED, unit.happened_at
    return order


def refresh_order(unit: Unit, order: WorkOrder) -> None:
    """Bring an order's state and its promise in line with its visits."""
    visits = visits_of(unit, order.id)
    state = order_state(
        order.state, [visit.state for visit in visits], on_hold=order.hold_reason is not None
    )
    if state is OrderState.WORK_DONE and order.hold_reason is not None:
        end_hold(unit, order)
    if state is OrderState.WORK_DONE and order.first_completed_at is None:
        order.first_completed_at = max(
            (v.completed_at for v in visits if v.completed_at), default=unit.happened_at
        )
    order.state = state
    promises.rewind(unit, order, now=clock.now())
