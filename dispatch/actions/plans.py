"""What dispatchers do with days: ask for a plan, call it off; and what becomes of the answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from core.errors import Conflict, Invalid
from core.ids import new_id
from core.unit import Unit
from dispatch.asking import Asking
from dispatch.days import Pieces, routes_of, unplaced_of
from dispatch.desk import days_at, laid_out
from dispatch.engine.plan import Plan
from dispatch.engine.problem import Problem
from dispatch.engine.problem import Visit as Asked
from dispatch.events import PlanAsked
from dispatch.models import DayPlan, PlanKind, PlanState
from dispatch.queries import plan_for, proposals, today_of
from dispatch.standing import settled, standing
from dispatch.weighing import wrong
from parts.models import Part
from people.models import Technician
from people.permissions import require
from people.queries import technician_for
from work.models import Visit
from work.queries import visit_for

# What leaving out an emergency costs while others are moved for it.
ABOVE_ALL = 10_000_000
FARTHEST = timedelta(days=366)
EXPIRED = "Its days are over, and nobody decided on it."


@dataclass(frozen=True, slots=True)
class Posed:
    """What the question of a plan is made of, above how many visits it is split, and how many may move."""

    pieces: Pieces
    split_above: int
    budget: int | None = None


def ask_plan(
    unit: Unit,
    *,
    day: date,
    days: int = 1,
    seconds: int = 3,
    seed: int = 0,
    technician_ids: list[UUID] | None = None,
    **supposed: Any,
) -> DayPlan:
    """Ask for a plan of a day, or of several on end; a job works it out.

    `supposed` is what is to be different from usual, as `Asking` names it: with any of it the plan
    answers what would be if.
    Raises NotFound for a technician or a visit that is not there, Invalid for a day that is over or far away, for
    nobody to plan for and for prices that are none.
    """
    require(unit.actor, "plan.change")
    if day < today_of(unit):
        raise Invalid("A day that is over cannot be planned.", fields={"day": ["Over."]})
    if day > today_of(unit) + FARTHEST:
        message = "A plan is made for the coming year."
        raise Invalid(message, fields={"day": [message]})
    asking = Asking.of(technician_ids=technician_ids, **supposed)
    if technician_ids is not None and not technician_ids:
        raise Invalid("Choose somebody to plan for.", fields={"technician_ids": ["Missing."]})
    for one in (*(technician_ids or ()), *supposed.get("without", ())):
        technician_for(unit, one)
    for one in supposed.get("left_out", ()):
        visit_for(unit, one)
    if bad := wrong(asking.weights):
        raise Invalid("These prices cannot be taken.", fields=bad)
    kind = PlanKind.WHAT_IF if asking.is_what_if else PlanKind.PLAN
    plan = new_plan(unit, day, days, asking, kind=kind, seconds=seconds, seed=seed)
    unit.record(PlanAsked(plan.id))
    return plan


def new_plan(
    unit: Unit,
    day: date,
    days: int,
    asking: Asking,
    *,
    kind: PlanKind,
    seconds: int = 0,
    seed: int = 0,
) -> DayPlan:
    """Write down what is asked; nothing is answered yet."""
    chosen = asking.technician_ids
    return unit.add(
        DayPlan(
            id=new_id(),
            day=day,
            days=days,
            kind=kind,
            asked=asking.kept(),
            state=PlanState.QUEUED,
            seconds=seconds,
            seed=seed,
            technician_ids=sorted(chosen) if chosen is not None else None,
            progress=0,
            message="",
            seen={},
            cost={},
            routes=[],
            unplaced=[],
            refused=[],
            published=[],
            asked_by=unit.actor.account_id,
            created_at=unit.happened_at,
        )
    )


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


def clear_proposals(unit: Unit, *, day: date | None = None) -> int:
    """Throw away every undecided proposal that has this day, or today, among its own; return how many.

    What is being searched for goes on, and what was made by itself waits for its own word.
    """
    require(unit.actor, "plan.change")
    return _put_away(
        unit,
        [
            plan.id
            for plan in proposals(unit, day or today_of(unit))
            if plan.state is PlanState.PROPOSED and not plan.by_itself
        ],
    )


def expire_proposals(unit: Unit) -> int:
    """Put away the proposals whose days are over and that nobody has decided on; return how many."""
    require(unit.actor, "plan.change")
    today = today_of(unit)
    query = select(DayPlan.id, DayPlan.day, DayPlan.days).where(
        DayPlan.state == PlanState.PROPOSED, DayPlan.day < today
    )
    over = [
        plan_id
        for plan_id, day, days in unit.session.execute(query)
        if day + timedelta(days=days) <= today
    ]
    return _put_away(unit, over, EXPIRED)


def _put_away(unit: Unit, plan_ids: Sequence[UUID], why: str = "") -> int:
    plans = [unit.take(DayPlan, plan_id) for plan_id in sorted(plan_ids)]
    open_ = [plan for plan in plans if plan is not None and plan.state is PlanState.PROPOSED]
    for plan in open_:
        plan.state, plan.message = PlanState.CANCELLED, why
    return len(open_)


def pose_problem(unit: Unit, plan: DayPlan) -> Posed:
    """Write the days down as the planner's question, and note the version of every visit it sees."""
    asking = Asking.read(plan.technician_ids, plan.asked)
    desk = laid_out(unit, days_at(unit, plan.day, plan.days), asking)
    pieces = desk.pieces()
    if desk.terms.frozen_s:
        # What is about to begin is locked to the minute at which it can begin.
        problem = desk.problem()
        live = standing(problem, desk.holders())
        pieces = replace(pieces, visits=_first(settled(problem, live).visits, asking))
    note_seen(plan, pieces, [*desk.visits, *desk.left_out])
    plan.state, plan.progress = PlanState.RUNNING, 0
    return Posed(pieces, desk.rules.split_above, asking.budget)


def _first(visits: Sequence[Asked], asking: Asking) -> tuple[Asked, ...]:
    """Return the visits with the one that everything is about before all others."""
    name = asking.event.get("visit_id")
    return tuple(replace(one, penalty=ABOVE_ALL) if one.id == name else one for one in visits)


def note_seen(plan: DayPlan, asked_for: Pieces | Problem, visits: Sequence[Visit]) -> None:
    """Note the version of every visit that the planner sees."""
    asked = {visit.id for visit in asked_for.visits} | set(plan.asked.get("left_out", ()))
    plan.seen = {str(visit.id): visit.version for visit in visits if str(visit.id) in asked}


def keep_answer(unit: Unit, plan_id: UUID, found: Plan, *, message: str = "") -> None:
    """Keep a plan, which the validator has found nothing against, as a proposal."""
    plan = unit.take(DayPlan, plan_id)
    if plan is None or plan.state is not PlanState.RUNNING:
        return
    write_answer(unit, plan, found)
    plan.message = message


def write_answer(unit: Unit, plan: DayPlan, found: Plan) -> None:
    """Write the planner's answer down as the proposal."""
    day = days_at(unit, plan.day, plan.days)
    plan.routes = routes_of(day, found)
    plan.unplaced = unplaced_of(day, found, _names(unit), _skus(unit, found))
    # What the dispatcher left out is taken from the plan with the rest of it.
    plan.unplaced += [
        {"visit_id": name, "reasons": []}
        for name in plan.asked.get("left_out", ())
        if name in plan.seen
    ]
    plan.cost = {**vars_of(found), "total": found.cost.total}
    plan.state, plan.progress, plan.message = PlanState.PROPOSED, 100, ""


def vars_of(found: Plan) -> dict[str, int]:
    """Return what a plan costs, term by term."""
    return {name: getattr(found.cost, name) for name in found.cost.__slots__}


def _names(unit: Unit) -> dict[str, str]:
    query = select(Technician.id, Technician.name)
    return {str(key): name for key, name in unit.session.execute(query)}


def _skus(unit: Unit, found: Plan) -> dict[str, str]:
    wanted = {
        UUID(str(reason.details["part"]))
        for left in found.unplaced
        for reason in left.reasons
        if "part" in reason.details
    }
    query = select(Part.id, Part.sku).where(Part.id.in_(wanted))
    return {str(key): sku for key, sku in unit.session.execute(query)} if wanted else {}


def fail_plan(unit: Unit, plan_id: UUID, message: str) -> None:
    """Note that no plan could be found, and why."""
    plan = unit.take(DayPlan, plan_id)
    if plan is not None and plan.state in (PlanState.QUEUED, PlanState.RUNNING):
        plan.state, plan.message = PlanState.FAILED, message[:500]
