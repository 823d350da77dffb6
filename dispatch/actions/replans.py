"""Answers to what happens: kept as proposals, never published by themselves."""

from datetime import date
from typing import Any
from uuid import UUID

from core.unit import Unit
from dispatch.actions.plans import new_plan, write_answer
from dispatch.events import PlanAsked
from dispatch.models import DayPlan, PlanKind, PlanState
from dispatch.replanning import Replan, asked
from people.permissions import require


def keep_replan(unit: Unit, replan: Replan) -> DayPlan:
    """Keep an answer as a proposal."""
    require(unit.actor, "plan.change")
    plan = new_plan(unit, replan.day, replan.days, replan.asking, kind=replan.kind)
    plan.seen = dict(replan.seen)
    write_answer(unit, plan, replan.plan)
    return plan


def keep_instead(unit: Unit, plan_id: UUID, replan: Replan) -> None:
    """Keep an answer in the place of one that was searched for."""
    plan = unit.take(DayPlan, plan_id)
    if plan is not None and plan.state is PlanState.RUNNING:
        plan.seen = dict(replan.seen)
        write_answer(unit, plan, replan.plan)


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
