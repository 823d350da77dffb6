"""What dispatchers do with a day: ask for a plan, call it off, publish it."""

from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from core import clock
from core.errors import Conflict, Invalid, StaleVersion
from core.ids import new_id
from core.unit import Unit
from dispatch.actuals import learned_for
from dispatch.days import Day, part_ids, problem_of, routes_of, unplaced_of
from dispatch.engine.codec import plan_from_json, problem_from_json, problem_to_json
from dispatch.engine.validator import violations
from dispatch.events import PlanAsked, PlanPublished
from dispatch.models import DayPlan, PlanState
from dispatch.queries import plan_for, visits_to_plan
from parts.models import Part, VanStock
from people.models import Technician
from people.permissions import require
from people.queries import organisation_of
from work.actions import edit_visit, place_visit
from work.actions.orders import refresh_order
from work.models import UNDER_WAY, WAITING, Visit, VisitState, WorkOrder
from work.queries import visit_for


def ask_plan(
    unit: Unit,
    *,
    day: date,
    seconds: int = 3,
    seed: int = 0,
    technician_ids: list[UUID] | None = None,
) -> DayPlan:
    """Ask for a plan of a day; a job works it out.

    Raises Invalid for a day that is over.
    """
    require(unit.actor, "plan.change")
    today = clock.now().astimezone(ZoneInfo(organisation_of(unit).timezone)).date()
    if day < today:
        raise Invalid("A day that is over cannot be planned.", fields={"day": ["Over."]})
    plan = unit.add(
        DayPlan(
            id=new_id(),
            day=day,
            state=PlanState.QUEUED,
            seconds=seconds,
            seed=seed,
            technician_ids=[str(one) for one in technician_ids]
            if technician_ids is not None
            else None,
            progress=0,
            message="",
            seen={},
            cost={},
            routes=[],
            unplaced=[],
            refused=[],
            asked_by=unit.actor.account_id,
            created_at=unit.happened_at,
        )
    )
    unit.record(PlanAsked(plan.id))
    return plan


def cancel_plan(unit: Unit, plan_id: UUID) -> DayPlan:
    """Call a search off, or throw a proposal away.

    Raises NotFound, Conflict when it was published.
    """
    plan = plan_for(unit, plan_id, change=True)
    if plan.state is PlanState.PUBLISHED:
        raise Conflict("This plan was published already.")
    if plan.state is not PlanState.FAILED:
        plan.state = PlanState.CANCELLED
    return plan


def pose_problem(unit: Unit, plan: DayPlan) -> dict[str, Any]:
    """Write the day down as the planner's question, and note the version of every visit it sees."""
    zone = ZoneInfo(organisation_of(unit).timezone)
    visits = visits_to_plan(unit, plan.day)
    technicians = _technicians(unit, plan)
    problem = problem_of(
        Day(plan.day, zone),
        technicians,
        visits,
        _vans(unit, technicians),
        now=clock.now(),
        learned=learned_for(unit),
    )
    asked = {visit.id for visit in problem.visits}
    plan.seen = {str(visit.id): visit.version for visit in visits if str(visit.id) in asked}
    plan.state, plan.progress = PlanState.RUNNING, 0
    return problem_to_json(problem)


def _technicians(unit: Unit, plan: DayPlan) -> list[Technician]:
    rows = unit.session.scalars(
        select(Technician).where(Technician.deleted_at.is_(None)).order_by(Technician.no)
    ).all()
    wanted = set(plan.technician_ids) if plan.technician_ids is not None else None
    return [row for row in rows if wanted is None or str(row.id) in wanted]


def _vans(unit: Unit, technicians: list[Technician]) -> dict[UUID, dict[str, int]]:
    places = [technician.van_place_id for technician in technicians if technician.van_place_id]
    vans: dict[UUID, dict[str, int]] = {}
    for stock in unit.session.scalars(
        select(VanStock).where(VanStock.place_id.in_(places), VanStock.on_hand > 0)
    ):
        vans.setdefault(stock.place_id, {})[str(stock.part_id)] = stock.on_hand
    return vans


def keep_answer(
    unit: Unit, plan_id: UUID, question: dict[str, Any], answer: dict[str, Any]
) -> None:
    """Keep the planner's answer as a proposal, once the validator has found nothing against it."""
    plan = unit.take(DayPlan, plan_id)
    if plan is None or plan.state is not PlanState.RUNNING:
        return
    found = plan_from_json(answer)
    broken = violations(problem_from_json(question), found)
    if broken:
        plan.state, plan.message = PlanState.FAILED, f"The plan broke a rule: {broken[0]}"
        return
    day = Day(plan.day, ZoneInfo(organisation_of(unit).timezone))
    parts = part_ids(visits_to_plan(unit, plan.day))
    skus = {
        str(part_id): sku
        for part_id, sku in unit.session.execute(
            select(Part.id, Part.sku).where(Part.id.in_(parts))
        )
    }
    names = {str(row.id): row.name for row in _technicians(unit, plan)}
    plan.routes = routes_of(day, found)
    plan.unplaced = unplaced_of(found, names, skus)
    plan.cost = answer["cost"]
    plan.state, plan.progress, plan.message = PlanState.PROPOSED, 100, ""


def fail_plan(unit: Unit, plan_id: UUID, message: str) -> None:
    """Note that no plan could be found, and why."""
    plan = unit.take(DayPlan, plan_id)
    if plan is not None and plan.state in (PlanState.QUEUED, PlanState.RUNNING):
        plan.state, plan.message = PlanState.FAILED, message[:500]


def publish_plan(unit: Unit, plan_id: UUID) -> DayPlan:
    """Make a proposal the plan of the day. What changed since it was planned is left as it is, and named.

    Raises NotFound, Conflict when there is nothing to publish.
    """
    plan = plan_for(unit, plan_id, change=True)
    if plan.state is PlanState.PUBLISHED:
        return plan
    if plan.state is not PlanState.PROPOSED:
        raise Conflict("Only a finished proposal can be published.", state=plan.state.value)
    refused: list[dict[str, Any]] = []
    orders: dict[UUID, WorkOrder] = {}
    for route in plan.routes:
        for position, stop in enumerate(route["stops"], start=1):
            visit = _unchanged(unit, plan, UUID(stop["visit_id"]), refused)
            if visit is not None and visit.state not in UNDER_WAY:
                place_visit(
                    unit,
                    visit,
                    technician_id=UUID(route["technician_id"]),
                    day=plan.day,
                    arrives_at=datetime.fromisoformat(stop["arrives_at"]),
                    departs_at=datetime.fromisoformat(stop["departs_at"]),
                    travel_s=stop["travel_s"],
                    position=position,
                    state=VisitState.DISPATCHED,
                )
                _note_order(unit, visit, orders)
    for left in plan.unplaced:
        visit = _unchanged(unit, plan, UUID(left["visit_id"]), refused)
        if visit is not None and visit.state in WAITING and visit.day is not None:
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
            _note_order(unit, visit, orders)
    for order in orders.values():
        refresh_order(unit, order)
    plan.refused, plan.state, plan.published_at = refused, PlanState.PUBLISHED, unit.happened_at
    unit.record(PlanPublished(plan.id))
    return plan


def move_visits(unit: Unit, *, moves: list[dict[str, Any]]) -> list[Visit]:
    """Put visits where a dispatcher wants them, all or none; what somebody changed meanwhile stays.

    Raises NotFound, Conflict for a visit that is under way or over, StaleVersion for one that is
    not as it was seen.
    """
    require(unit.actor, "order.change")
    moved = []
    for move in moves:
        visit = visit_for(unit, move["visit_id"], change=True)
        if visit.version != move["version"]:
            raise StaleVersion(
                "Somebody else changed one of these visits at the same time. Nothing was moved;"
                " load the board again.",
                visit_id=str(visit.id),
                version=visit.version,
            )
        names = ("technician_id", "day", "arrives_at")
        changes = {
            name: move[name]
            for name in names
            if name in move and move[name] != getattr(visit, name)
        }
        if "technician_id" in changes:
            # With somebody else the hour is settled anew, be it the same.
            changes["arrives_at"] = move.get("arrives_at")
        edit_visit(unit, visit.id, **changes)
        # The order of the day was the plan's; from here on the times tell it.
        visit.departs_at, visit.travel_s = move.get("departs_at"), move.get("travel_s")
        visit.position = move.get("position")
        moved.append(visit)
    return moved


def _unchanged(
    unit: Unit, plan: DayPlan, visit_id: UUID, refused: list[dict[str, Any]]
) -> Visit | None:
    visit = unit.take(Visit, visit_id)
    if visit is not None and visit.version == plan.seen.get(str(visit_id)):
        return visit
    refused.append(
        {
            "visit_id": str(visit_id),
            "code": "changed",
            "message": "This visit was changed after the plan was made; it was left as it is.",
        }
    )
    return None


def _note_order(unit: Unit, visit: Visit, orders: dict[UUID, WorkOrder]) -> None:
    order = unit.take(WorkOrder, visit.order_id)
    if order is not None:
        orders[order.id] = order
