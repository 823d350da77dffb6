"""Plans at the REST door."""

from typing import Any
from uuid import UUID

from flask import Response, current_app
from flask.blueprints import BlueprintSetupState
from flask.views import MethodView

from api.doors import Blueprint, answer, current_actor, performs, reads
from api.herd import Gate
from core.shapes import page_of
from dispatch import actions
from dispatch.planner import planner
from dispatch.problems import solve_problem
from dispatch.queries import plan_for, plan_view, proposal_lines
from dispatch.questions import check_placing
from dispatch.schemas import (
    AskPlan,
    CheckPlacing,
    MovedView,
    MoveVisits,
    PlacingView,
    PlanFilter,
    PlanLine,
    PlanView,
    ProblemIn,
    Publish,
    SolutionView,
)

blp = Blueprint(
    "dispatch", __name__, url_prefix="/v1/dispatch", description="Who goes where, when and why."
)


def _set_up_gate(state: BlueprintSetupState) -> None:
    most = state.app.extensions["fieldwright"].solves_at_once
    state.app.extensions["fieldwright.solving"] = Gate(most, queue=1)


blp.record(_set_up_gate)


@blp.route("/plans")
class Plans(MethodView):
    """Proposals for a day, or for several."""

    @blp.arguments(PlanFilter, location="query")
    @blp.response(200, page_of(PlanLine))
    def get(self, data: dict[str, Any]) -> dict[str, Any]:
        """List what is on the table for a day: what is being searched for and what was found, the newest first."""
        with reads() as unit:
            planner.start()
            return {"items": proposal_lines(unit, data.get("day")), "next": None}

    @blp.arguments(AskPlan)
    @blp.response(202, PlanView)
    def post(self, data: dict[str, Any]) -> Response:
        """Ask for a plan of one day or several, as usual or as it would be if. It is worked out as a job; ask for it again to see how far it is."""
        return performs(
            lambda unit: actions.ask_plan(unit, **data),
            PlanView,
            name="plan.ask",
            status=202,
            present=plan_view,
        )

    @blp.arguments(PlanFilter, location="query")
    @blp.response(204)
    def delete(self, data: dict[str, Any]) -> Response:
        """Throw away every undecided proposal for a day together; those made by themselves stay."""
        return performs(
            lambda unit: actions.clear_proposals(unit, **data),
            None,
            name="plan.clear",
            status=204,
        )


@blp.route("/plans/<uuid:plan_id>")
class OnePlan(MethodView):
    """One proposal."""

    @blp.response(200, PlanView)
    def get(self, plan_id: UUID) -> dict[str, Any]:
        """Show a proposal: its progress, then its routes, its cost term by term, and every reason."""
        with reads() as unit:
            return plan_view(unit, plan_for(unit, plan_id))

    @blp.response(200, PlanView)
    def delete(self, plan_id: UUID) -> Response:
        """Call the search off, or throw the proposal away."""
        return performs(
            lambda unit: actions.cancel_plan(unit, plan_id),
            PlanView,
            name="plan.cancel",
            present=plan_view,
        )


@blp.route("/plans/<uuid:plan_id>/publication")
class Publication(MethodView):
    """From a proposal to the plan of the day."""

    @blp.arguments(Publish)
    @blp.response(200, PlanView)
    def put(self, data: dict[str, Any], plan_id: UUID) -> Response:
        """Publish the proposal, or a part of it that can stand alone; what changed since it was planned is left as it is, and named."""
        return performs(
            lambda unit: actions.publish_plan(unit, plan_id, **data),
            PlanView,
            name="plan.publish",
            present=plan_view,
        )


@blp.route("/check")
class Check(MethodView):
    """A visit held over a day."""

    @blp.arguments(CheckPlacing)
    @blp.response(200, PlacingView)
    def post(self, data: dict[str, Any]) -> dict[str, Any]:
        """Tell which rules a visit would break at this technician and hour, and the day as it would be. Nothing is written."""
        with reads() as unit:
            return check_placing(unit, **data)


@blp.route("/moves")
class Moves(MethodView):
    """Visits that are moved by hand."""

    @blp.arguments(MoveVisits)
    @blp.response(200, MovedView)
    def post(self, data: dict[str, Any]) -> Response:
        """Move visits together. When one is not as it was seen, nothing is moved."""
        return performs(
            lambda unit: actions.move_visits(unit, **data),
            MovedView,
            name="visit.move",
            present=lambda _, visits: {"visits": visits},
        )


@blp.route("/solve")
class Solve(MethodView):
    """The planner by itself."""

    @blp.arguments(ProblemIn)
    @blp.response(200, SolutionView)
    def post(self, data: dict[str, Any]) -> Response:
        """Plan a problem in the JSON of VROOM and answer in it, with reasons; nothing of it is kept. See docs/dispatch.md."""
        gate: Gate = current_app.extensions["fieldwright.solving"]
        with gate.passing():
            return answer(solve_problem(current_actor(), data))
