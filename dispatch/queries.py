"""Reads at the dispatcher's desk: plans, and the board of a day."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from core import clock
from core.errors import NotFound
from core.unit import Unit
from dispatch.models import DayPlan
from dispatch.sentences import choice, obstacle
from people.models import Device, Technician
from people.permissions import require
from people.queries import organisation_of
from people.schemas import TechnicianLine
from work.models import CLOSED_ORDER, OPEN_VISIT, OrderState, Visit, VisitState, WorkOrder
from work.schemas import VisitView


def plan_for(unit: Unit, plan_id: UUID, *, change: bool = False) -> DayPlan:
    """Return a proposal.

    Raises NotFound.
    """
    require(unit.actor, "plan.change" if change else "plan.read")
    plan = unit.take(DayPlan, plan_id) if change else unit.get(DayPlan, plan_id)
    if plan is None:
        raise NotFound("No such plan.")
    return plan


def plan_view(unit: Unit, plan: DayPlan) -> dict[str, Any]:
    """Return a proposal with its codes put into the reader's words."""
    language = unit.actor.language
    names = (
        "id",
        "version",
        "day",
        "state",
        "progress",
        "message",
        "cost",
        "created_at",
        "published_at",
    )
    view = {name: getattr(plan, name) for name in names}
    view["routes"] = [
        route
        | {"stops": [stop | {"why": _why(stop.get("why"), language)} for stop in route["stops"]]}
        for route in plan.routes
    ]
    view["unplaced"] = [
        {
            "visit_id": left["visit_id"],
            "reasons": [_obstacle(reason, language) for reason in left["reasons"]],
        }
        for left in plan.unplaced
    ]
    view["refused"] = plan.refused
    return view


def _why(why: Mapping[str, Any] | None, language: str) -> dict[str, Any] | None:
    return dict(why) | {"message": choice(why["code"], language)} if why else None


def _obstacle(reason: Mapping[str, Any], language: str) -> dict[str, Any]:
    message = obstacle(reason["code"], reason["details"], language)
    return {"technician_id": reason["technician_id"], "code": reason["code"], "message": message}


def newest_plan(unit: Unit, day: date) -> DayPlan | None:
    """Return the last proposal that was asked for a day."""
    query = (
        select(DayPlan)
        .where(DayPlan.day == day)
        .order_by(DayPlan.created_at.desc(), DayPlan.id.desc())
        .limit(1)
    )
    return unit.session.scalar(query)


def visits_to_plan(unit: Unit, day: date) -> Sequence[Visit]:
    """Return what the planner may place on a day: what has no day, what stands on it, what is under way."""
    query = (
        select(Visit)
        .join(WorkOrder, (WorkOrder.org_id == Visit.org_id) & (WorkOrder.id == Visit.order_id))
        .where(
            Visit.deleted_at.is_(None),
            Visit.state.in_(OPEN_VISIT),
            or_(Visit.day.is_(None), Visit.day <= day),
            WorkOrder.state.not_in({*CLOSED_ORDER, OrderState.ON_HOLD}),
        )
        .options(joinedload(Visit.order).joinedload(WorkOrder.site))
        .order_by(Visit.no)
    )
    return unit.session.scalars(query).all()


def today_of(unit: Unit) -> date:
    """Return the calendar day at the company."""
    return clock.now().astimezone(ZoneInfo(organisation_of(unit).timezone)).date()


def board(unit: Unit, day: date | None, *, days: int = 1) -> dict[str, Any]:
    """Return so many days from one on: who works, who goes where, and what waits without a place."""
    require(unit.actor, "board.read")
    day = day or today_of(unit)
    of_day = unit.session.scalars(
        select(Visit)
        .where(
            Visit.day.between(day, day + timedelta(days=days - 1)),
            Visit.deleted_at.is_(None),
            Visit.state != VisitState.CANCELLED,
        )
        .options(*_for_board())
        .order_by(Visit.technician_id, Visit.day, Visit.position, Visit.arrives_at, Visit.no)
    ).all()
    waiting = unit.session.scalars(
        select(Visit)
        .join(WorkOrder, (WorkOrder.org_id == Visit.org_id) & (WorkOrder.id == Visit.order_id))
        .where(
            Visit.day.is_(None),
            Visit.deleted_at.is_(None),
            Visit.state.in_(OPEN_VISIT),
            WorkOrder.state.not_in(CLOSED_ORDER),
        )
        .options(*_for_board())
        .order_by(WorkOrder.priority, WorkOrder.due_at, Visit.no)
        .limit(500)
    ).all()
    plan = newest_plan(unit, day)
    reasons = (
        {left["visit_id"]: left["reasons"] for left in plan_view(unit, plan)["unplaced"]}
        if plan
        else {}
    )
    return {
        "day": day,
        "days": days,
        "timezone": organisation_of(unit).timezone,
        "technicians": _technician_lines(unit),
        "visits": [board_visit(visit) for visit in of_day],
        "unplaced": [
            board_visit(visit) | {"reasons": reasons.get(str(visit.id), [])} for visit in waiting
        ],
    }


def _for_board() -> list[Any]:
    order = joinedload(Visit.order)
    return [order.joinedload(WorkOrder.site), order.joinedload(WorkOrder.asset)]


def _technicians(unit: Unit) -> Sequence[Technician]:
    return unit.session.scalars(
        select(Technician).where(Technician.deleted_at.is_(None)).order_by(Technician.name)
    ).all()


def _technician_lines(unit: Unit) -> list[dict[str, Any]]:
    """Return the technicians by name, each with what was last heard of their phone."""
    heard: dict[UUID, Device] = {}
    for device in unit.session.scalars(select(Device).order_by(Device.last_contact_at)):
        heard[device.account_id] = device
    lines = []
    for technician in _technicians(unit):
        last = heard.get(technician.account_id) if technician.account_id else None
        said = (
            {
                "last_contact_at": last.last_contact_at,
                "unsent": last.unsent,
                "app_version": last.app_version,
            }
            if last
            else None
        )
        lines.append(TechnicianLine().dump(technician) | {"device": said})
    return lines


def board_visit(visit: Visit) -> dict[str, Any]:
    """Return a visit with what a dispatcher wants to see of its order."""
    order = visit.order
    view: dict[str, Any] = VisitView().dump(visit)
    return view | {
        "order_no": order.no,
        "title": order.title,
        "priority": order.priority,
        "order_state": order.state,
        "due_at": order.due_at,
        "site_name": order.site.name,
        "lat": order.site.lat,
        "lng": order.site.lng,
        "asset_id": order.asset_id,
        "asset_name": order.asset.name if order.asset else None,
        "skills": order.skills,
        "territory": order.site.territory,
        "start_locked": visit.start_locked,
    }
