"""Answers to what happens: kept as proposals, never published by themselves."""

from datetime import date
from typing import Any
from uuid import UUID

from core.unit import Unit
from dispatch.actions.plans import new_plan, write_answer
from dispatch.events import PlanAsked
from dispatch.models import DayPlan, PlanKind, PlanState
from dispatch.replanning import Replan, asked
from dispatch.watching import Look, is_answered
from people.permissions import require

SUPERSEDED = "A newer proposal has taken the place of this one."
SETTLED = "What this proposal was made for is settled."


def keep_replan(unit: Unit, replan: Replan) -> DayPlan:
    """Keep an answer as a proposal."""
    require(unit.actor, "plan.change")
    plan = new_plan(unit, replan.day, replan.days, replan.asking, kind=replan.kind)
    plan.seen = dict(replan.seen)
    write_answer(unit, plan, replan.plan)
    plan.message = replan.note
    return plan


def keep_look(unit: Unit, seen: Look) -> DayPlan | None:
    """Keep the answer to what has happened, and put away what it replaces and what has settled itself."""
    require(unit.actor, "plan.change")
    if seen.replan is not None and is_answered(unit, seen.replan):
        # Another process has looked at the same time.
        return None
    for plan_id, why in (
        *((one, SUPERSEDED) for one in seen.superseded),
        *((one, SETTLED) for one in seen.settled),
    ):
        plan = unit.take(DayPlan, plan_id)
        if plan is not None and plan.state is PlanState.PROPOSED and not plan.published:
            plan.state, plan.message = PlanState.CANCELLED, why
    if seen.replan is None:
        return None
    plan = keep_replan(unit, seen.replan)
    plan.by_itself = True
    return plan


def keep_instead(unit: Unit, plan_id: UUID, replan: Replan) -> None:
    """Keep an answer in the place of one that was searched for."""
    plan = unit.take(DayPlan, plan_id)
    if plan is not None and plan.state is PlanState.RUNNING:
        plan.seen = dict(replan.seen)
        write_answer(unit, plan, replan.plan)
        plan.message = replan.note


def search_replan(
    unit: Unit, *, kind: PlanKind, day: date, days: int = 1, seconds: int, **about: Any
) -> DayPlan:
    """Ask for an answer that is searched for longer, within the same budget; a job works it out.

    `about` and what is refused are as `dispatch.replanning.asked` has them.
    """
    asking, _ = asked(unit, kind, day=day, days=days, **about)
    plan = new_plan(unit, day, days, asking, kind=kind, seconds=seconds)
    unit.record(PlanAsked(plan.id))
    return plan
