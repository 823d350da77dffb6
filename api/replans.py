"""What happens during the day, and what to do about it, at the REST door: absences, answers, comparisons, rules."""

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

from flask import Response
from flask.views import MethodView

from api.doors import Blueprint, performs, reads
from core.shapes import page_of
from core.unit import Unit
from dispatch import actions, replanning
from dispatch.comparisons import comparison
from dispatch.desk import days_at
from dispatch.models import DayPlan, PlanKind
from dispatch.planner import NotReady
from dispatch.queries import absences, plan_view, planning_rules, rules_view, today_of
from dispatch.schemas import (
    AbsenceFilter,
    AbsenceView,
    AskReplan,
    Compare,
    ComparisonView,
    NoteAbsence,
    PlanView,
    RulesIn,
    RulesView,
)

blp = Blueprint(
    "replans",
    __name__,
    url_prefix="/v1/dispatch",
    description="What happens during the day, and what to do about it.",
)

# How long an answer is searched for where the planner cannot give one at once.
SEARCHED_S = 2


@blp.route("/replans")
class Replans(MethodView):
    """Answers to what happened."""

    @blp.arguments(AskReplan)
    @blp.response(201, PlanView)
    def post(self, data: dict[str, Any]) -> Response:
        """Propose what to do about an emergency, a cancellation or an absence, moving as little as can be. Nothing is published."""
        return performs(
            _answer(**data), PlanView, name="plan.replan", status=201, present=plan_view
        )


def _answer(
    *, event: str, seconds: int, day: date | None = None, **asked: Any
) -> Callable[[Unit], DayPlan]:
    """Work the answer out while nothing is locked; return what keeps it, or has it searched for."""
    kind = PlanKind(event)
    with reads() as unit:
        first = day or today_of(unit)
        if not seconds:
            try:
                replan = replanning.answer(unit, kind, day=first, **asked)
            except NotReady:
                seconds = SEARCHED_S
            else:
                return lambda writing: actions.keep_replan(writing, replan)
    return lambda writing: actions.search_replan(
        writing, kind=kind, day=first, seconds=seconds, **asked
    )


@blp.route("/absences")
class Absences(MethodView):
    """Who is not to be had."""

    @blp.arguments(AbsenceFilter, location="query")
    @blp.response(200, page_of(AbsenceView))
    def get(self, data: dict[str, Any]) -> dict[str, Any]:
        """List who is away on a day, or on several."""
        with reads() as unit:
            day = days_at(unit, data.get("day") or today_of(unit), data["days"])
            return {"items": list(absences(unit, day)), "next": None}

    @blp.arguments(NoteAbsence)
    @blp.response(201, AbsenceView)
    def post(self, data: dict[str, Any]) -> Response:
        """Note that a technician is sick, on leave, or late; every plan keeps to it from now on."""
        return performs(
            lambda unit: actions.note_absence(unit, **data),
            AbsenceView,
            name="absence.note",
            status=201,
        )


@blp.route("/absences/<uuid:absence_id>")
class OneAbsence(MethodView):
    """One absence."""

    @blp.response(200, AbsenceView)
    def delete(self, absence_id: UUID) -> Response:
        """Note that the technician is there after all."""
        return performs(
            lambda unit: actions.call_off_absence(unit, absence_id),
            AbsenceView,
            name="absence.call_off",
        )


@blp.route("/comparison")
class Comparison(MethodView):
    """Proposals side by side."""

    @blp.arguments(Compare, location="query")
    @blp.response(200, ComparisonView)
    def get(self, data: dict[str, Any]) -> dict[str, Any]:
        """Compare proposals with the plan that runs or with one another: what moves, what is new, what it costs and gains, term by term."""
        with reads() as unit:
            return comparison(unit, data["plans"], against=data.get("against"))


@blp.route("/rules")
class Rules(MethodView):
    """What plans cost and allow."""

    @blp.response(200, RulesView)
    def get(self) -> dict[str, Any]:
        """Show the company's prices and limits for plans, and the usual ones."""
        with reads() as unit:
            return rules_view(unit, planning_rules(unit))

    @blp.arguments(RulesIn)
    @blp.response(200, RulesView)
    def put(self, data: dict[str, Any]) -> Response:
        """Set prices and limits for plans; what is not said stays."""
        return performs(
            lambda unit: actions.set_planning_rules(unit, **data),
            RulesView,
            name="plan.rules",
            present=rules_view,
        )
