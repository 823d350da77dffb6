"""Reads at the dispatcher's desk: plans, and the board of a day."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import joinedload

from core import clock
from core.errors import NotFound
from core.languages import say
from core.shapes import renderer
from core.unit import Unit
from dispatch.causes import cause_views
from dispatch.days import MOST_DAYS, Day
from dispatch.models import Absence, DayPlan, OnEvents, PlanKind, PlanningRules, PlanState
from dispatch.sentences import choice, obstacle
from dispatch.weighing import USUAL
from people.models import Device, Technician
from people.permissions import require
from people.queries import organisation_of
from people.schemas import TechnicianLine
from work.models import CLOSED_ORDER, OPEN_VISIT, Visit, VisitState, WorkOrder
from work.schemas import VisitView

# What every way to plan a visit says whose order is on hold.
ORDER_WAITS = "The order of this visit waits. Let it go on first."
# What holds for a company that has set nothing of its own.
USUAL_OVERTIME_MIN = 60
USUAL_FROZEN_MIN = 30
USUAL_BUDGET = 2
USUAL_SPLIT = 1500
MOST_PROPOSALS = 20

_visit_view = renderer(VisitView)
_technician_line = renderer(TechnicianLine)


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
        "days",
        "kind",
        "asked",
        "state",
        "progress",
        "cost",
        "published",
        "by_itself",
        "created_at",
        "published_at",
    )
    view = {name: getattr(plan, name) for name in names}
    view["message"] = _message(plan, language)
    view["routes"] = [
        route
        | {"day": route.get("day", plan.day)}
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
    view["causes"] = cause_views(unit, [plan])[plan.id]
    view["refused"] = [one | {"message": say(one["message"], language)} for one in plan.refused]
    return view


def _message(plan: DayPlan, language: str) -> str:
    """Return what is to be said of a plan, a sentence a line, in the reader's words."""
    return "\n".join(say(one, language) for one in plan.message.split("\n"))


def _why(why: Mapping[str, Any] | None, language: str) -> dict[str, Any] | None:
    return dict(why) | {"message": choice(why["code"], language)} if why else None


def _obstacle(reason: Mapping[str, Any], language: str) -> dict[str, Any]:
    message = obstacle(reason["code"], reason["details"], language)
    return {
        "technician_id": reason["technician_id"],
        "day": reason.get("day"),
        "code": reason["code"],
        "message": message,
    }


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
    reasons = _reasons(unit, day, days)
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


def _reasons(unit: Unit, day: date, days: int) -> dict[str, list[dict[str, Any]]]:
    """Return why visits wait: for each the newest that was said, in plans for everybody and published answers."""
    query = (
        select(DayPlan.day, DayPlan.days, DayPlan.state, DayPlan.technician_ids, DayPlan.unplaced)
        .where(
            DayPlan.day < day + timedelta(days=days),
            DayPlan.day > day - timedelta(days=MOST_DAYS),
            or_(
                DayPlan.state == PlanState.PUBLISHED,
                and_(DayPlan.state == PlanState.PROPOSED, DayPlan.kind == PlanKind.PLAN),
            ),
        )
        .order_by(DayPlan.created_at.desc(), DayPlan.id.desc())
        .limit(MOST_PROPOSALS)
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for first, many, state, chosen, unplaced in unit.session.execute(query):
        partial = chosen is not None and state is PlanState.PROPOSED
        if partial or first + timedelta(days=many) <= day:
            continue
        for left in unplaced:
            if left["reasons"]:
                found.setdefault(left["visit_id"], left["reasons"])
    language = unit.actor.language
    return {name: [_obstacle(one, language) for one in said] for name, said in found.items()}


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
        lines.append(_technician_line(technician) | {"device": said})
    return lines


def board_visit(visit: Visit) -> dict[str, Any]:
    """Return a visit with what a dispatcher wants to see of its order."""
    order = visit.order
    return _visit_view(visit) | {
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


def planning_rules(unit: Unit) -> PlanningRules:
    """Return the company's rules for plans, or the usual ones while it has set none."""
    known = unit.get(PlanningRules, unit.org_id)
    return known or PlanningRules(
        id=unit.org_id,
        version=0,
        weights={},
        overtime_min=USUAL_OVERTIME_MIN,
        frozen_min=USUAL_FROZEN_MIN,
        budget=USUAL_BUDGET,
        split_above=USUAL_SPLIT,
        on_events=OnEvents.PROPOSE,
    )


def rules_view(unit: Unit, rules: PlanningRules) -> dict[str, Any]:
    """Return the rules with every price by name, and what each is where nothing is said."""
    require(unit.actor, "plan.read")
    names = ("version", "overtime_min", "frozen_min", "budget", "split_above", "on_events")
    view = {name: getattr(rules, name) for name in names}
    return view | {"weights": USUAL | rules.weights, "usual": USUAL}


def absences(unit: Unit, day: Day) -> Sequence[Absence]:
    """Return who is away on these days and when, called off or not, the earliest first."""
    require(unit.actor, "board.read")
    query = (
        select(Absence)
        .where(
            Absence.ends_at > day.midnight,
            Absence.begins_at < day.moment(day.ends_s),
            Absence.called_off_at.is_(None),
        )
        .order_by(Absence.begins_at, Absence.id)
    )
    return unit.session.scalars(query).all()


def proposal_lines(unit: Unit, day: date | None) -> list[dict[str, Any]]:
    """Return what is on the table for a day: what is being searched for, and what was found, the newest first."""
    language = unit.actor.language
    names = ("id", "version", "day", "days", "kind", "asked", "state", "progress", "cost")
    found = proposals(unit, day or today_of(unit))
    answered = cause_views(unit, found)
    return [
        {name: getattr(plan, name) for name in (*names, "by_itself", "created_at")}
        | {
            "causes": answered[plan.id],
            "message": _message(plan, language),
            "placed": sum(len(route["stops"]) for route in plan.routes),
            "left_out": len(plan.unplaced),
        }
        for plan in found
    ]


def proposals(unit: Unit, day: date) -> Sequence[DayPlan]:
    """Return the plans that are neither published nor given up and have this day among theirs, the newest first.

    Those that were made by themselves are news on every day.
    """
    require(unit.actor, "plan.read")
    today = today_of(unit)
    query = (
        select(DayPlan)
        .where(
            or_(
                and_(DayPlan.day <= day, DayPlan.day > day - timedelta(days=MOST_DAYS)),
                and_(DayPlan.by_itself, DayPlan.day >= today),
            ),
            DayPlan.state.in_((PlanState.QUEUED, PlanState.RUNNING, PlanState.PROPOSED)),
        )
        .order_by(DayPlan.created_at.desc(), DayPlan.id.desc())
        .limit(MOST_PROPOSALS)
    )
    found = unit.session.scalars(query).all()
    return [
        plan
        for plan in found
        if 0 <= (day - plan.day).days < plan.days or (plan.by_itself and plan.day >= today)
    ]
